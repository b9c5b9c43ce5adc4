/* test_chain_aws.c: AWS's chain, link by link.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/credentials/trace_chain.h"

#include "wire/sigv4.h"

#define ALONE                                                        \
    "AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=@DIR/config", \
        "AWS_SHARED_CREDENTIALS_FILE=@DIR/credentials"
#define STS             "AWS_ENDPOINT_URL_STS=@URL/"
#define KEYS            "aws_access_key_id = AKID\naws_secret_access_key = S3CRET/+=\n"
#define ROLE(n)         "arn:aws:iam::123456789012:role/" n
#define AS_R            "AWS_ROLE_ARN=arn:aws:iam::123456789012:role/r"
#define ENCODED_ROLE(n) "arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2F" n
#define JSON(token)                                                                          \
    "{\"Code\":\"Success\",\"AccessKeyId\":\"ASIA\",\"SecretAccessKey\":\"S3CRET\",\"" token \
    "\":\"SESSION\",\"Expiration\":\"2026-01-01T01:00:00Z\"}"
#define XML                                                                                 \
    "<AssumeRoleResponse "                                                                  \
    "xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>"                \
    "<AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/r/freehold</Arn></AssumedRoleUser>"  \
    "<Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>S3CRET</SecretAccessKey>" \
    "<SessionToken>SESSION==</SessionToken><Expiration>2026-01-01T01:00:00Z</Expiration>"   \
    "</Credentials></AssumeRoleResult></AssumeRoleResponse>"
#define XML_ERROR                                                                         \
    "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User: a " \
    "&amp; "                                                                              \
    "b is not authorized to perform: sts:AssumeRole</Message></Error></ErrorResponse>"
#define GOT     "aws id=ASIA secret=S3CRET session=SESSION"
#define GOT_XML "aws id=ASIA secret=S3CRET session=SESSION=="
#define AN_HOUR " expires=+3600 from="
#define IMDS    "AWS_EC2_METADATA_SERVICE_ENDPOINT=@URL/"
#define ROLES   "/latest/meta-data/iam/security-credentials/"

static const struct row environment_rows[] = {
    {.name = "a pair",
     .env = {ALONE, "AWS_ACCESS_KEY_ID=AKID", "AWS_SECRET_ACCESS_KEY=S3CRET",
             "AWS_REGION=eu-central-1"},
     .want = "aws id=AKID secret=S3CRET region=eu-central-1 from=AWS_ACCESS_KEY_ID in the "
             "environment"},
    {.name = "with a session, and the region of the config",
     .settings = {.region = FH_LIT_INIT("us-east-2")},
     .env = {ALONE, "AWS_ACCESS_KEY_ID=AKID", "AWS_SECRET_ACCESS_KEY=S3CRET",
             "AWS_SESSION_TOKEN=SESSION", "AWS_REGION=eu-central-1"},
     .want = "aws id=AKID secret=S3CRET session=SESSION region=us-east-2 from="
             "AWS_ACCESS_KEY_ID in the environment"},
    {.name = "an end, and the other variable for the region",
     .env = {ALONE, "AWS_ACCESS_KEY_ID=AKID", "AWS_SECRET_ACCESS_KEY=S3CRET",
             "AWS_DEFAULT_REGION=r", "AWS_CREDENTIAL_EXPIRATION=2026-01-01T00:10:00+00:00"},
     .want = "aws id=AKID secret=S3CRET region=r expires=+600 from=AWS_ACCESS_KEY_ID in the "
             "environment"},
    {.name = "the end is past",
     .env = {ALONE, "AWS_ACCESS_KEY_ID=AKID", "AWS_SECRET_ACCESS_KEY=S3CRET",
             "AWS_CREDENTIAL_EXPIRATION=2025-12-31T23:00:00-00:59"},
     .want = "system: the environment: AWS_ACCESS_KEY_ID in the environment gave credentials "
             "that have expired, 60 s ago; is this machine's clock right?"},
    {.name = "no end",
     .env = {ALONE, "AWS_ACCESS_KEY_ID=AKID", "AWS_SECRET_ACCESS_KEY=S3CRET",
             "AWS_CREDENTIAL_EXPIRATION=tomorrow"},
     .want = "syntax: the environment: AWS_CREDENTIAL_EXPIRATION is no time, such as "
             "2026-01-31T12:30:05Z"},
    {.name = "half a pair",
     .env = {ALONE, "AWS_SECRET_ACCESS_KEY=S3CRET"},
     .want =
         "syntax: the environment: of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY only one is "
         "set"},
    {.name = "Bedrock's own token counts more",
     .env = {ALONE, "AWS_ACCESS_KEY_ID=AKID", "AWS_SECRET_ACCESS_KEY=S3CRET",
             "AWS_BEARER_TOKEN_BEDROCK=ABSK"},
     .want = "token token=ABSK from=AWS_BEARER_TOKEN_BEDROCK in the environment"},
    {.name = "the profile of the config counts more than either",
     .settings = {.profile = FH_LIT_INIT("dev")},
     .env = {ALONE, "AWS_ACCESS_KEY_ID=OTHER", "AWS_SECRET_ACCESS_KEY=OTHER",
             "AWS_BEARER_TOKEN_BEDROCK=OTHER"},
     .file = {{"credentials", "[dev]\n" KEYS}},
     .want = "aws id=AKID secret=S3CRET/+= from=profile \"dev\" in @DIR/credentials"},
    {.name = "nothing at all",
     .env = {ALONE},
     .want =
         "missing: none are set up here (the environment: AWS_ACCESS_KEY_ID is not set; web "
         "identity: AWS_WEB_IDENTITY_TOKEN_FILE is not set; the profile: there is no profile "
         "\"default\" in @DIR/credentials and @DIR/config; the container: "
         "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is not set; the instance: "
         "AWS_EC2_METADATA_DISABLED is true)"},
};

static const struct row web_identity_rows[] = {
    {.name = "a pod with a role",
     .env = {ALONE, STS, "AWS_WEB_IDENTITY_TOKEN_FILE=@DIR/token", AS_R,
             "AWS_REGION=eu-central-1"},
     .file = {{"token", "eyJ.k8s\n"}},
     .on = {{"POST /", {.body = XML}}},
     .want = GOT_XML " region=eu-central-1" AN_HOUR
                     "role " ROLE("r") ", by the token in @DIR/token",
     .asked =
         {"\r\n\r\nAction=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=" ENCODED_ROLE(
             "r") "&RoleSessionName=freehold&WebIdentityToken=eyJ.k8s"}},
    {.name = "a name for the session",
     .env = {ALONE, STS, "AWS_WEB_IDENTITY_TOKEN_FILE=@DIR/token", AS_R,
             "AWS_ROLE_SESSION_NAME=gate"},
     .file = {{"token", "eyJ.k8s"}},
     .on = {{"POST /", {.body = XML}}},
     .want = GOT_XML AN_HOUR "role " ROLE("r") ", by the token in @DIR/token",
     .asked = {"&RoleSessionName=gate&"}},
    {.name = "the role does not trust it",
     .env = {ALONE, STS, "AWS_WEB_IDENTITY_TOKEN_FILE=@DIR/token", AS_R},
     .file = {{"token", "eyJ.k8s"}},
     .on = {{"POST /", {.status = 403, .body = XML_ERROR}}},
     .want =
         "system: web identity: @URL/ answered 403 AccessDenied: User: a & b is not "
         "authorized to perform: sts:AssumeRole; does the role trust this cluster's provider "
         "and this subject?"},
    {.name = "no role",
     .env = {ALONE, STS, "AWS_WEB_IDENTITY_TOKEN_FILE=@DIR/token"},
     .want =
         "syntax: web identity: AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not"},
    {.name = "no token",
     .env = {ALONE, STS, "AWS_WEB_IDENTITY_TOKEN_FILE=@DIR/token", AS_R},
     .want = "system: web identity: there is no @DIR/token"},
    {.name = "garbage",
     .env = {ALONE, STS, "AWS_WEB_IDENTITY_TOKEN_FILE=@DIR/token", AS_R},
     .file = {{"token", "eyJ.k8s"}},
     .on = {{"POST /", {.body = "</AccessKeyId>S3CRET<AccessKeyId>"}}},
     .want = "syntax: web identity: the answer of @URL/ has no keys in it"},
    {.name = "no end",
     .env = {ALONE, STS, "AWS_WEB_IDENTITY_TOKEN_FILE=@DIR/token", AS_R},
     .file = {{"token", "eyJ.k8s"}},
     .on = {{"POST /",
             {.body = "<AccessKeyId>A</AccessKeyId><SecretAccessKey>S3CRET</SecretAccessKey>"
                      "<SessionToken>S3CRET</SessionToken><Expiration>soon</Expiration>"}}},
     .want = "syntax: web identity: the answer of @URL/ has no Expiration in it"},
    {.name = "half an answer",
     .env = {ALONE, STS, "AWS_WEB_IDENTITY_TOKEN_FILE=@DIR/token", AS_R},
     .file = {{"token", "eyJ.k8s"}},
     .on = {{"POST /", {.body = XML, .how = STUB_HALF}}},
     .want = "system: web identity: @URL/ gave no answer: …"},
    {.name = "no answer",
     .env = {ALONE, STS, "AWS_WEB_IDENTITY_TOKEN_FILE=@DIR/token", AS_R},
     .file = {{"token", "eyJ.k8s"}},
     .on = {{"POST /", {.how = STUB_NEVER}}},
     .want = "system: web identity: @URL/ gave no answer: …",
     .timeout_ms = 100},
    {.name = "a region that is a path",
     .env = {ALONE, "AWS_REGION=x.example.com/", "AWS_WEB_IDENTITY_TOKEN_FILE=@DIR/token",
             AS_R},
     .file = {{"token", "eyJ.k8s"}},
     .want = "syntax: web identity: the region is none, such as eu-central-1"},
};

static const struct row profile_rows[] = {
    {.name = "the default one, in its usual place",
     .env = {"AWS_EC2_METADATA_DISABLED=true", "AWS_SHARED_CREDENTIALS_FILE=~/c"},
     .file = {{"c", "[default]\n" KEYS "aws_session_token = SESSION\nregion = eu-west-1\n"}},
     .want = "aws id=AKID secret=S3CRET/+= session=SESSION region=eu-west-1 from=profile "
             "\"default\" in @DIR/c"},
    {.name = "another, half of it in config",
     .env = {ALONE, "AWS_PROFILE=dev"},
     .file = {{"config", "[profile dev]\nregion = eu-west-1\naws_access_key_id = OTHER\n"},
              {"credentials", "[default]\nregion = x\n[dev]\n" KEYS}},
     .want = "aws id=AKID secret=S3CRET/+= region=eu-west-1 from=profile \"dev\" in "
             "@DIR/credentials"},
    {.name = "another, all of it in config",
     .env = {ALONE, "AWS_PROFILE=dev"},
     .file = {{"config", "[profile dev]\n" KEYS}},
     .want = "aws id=AKID secret=S3CRET/+= from=profile \"dev\" in @DIR/config"},
    {.name = "one that is not there",
     .env = {ALONE, "AWS_PROFILE=dev"},
     .file = {{"config", "[dev]\n" KEYS}},
     .want = "syntax: the profile: there is no profile \"dev\" in @DIR/credentials and "
             "@DIR/config"},
    {.name = "one with nothing in it",
     .env = {ALONE, "AWS_PROFILE=dev"},
     .file = {{"config", "[profile dev]\nregion = eu-west-1\n"}},
     .want = "syntax: the profile: profile \"dev\" has no credentials in it"},
    {.name = "half a pair",
     .env = {ALONE},
     .file = {{"config", "[default]\naws_secret_access_key = S3CRET\n"}},
     .want = "syntax: the profile: profile \"default\" has aws_secret_access_key without the "
             "other"},
    {.name = "a login in a browser",
     .env = {ALONE, "AWS_PROFILE=sso"},
     .file = {{"config", "[profile sso]\nsso_session = corp\n"}},
     .want =
         "unsupported: the profile: profile \"sso\" logs in by IAM Identity Center, which is "
         "left to AWS's own tool: in another profile, credential_process = aws configure "
         "export-credentials --profile sso --format process"},
    {.name = "a directory for a file",
     .env = {"AWS_SHARED_CREDENTIALS_FILE=@DIR", "AWS_CONFIG_FILE=@DIR/config"},
     .want = "system: the profile: @DIR cannot be read: …"},

    /* a program */
    {.name = "a program",
     .env = {ALONE, "PATH=/bin:/usr/bin"},
     .file = {{"config", "[default]\ncredential_process = cat \"@DIR/out\" ; true\n"},
              {"out",
               "{\"Version\":1,\"AccessKeyId\":\"ASIA\",\"SecretAccessKey\":\"S3CRET\","
               "\"SessionToken\":\"SESSION\",\"Expiration\":\"2026-01-01T02:00:00.5+01:00\"}"}},
     /* " ;" begins a comment */
     .want = GOT AN_HOUR "credential_process of profile \"default\" in @DIR/config"},
    {.name = "a program whose keys last",
     .env = {ALONE},
     .file = {{"config",
               "[default]\ncredential_process = echo "
               "'{\"Version\":1,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S\"}'\n"}},
     .want = "aws id=A secret=S from=credential_process of profile \"default\" in @DIR/config"},
    {.name = "a program that fails",
     .env = {ALONE},
     .file = {{"config",
               "[default]\ncredential_process = echo S3CRET; echo S3CRET >&2; exit 3\n"}},
     .want =
         "system: the profile: credential_process ended with status 3; run it by hand to see "
         "why"},
    {.name = "a program that is not there",
     .env = {ALONE},
     .file = {{"config", "[default]\ncredential_process = @DIR/nowhere\n"}},
     .want = "system: the profile: credential_process ended with status 127; run it by hand to "
             "see why"},
    {.name = "a program that is killed",
     .env = {ALONE},
     .file = {{"config", "[default]\ncredential_process = kill -9 $$\n"}},
     .want = "system: the profile: credential_process ended with status 137; run it by hand to "
             "see why"},
    {.name = "a program that prints something else",
     .env = {ALONE},
     .file = {{"config", "[default]\ncredential_process = echo S3CRET\n"}},
     .want =
         "syntax: the profile: what credential_process printed is no JSON that can be read (…"},
    {.name = "a program of another version",
     .env = {ALONE},
     .file = {{"config", "[default]\ncredential_process = echo '{\"Version\":2}'\n"}},
     .want = "unsupported: the profile: what credential_process printed is not of \"Version\": "
             "1"},
    {.name = "a program with no end to what it gives",
     .env = {ALONE},
     .file = {{"config", "[default]\ncredential_process = yes S3CRET\n"}},
     .want = "limit: the profile: credential_process printed more than 65536 bytes"},
    {.name = "a program that hangs",
     .env = {ALONE},
     .file = {{"config", "[default]\ncredential_process = sleep 1000 & sleep 1000\n"}},
     .want = "system: the profile: credential_process did not end in time",
     .timeout_ms = 200},
    {.name = "a program that says no more, and hangs",
     .env = {ALONE},
     .file = {{"config", "[default]\ncredential_process = exec >&-; sleep 1000\n"}},
     .want = "system: the profile: credential_process did not end in time",
     .timeout_ms = 200},
};

