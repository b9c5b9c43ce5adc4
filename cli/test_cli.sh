#!/bin/sh
# test_cli.sh: the command from outside: exit statuses, hints, JSON, and a config that changes
# under a running `freehold control`. Called with the path of the program.
# SPDX-License-Identifier: Apache-2.0
set -u

freehold=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export AWS_ACCESS_KEY_ID=AKID AWS_SECRET_ACCESS_KEY=S3CRET
unset AWS_BEARER_TOKEN_BEDROCK AWS_SESSION_TOKEN
export FREEHOLD_STATE="$dir/state" FREEHOLD_CONFIG="$dir/freehold.yaml"
count=0

cat >"$dir/freehold.yaml" <<'YAML'
providers: {local: {kind: local}}
models: {smollm2: {routes: [{provider: local}]}}
YAML

# check NAME STATUS PATTERN COMMAND…: the exit status, and a line of what was said
check() {
    name=$1 status=$2 pattern=$3
    shift 3
    count=$((count + 1))
    said=$("$@" 2>&1)
    got=$?
    if [ "$got" = "$status" ] && printf '%s\n' "$said" | grep -q -- "$pattern"; then
        echo "ok $count - $name"
    else
        echo "not ok $count - $name"
        echo "# status $got, wanted $status and \"$pattern\" in:"
        printf '%s\n' "$said" | sed 's/^/#   /'
    fi
}

# wait_for PATTERN: until control has said it
wait_for() {
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        grep -q -- "$1" "$dir/log" && return 0
        sleep 0.25
    done
    cat "$dir/log"
    return 1
}

check 'no command' 2 'usage: freehold COMMAND' "$freehold"
check 'help' 0 'key create NAME' "$freehold" --help
check 'version' 0 '^freehold [0-9]' "$freehold" --version
check 'help of a command' 0 '--plan PLAN' "$freehold" key create --help
check 'help, asked the other way' 0 'usage: freehold key revoke ID|NAME' "$freehold" help key revoke
check 'a slip of the finger' 2 'did you mean "check"?' "$freehold" chekc
check 'a slip in an option' 2 'did you mean --json?' "$freehold" check --jsno
check 'an option without its value' 2 '--state needs DIR' "$freehold" check --state
check 'a value too many' 2 '--json takes no value' "$freehold" check --json=1
check 'an argument too many' 2 '"b" is one argument too many' "$freehold" check a b
check 'an argument too few' 2 'it needs NAME' "$freehold" key create
check 'half a command' 2 'key revoke ID|NAME' "$freehold" key
check 'one dash' 2 'two dashes' "$freehold" check -j

check 'a good config' 0 'smollm2' "$freehold" check
check 'a good config as JSON' 0 '^{"valid":true,' "$freehold" check --json
echo 'limits: {body_max: 32}' >"$dir/bad.yaml"
check 'a bad config' 1 'bad.yaml:1:20: limits.body_max: needs a number and a unit' \
    "$freehold" check "$dir/bad.yaml"
check 'a bad config as JSON' 1 '"errors":\[{"line":1,"column":20,"key":"limits.body_max"' \
    "$freehold" check --json "$dir/bad.yaml"
check 'no config' 3 'cannot be read' "$freehold" check "$dir/nowhere.yaml"
check 'the manual' 0 '| `body_max` |' "$freehold" check --manual

check 'no store yet' 3 'there is no policy store' "$freehold" key list
check 'a key' 0 '^{"id":"key_[a-z2-7]*","name":"ann","key":"fh-[A-Za-z0-9]\{43\}",' \
    "$freehold" key create ann --json
check 'the name is taken' 1 'there is a key called "ann"' "$freehold" key create ann
check 'a name with a blank' 2 'no blanks' "$freehold" key create 'a b'
check 'the list' 0 'in use' "$freehold" key list
check 'no secret in the list' 1 '^$' sh -c "'$freehold' key list --json | grep -E 'fh-|secret'"
check 'revoked' 0 'ann is revoked' "$freehold" key revoke ann
check 'revoked twice' 1 'was revoked before' "$freehold" key revoke ann
check 'nobody to revoke' 1 'there is no key "bob"' "$freehold" key revoke bob
check 'listed as revoked' 0 '"revoked":true' "$freehold" key list --json

"$freehold" control 2>"$dir/log" &
control=$!
check 'control publishes' 0 '' wait_for 'policy [0-9]* is in force: models 1'
check 'only one control' 3 'another `freehold control`' "$freehold" control
echo '  more: {routes: [{provider: nowhere}]}' >>"$dir/freehold.yaml"
check 'a broken change is not taken over' 0 '' wait_for 'the last policy stays in force'
cat >"$dir/freehold.yaml" <<'YAML'
providers: {local: {kind: local}}
models:
  smollm2: {routes: [{provider: local}]}
  more: {routes: [{provider: local}]}
YAML
check 'a change is taken over' 0 '' wait_for 'is in force: models 2'
echo 'workers: 2' >>"$dir/freehold.yaml"
check 'some changes wait for a restart' 0 '' wait_for 'waits for a restart'
cat >"$dir/freehold.yaml" <<'YAML'
providers:
  local: {kind: local}
  aws: {kind: bedrock, region: eu-central-1}
models:
  smollm2: {routes: [{provider: local}]}
  lent: {routes: [{provider: aws}]}
YAML
check 'credentials are obtained' 0 '' wait_for 'aws has credentials: AWS_ACCESS_KEY_ID in the env'
check 'and are there for workers' 0 '^secret_access_key S3CRET' \
    cat "$FREEHOLD_STATE/credentials/aws"
check 'no secret is said' 1 '^$' grep S3CRET "$dir/log"
check 'check names their source' 0 'aws credentials' "$freehold" check
check 'doctor says where they are from' 0 \
    'aws: credentials from AWS_ACCESS_KEY_ID in the environment, do not expire$' \
    sh -c "'$freehold' doctor | grep credentials"
kill -TERM "$control"
wait "$control"
check 'control ends when asked to' 0 '' test $? -eq 0
check 'it leaves nothing behind that is open' 0 '' \
    sh -c "test -z \"\$(find '$FREEHOLD_STATE' -perm /077)\""

echo "1..$count"