static const struct row role_rows[] = {
    {.name = "with the keys of another profile",
     .env = {ALONE, STS, "AWS_PROFILE=prod"},
     .file = {{"config",
               "[profile prod]\nrole_arn = " ROLE(
                   "p") "\nsource_profile = base\n"
                        "external_id = x&y\nduration_seconds = 900\nrole_session_name = s\n"},
              {"credentials", "[base]\n" KEYS}},
     .on = {{"POST /", {.body = XML}}},
     .want = GOT_XML AN_HOUR "role " ROLE("p") ", by profile \"base\" in @DIR/credentials",
     .asked = {"\r\n\r\nAction=AssumeRole&Version=2011-06-15&RoleArn=" ENCODED_ROLE(
         "p") "&RoleSessionName=s&DurationSeconds=900&ExternalId=x%26y"}},
    {.name = "with its own keys",
     .env = {ALONE, STS},
     .file = {{"credentials",
               "[default]\n" KEYS "role_arn = " ROLE("p") "\nsource_profile = default\n"}},
     .on = {{"POST /", {.body = XML}}},
     .want = GOT_XML AN_HOUR "role " ROLE("p") ", by profile \"default\" in @DIR/credentials"},
    {.name = "by way of another role",
     .env = {ALONE, STS, "AWS_PROFILE=a"},
     .file = {{"config", "[profile a]\nrole_arn = " ROLE("a") "\nsource_profile = b\n"
                                                              "[profile b]\nrole_arn = " ROLE(
                                                                  "b") "\nsource_profile = c\n"
                                                                       "[profile c]\n" KEYS}},
     .on = {{"POST /", {.body = XML}}},
     .want = GOT_XML AN_HOUR "role " ROLE("a") ", by role " ROLE("b") ", by profile \"c\" in "
                                                                      "@DIR/config",
     .asked = {"RoleArn=" ENCODED_ROLE("b"), "RoleArn=" ENCODED_ROLE("a")}},
    {.name = "round and round",
     .env = {ALONE, STS, "AWS_PROFILE=a"},
     .file = {{"config",
               "[profile a]\nrole_arn = " ROLE("a") "\nsource_profile = b\n"
                                                    "[profile b]\nrole_arn = " ROLE(
                                                        "b") "\nsource_profile = a\n"}},
     .want =
         "limit: the profile: more than 5 roles one behind the other; does a source_profile "
         "lead back?"},
    {.name = "with keys of the environment",
     .env = {ALONE, STS, "AWS_SESSION_TOKEN=S", "AWS_ACCESS_KEY_ID=", "AWS_PROFILE=a"},
     .file = {{"config",
               "[profile a]\nrole_arn = " ROLE("a") "\ncredential_source = Environment\n"}},
     .want = "syntax: the profile: AWS_ACCESS_KEY_ID is not set"},
    {.name = "with keys of the container",
     .env = {ALONE, STS, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/v2/1", "AWS_PROFILE=a"},
     .file = {{"config",
               "[profile a]\nrole_arn = " ROLE("a") "\ncredential_source = EcsContainer\n"}},
     .on = {{"GET /v2/1", {.body = JSON("Token")}}, {"POST /", {.body = XML}}},
     .want = GOT_XML AN_HOUR "role " ROLE("a") ", by the container's @URL/v2/1"},
    {.name = "with keys of nobody",
     .env = {ALONE, STS, "AWS_PROFILE=a"},
     .file = {{"config", "[profile a]\nrole_arn = " ROLE("a") "\ncredential_source = Moon\n"}},
     .want = "syntax: the profile: credential_source of profile \"a\" is none of Environment, "
             "EcsContainer, Ec2InstanceMetadata"},
    {.name = "with nothing",
     .env = {ALONE, STS, "AWS_PROFILE=a"},
     .file = {{"config", "[profile a]\nrole_arn = " ROLE("a") "\n"}},
     .want =
         "syntax: the profile: profile \"a\" has a role_arn, but neither source_profile nor "
         "credential_source"},
    {.name = "with a profile that is not there",
     .env = {ALONE, STS, "AWS_PROFILE=a"},
     .file = {{"config", "[profile a]\nrole_arn = " ROLE("a") "\nsource_profile = b\n"}},
     .want = "syntax: the profile: there is no source_profile \"b\""},
    {.name = "with a code from a device",
     .env = {ALONE, STS, "AWS_PROFILE=a"},
     .file = {{"config", "[profile a]\nrole_arn = " ROLE("a") "\nmfa_serial = arn\n"}},
     .want = "unsupported: the profile: profile \"a\" wants a code from a device (mfa_serial), "
             "and nobody is there to type one"},
    {.name = "with a token in a file",
     .env = {ALONE, STS, "AWS_PROFILE=a"},
     .file = {{"config", "[profile a]\nrole_arn = " ROLE("a") "\nweb_identity_token_file = "
                                                              "@DIR/token\n"},
              {"token", "eyJ"}},
     .on = {{"POST /", {.body = XML}}},
     .want = GOT_XML AN_HOUR "role " ROLE("a") ", by the token in @DIR/token",
     .asked = {"Action=AssumeRoleWithWebIdentity&"}},
    {.name = "it is refused",
     .env = {ALONE, STS},
     .file = {{"credentials",
               "[default]\n" KEYS "role_arn = " ROLE("p") "\nsource_profile = default\n"}},
     .on = {{"POST /", {.status = 403, .body = XML_ERROR}}},
     .want =
         "system: the profile: @URL/ answered 403 AccessDenied: User: a & b is not authorized "
         "to perform: sts:AssumeRole; does the role trust who asks, and may they "
         "sts:AssumeRole?"},

    /* the role in the config comes last, whatever the keys come from */
    {.name = "the config's role, with keys of the environment",
     .settings = {.role_arn = FH_LIT_INIT(ROLE("c")), .region = FH_LIT_INIT("eu-west-3")},
     .env = {ALONE, STS, "AWS_ACCESS_KEY_ID=AKID", "AWS_SECRET_ACCESS_KEY=S3CRET"},
     .on = {{"POST /", {.body = XML}}},
     .want =
         GOT_XML " region=eu-west-3" AN_HOUR "role " ROLE("c") ", by AWS_ACCESS_KEY_ID in the "
                                                               "environment"},
    {.name = "the config's role, with Bedrock's token",
     .settings = {.role_arn = FH_LIT_INIT(ROLE("c"))},
     .env = {ALONE, STS, "AWS_BEARER_TOKEN_BEDROCK=S3CRET"},
     .want = "unsupported: the environment: a token of Bedrock cannot assume the role in the "
             "config"},
};

static const struct row host_rows[] = {
    /* a container */
    {.name = "a task",
     .env = {ALONE, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/v2/1?id=2"},
     .on = {{"GET /v2/1", {.body = JSON("Token")}}},
     .want = GOT AN_HOUR "the container's @URL/v2/1",
     .asked = {"GET /v2/1?id=2 HTTP/1.1\r\n"}},
    {.name = "a pod",
     .env = {ALONE, "AWS_CONTAINER_CREDENTIALS_FULL_URI=@URL/v1/credentials",
             "AWS_CONTAINER_AUTHORIZATION_TOKEN=other",
             "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=@DIR/token"},
     .file = {{"token", "eyJ.pod\n"}},
     .on = {{"GET /v1/credentials", {.body = JSON("Token")}}},
     .want = GOT AN_HOUR "the container's @URL/v1/credentials",
     .asked = {"\r\nAuthorization: eyJ.pod\r\n"}},
    {.name = "a token in a variable",
     .env = {ALONE, "AWS_CONTAINER_CREDENTIALS_FULL_URI=@URL/c",
             "AWS_CONTAINER_AUTHORIZATION_TOKEN=Basic abc"},
     .on = {{"GET /c", {.body = JSON("Token")}}},
     .want = GOT AN_HOUR "the container's @URL/c",
     .asked = {"\r\nAuthorization: Basic abc\r\n"}},
    {.name = "somebody else's machine",
     .env = {ALONE, "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://10.0.0.1/c"},
     .want = "unsupported: the container: http://10.0.0.1/c is not asked: …"},
    {.name = "no role",
     .env = {ALONE, "AWS_CONTAINER_CREDENTIALS_FULL_URI=@URL/c"},
     .on = {{"GET /c",
             {.status = 400, .body = "{\"code\":\"NoRole\",\"message\":\"no role\"}"}}},
     .want =
         "system: the container: @URL/c answered 400 NoRole: no role; has the task or pod a "
         "role?"},
    {.name = "garbage of a container",
     .env = {ALONE, "AWS_CONTAINER_CREDENTIALS_FULL_URI=@URL/c"},
     .on = {{"GET /c", {.body = "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":[\"S3CRET\"]}"}}},
     .want = "syntax: the container: the answer of @URL/c has no SecretAccessKey in it"},
    {.name = "half an answer of a container",
     .env = {ALONE, "AWS_CONTAINER_CREDENTIALS_FULL_URI=@URL/c"},
     .on = {{"GET /c", {.body = JSON("Token"), .how = STUB_HALF}}},
     .want = "system: the container: @URL/c gave no answer: …"},
    {.name = "no answer of a container",
     .env = {ALONE, "AWS_CONTAINER_CREDENTIALS_FULL_URI=@URL/c"},
     .on = {{"GET /c", {.how = STUB_NEVER}}},
     .want = "system: the container: @URL/c gave no answer: …",
     .timeout_ms = 100},

    /* an instance */
    {.name = "an instance",
     .env = {IMDS},
     .on = {{"PUT /latest/api/token", {.body = "SESSIONTOKEN=="}},
            {"GET " ROLES, {.body = "app-role\n"}},
            {"GET " ROLES "app-role", {.body = JSON("Token")}},
            {"GET /latest/meta-data/placement/region", {.body = "eu-north-1"}}},
     .want = GOT " region=eu-north-1" AN_HOUR "role app-role of this instance",
     .asked = {"X-aws-ec2-metadata-token-ttl-seconds: 60\r\n",
               "X-aws-ec2-metadata-token: SESSIONTOKEN==\r\n",
               "GET " ROLES "app-role HTTP/1.1\r\n"}},
    {.name = "an instance that does not say where it is",
     .env = {IMDS},
     .on = {{"PUT /latest/api/token", {.body = "T"}},
            {"GET " ROLES, {.body = "app-role"}},
            {"GET " ROLES "app-role", {.body = JSON("Token")}}},
     .want = GOT AN_HOUR "role app-role of this instance"},
    {.name = "its service is turned off",
     .env = {IMDS},
     .on = {{"PUT /latest/api/token", {.status = 403}}},
     .want =
         "system: the instance: @URL/latest/api/token answered 403; is the metadata service "
         "of this instance turned on, for IMDSv2? In a container it needs a hop limit of 2"},
    {.name = "a role that is a path",
     .env = {IMDS},
     .on = {{"PUT /latest/api/token", {.body = "T"}}, {"GET " ROLES, {.body = "../../x"}}},
     .want = "syntax: the instance: @URL" ROLES " gave no name of a role"},
    {.name = "a role that it may not have",
     .env = {IMDS},
     .on = {{"PUT /latest/api/token", {.body = "T"}},
            {"GET " ROLES, {.body = "app-role"}},
            {"GET " ROLES "app-role",
             {.body =
                  "{\"Code\":\"AssumeRoleUnauthorizedAccess\",\"Message\":\"EC2 cannot assume "
                  "the role\"}"}}},
     .want =
         "system: the instance: @URL" ROLES
         "app-role answered 200 AssumeRoleUnauthorizedAccess: EC2 cannot assume the role; may "
         "EC2 assume this role?"},
    {.name = "keys that have expired",
     .env = {IMDS, "AWS_REGION=r"},
     .on = {{"PUT /latest/api/token", {.body = "T"}},
            {"GET " ROLES, {.body = "app-role"}},
            {"GET " ROLES "app-role",
             {.body =
                  "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S3CRET\",\"Token\":\"S3CRET\","
                  "\"Expiration\":\"2025-12-31T23:59:59Z\"}"}}},
     .want = "system: the instance: role app-role of this instance gave credentials that have "
             "expired, 1 s ago; is this machine's clock right?"},
    {.name = "an instance without a role",
     .env = {IMDS, "AWS_SHARED_CREDENTIALS_FILE=@DIR/c", "AWS_CONFIG_FILE=@DIR/c"},
     .on = {{"PUT /latest/api/token", {.body = "T"}}},
     .want =
         "missing: none are set up here (the environment: AWS_ACCESS_KEY_ID is not set; web "
         "identity: AWS_WEB_IDENTITY_TOKEN_FILE is not set; the profile: there is no profile "
         "\"default\" in @DIR/c and @DIR/c; the container: "
         "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is not set; the instance: this instance has "
         "no role)"},
    {.name = "no instance",
     .env = {"AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:1"},
     .want = "missing: none are set up here (the environment: AWS_ACCESS_KEY_ID is not set; …"},
};

static void test_environment(void **state)
{
    FH_UNUSED(state);
    try_rows(environment_rows, FH_LEN(environment_rows), FH_CREDENTIALS_AWS);
}

static void test_web_identity(void **state)
{
    FH_UNUSED(state);
    try_rows(web_identity_rows, FH_LEN(web_identity_rows), FH_CREDENTIALS_AWS);
}

static void test_profiles(void **state)
{
    FH_UNUSED(state);
    try_rows(profile_rows, FH_LEN(profile_rows), FH_CREDENTIALS_AWS);
}

static void test_roles(void **state)
{
    FH_UNUSED(state);
    try_rows(role_rows, FH_LEN(role_rows), FH_CREDENTIALS_AWS);
}

static void test_hosts(void **state)
{
    FH_UNUSED(state);
    try_rows(host_rows, FH_LEN(host_rows), FH_CREDENTIALS_AWS);
}

/* ---- the signature ---- */

enum { FIELDS_MAX = 16 };

/* take_head takes the head of a request apart. */
static struct fh_slice take_head(struct fh_slice asked, struct fh_http_field *field,
                                 size_t *count)
{
    struct fh_slice line = FH_NONE;

    assert_true(fh_split(&asked, '\n', &line)); /* the request line */
    while (fh_split(&asked, '\n', &line) && line.len > 1) {
        struct fh_slice name = FH_NONE;

        line = fh_head(line, line.len - 1);
        assert_true(*count < FIELDS_MAX && fh_split(&line, ':', &name));
        field[(*count)++] = (struct fh_http_field){name, fh_trim(line)};
    }
    return asked;
}

/* STS would take it: the request is checked as Freehold checks those of AWS's clients. */
static void test_the_request_is_signed(void **state)
{
    static const struct row row = {
        .settings = {.source = FH_CREDENTIALS_AWS, .region = FH_LIT_INIT("eu-west-3")},
        .env = {ALONE, STS},
        .file = {{"credentials",
                  "[default]\n" KEYS "aws_session_token = SESSION\nrole_arn = " ROLE(
                      "p") "\nsource_profile = default\n"}},
        .on = {{"POST /", {.body = XML}}},
    };
    struct fh_http_field field[FIELDS_MAX];
    const struct fh_slice service = FH_LIT("sts");
    const struct fh_sigv4_terms terms = {.service = &service,
                                         .service_count = 1,
                                         .region = FH_LIT("eu-west-3"),
                                         .now_us = NOW_S * 1000000};
    struct fh_sigv4_request request = {
        .method = FH_LIT("POST"), .path = FH_LIT("/"), .field = field};
    struct fh_sigv4_claim claim;
    struct world w;

    FH_UNUSED(state);
    tap_context("signature");
    world_begin(&w, &row);
    assert_true(fh_starts(obtain(&w, 0), FH_LIT("aws id=ASIA")));
    request.body =
        fh_sha256(take_head(http_stub_asked(w.stub, 0), field, &request.field_count));
    assert_int_equal(fh_sigv4_parse(&claim, &request, &terms, w.arena), FH_SIGV4_VALID);
    assert_text(claim.access_key, "AKID");
    assert_text(claim.token, "SESSION");

    struct fh_sigv4_key key =
        fh_sigv4_key(FH_LIT("S3CRET/+="), claim.at_us, claim.region, claim.service);

    assert_int_equal(fh_sigv4_verify(&claim, &request, &key, w.arena), FH_SIGV4_VALID);
    world_end(&w, &row);
}

static void test_times(void **state)
{
    static const struct {
        const char *text;
        uint64_t want; /* 0: no time */
    } rows[] = {
        {"2026-01-01T00:00:00Z", NOW_S},
        {"2026-01-01T00:00:00.999999999Z", NOW_S},
        {"2026-01-01T01:30:00+01:30", NOW_S},
        {"2026-01-01T01:30:00+0130", NOW_S},
        {"2025-12-31T19:00:00-05:00", NOW_S},
        {"2026-01-01T00:00:00", 0},
        {"2026-01-01T00:00:00z", 0},
        {"2026-01-01T00:00:00+25:00", 0},
        {"2026-01-01T00:00:00+01:60", 0},
        {"2026-01-01T00:00:00+01", 0},
        {"2026-02-30T00:00:00Z", 0},
        {"2026-01-01", 0},
        {"1767225600", 0},
        {"1970-01-01T00:00:00+01:00", 0},
        {"", 0},
    };

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        uint64_t got = 0;

        tap_context("%s", rows[i].text);
        assert_int_equal(fh_chain_time(fh_cstr(rows[i].text), &got), rows[i].want > 0);
        assert_int_equal(got, rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_environment), cmocka_unit_test(test_web_identity),
        cmocka_unit_test(test_profiles),    cmocka_unit_test(test_roles),
        cmocka_unit_test(test_hosts),       cmocka_unit_test(test_the_request_is_signed),
        cmocka_unit_test(test_times),
    };
    return cmocka_run_group_tests_name("chain_aws", tests, NULL, NULL);
}
