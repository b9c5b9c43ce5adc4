/* test_exchange.c: whole exchanges under a scripted shell, which answers every want from a table
 * and writes down what was wanted. What a provider sends comes in pieces of every size: the story
 * must be the same.
 * SPDX-License-Identifier: Apache-2.0 */
#include "trace_exchange.h"

#define SENT_A "intent 1 ant/u; send; "
#define SENT_O "intent 1 oai/u; send; "
#define OPENAI "/v1/chat/completions"
#define ID     "req_01dbqmk9000000000000000000"

#define E16       "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
#define E128      E16 E16 E16 E16 E16 E16 E16 E16
#define E1024     E128 E128 E128 E128 E128 E128 E128 E128
#define LONG_PATH "/" E1024 E1024 E1024
#define LONG_WANT "head 404*; end; \n*nothing at /" E1024 "*\xc3\xa9\"*"

#define RESULTS_PATH "/anthropic/v1/messages/batches/msgbatch_1/results"
#define SENT_NATIVE  "intent 1 ant; send; "
#define SENT_OAI     "intent 1 oai; send; "
#define HEAD_NATIVE  "head 200 x-freehold-attempts=1; "

#define A_RESULT(id, usage)                                                                 \
    "{\"custom_id\":\"" id                                                                  \
    "\",\"result\":{\"type\":\"succeeded\",\"message\":{\"id\":\"msg_" id                   \
    "\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude-x\",\"content\":[]," \
    "\"stop_reason\":\"end_turn\",\"usage\":" usage "}}}\n"
#define RESULTS                                               \
    A_RESULT("a", "{\"input_tokens\":1,\"output_tokens\":2}") \
    A_RESULT("b", "{\"input_tokens\":3,\"output_tokens\":4}") \
    A_RESULT("c", "{\"input_tokens\":5,\"output_tokens\":6}")
#define BOOKED                                                               \
    "result anthropic ant/claude-x 1+2; result anthropic ant/claude-x 3+4; " \
    "result anthropic ant/claude-x 5+6; "

#define O_RESULT(id, status, body)                                                         \
    "{\"id\":\"batch_req_" id "\",\"custom_id\":\"" id                                     \
    "\",\"response\":{\"status_code\":" status ",\"request_id\":\"r\",\"body\":" body "}," \
    "\"error\":null}\n"
#define O_RESULTS                                                                          \
    O_RESULT("1", "200", O_REPLY)                                                          \
    O_RESULT("2", "200",                                                                   \
             "{\"id\":\"resp_1\",\"object\":\"response\",\"status\":\"completed\","        \
             "\"model\":\"v\",\"output\":[],\"usage\":{\"input_tokens\":8,"                \
             "\"output_tokens\":9,\"total_tokens\":17}}")                                  \
    O_RESULT("3", "400",                                                                   \
             "{\"error\":{\"message\":\"no\",\"type\":\"invalid_request_error\"}}")        \
    O_RESULT(                                                                              \
        "4", "200",                                                                        \
        "{\"object\":\"list\",\"data\":[],\"model\":\"e\",\"usage\":{\"prompt_tokens\":5," \
        "\"total_tokens\":5}}")

#define BATCH(id, url) \
    "{\"id\":\"" id "\", \"type\":\"message_batch\",\"results_url\": " url ",\"x\":1.50}"
#define BATCH_URL "\"https://api.anthropic.com/base/v1/messages/batches/b1/results\""

static const struct row rows[] = {
    {.name = "passed, whole",
     .attempt = {{.json = A_REPLY}},
     .want =
         SENT_A "settle ok 200 12+7; head 200 x-freehold-attempts=1; keep; end; \n" A_REPLY},
    {.name = "passed, a stream",
     .body = ASK_SSE,
     .attempt = {{.sse = A_START A_DELTA A_STOP}},
     .want = SENT_A
     "head 200 x-freehold-attempts=1; settle ok 200 12+7; keep; end; \n" A_START A_DELTA
         A_STOP},
    {.name = "passed, a stream that is cut",
     .body = ASK_SSE,
     .attempt = {{.sse = A_START A_DELTA, .ends = "cut"}},
     .want = SENT_A
     "head 200 x-freehold-attempts=1; drop; settle cut 200 12+3~; end; \n" A_START A_DELTA
     "*broke off in the middle of its answer*"},
    {.name = "a stream that ends before the model did",
     .body = ASK_SSE,
     .attempt = {{.sse = A_START A_DELTA}},
     .want = SENT_A
     "head 200 x-freehold-attempts=1; drop; settle cut 200 12+3~; end; \n" A_START A_DELTA
     "*it ended before the model did*"},
    {.name = "a stream that falls silent",
     .body = ASK_SSE,
     .attempt = {{.sse = A_START, .ends = "silence"}},
     .want =
         SENT_A "head 200 x-freehold-attempts=1; drop; settle cut 200 12+2~; end; \n" A_START
                "*it fell silent*"},
    {.name = "an error in mid-stream keeps its words",
     .body = ASK_SSE,
     .attempt = {{.sse = A_START A_ERROR}},
     .want = SENT_A
     "head 200 x-freehold-attempts=1; drop; settle cut 200 12+3~; end; \n" A_START A_ERROR},
    {.name = "an error as the first event goes to the next provider",
     .body = ASK_SSE,
     .targets = "AA",
     .attempt = {{.sse = A_ERROR}, {.sse = A_START A_STOP}},
     .want = SENT_A
     "drop; intent 2 ant/u; send; head 200 x-freehold-attempts=2; settle ok 200 12+7; "
     "keep; end; \n" A_START A_STOP},
    {.name = "openai: usage is asked for and kept from who did not ask",
     .path = OPENAI,
     .body = ASK_SSE,
     .targets = "O",
     .attempt = {{.sse = O_DELTA O_FINISH O_USAGE O_DONE}},
     .want = "intent 1 oai/u; send +usage; head 200 x-freehold-attempts=1; settle ok 200 12+7; "
             "keep; end; \n" O_DELTA O_FINISH O_DONE},
    {.name = "openai: who asked gets it",
     .path = OPENAI,
     .targets = "O",
     .body = "{\"model\":\"m\",\"stream\":true,\"stream_options\":{\"include_usage\":true},"
             "\"messages\":[]}",
     .attempt = {{.sse = O_DELTA O_FINISH O_USAGE O_DONE}},
     .want = "intent 1 oai/u; send +usage; head 200 x-freehold-attempts=1; settle ok 200 12+7; "
             "keep; end; \n" O_DELTA O_FINISH O_USAGE O_DONE},
    {.name = "openai: a stream without [DONE]",
     .path = OPENAI,
     .targets = "O",
     .body = ASK_SSE,
     .attempt = {{.sse = O_DELTA O_FINISH O_USAGE}},
     .want = "intent 1 oai/u; send +usage; head 200 x-freehold-attempts=1; settle ok 200 12+7; "
             "keep; end; \n" O_DELTA O_FINISH},
    {.name = "translated, whole",
     .targets = "O",
     .attempt = {{.json = O_REPLY}},
     .want = SENT_O
     "settle ok 200 12+7; head 200 x-freehold-attempts=1; keep; end; \n*\"text\":\"Hello\"*"},
    {.name = "translated, a stream",
     .body = ASK_SSE,
     .targets = "O",
     .attempt = {{.sse = O_DELTA O_FINISH O_USAGE O_DONE}},
     .want = "intent 1 oai/u; send +usage; head 200 x-freehold-attempts=1; settle ok 200 12+7; "
             "keep; end; \n"
             "*text_delta\",\"text\":\"Hello\"*message_stop*"},
    {.name = "translated, a stream that says too late what cannot be carried",
     .body = ASK_SSE,
     .targets = "O",
     .attempt = {{.sse = O_DELTA O_MOOD O_MOOD O_FINISH O_USAGE O_DONE}},
     .want = "intent 1 oai/u; send +usage; head 200 x-freehold-attempts=1; settle ok 200 12+7; "
             "keep; end; \n"
             "*\"text\":\"Hello\"*\n\n: x-freehold-dropped: /choices/0/delta/mood\n\n"
             "event: content_block_delta\n*\"text\":\"!\"}}\n\n"
             "event: content_block_delta\n*message_stop*"},
    {.name = "translated, a stream that ends without a reason",
     .body = ASK_SSE,
     .targets = "O",
     .attempt = {{.sse = O_DELTA O_DONE}},
     .want = "intent 1 oai/u; send +usage; head 200 x-freehold-attempts=1; drop; settle cut "
             "200 *~; end; \n*event: error*it ended without a reason to end*"},
    {.name = "translated, a stream that is cut",
     .body = ASK_SSE,
     .targets = "O",
     .attempt = {{.sse = O_DELTA, .ends = "reset"}},
     .want = "intent 1 oai/u; send +usage; head 200 x-freehold-attempts=1; drop; settle cut "
             "200 *~; end; \n"
             "*text_delta\",\"text\":\"Hello\"*event: error*the connection was reset*"},
    {.name = "translated the other way",
     .path = OPENAI,
     .attempt = {{.json = A_REPLY}},
     .want = SENT_A "settle ok 200 12+7; head 200 x-freehold-attempts=1; keep; end; "
                    "\n*\"content\":\"Hello\"*"},
    {.name = "a named call is demanded in words that the server understands",
     .path = OPENAI,
     .targets = "H",
     .body =
         "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"tools\":["
         "{\"type\":\"function\",\"function\":{\"name\":\"other\"}},"
         "{\"type\":\"function\",\"function\":{\"name\":\"f\"}}],"
         "\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"f\"}}}",
     .attempt = {{.json = O_REPLY}},
     .want = "intent 1 oai/u; send +call; settle ok 200 12+7; head 200 x-freehold-attempts=1; "
             "keep; "
             "end; \n*Hello*"},
    {.name = "the help is no loss of a client's of another dialect",
     .targets = "H",
     .body = "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":"
             "\"hi\"}],\"tools\":[{\"name\":\"f\",\"input_schema\":{}}],\"tool_choice\":{"
             "\"type\":\"any\"}}",
     .attempt = {{.json = O_REPLY}},
     .want = "intent 1 oai/u; send +call; settle ok 200 12+7; head 200 x-freehold-attempts=1; "
             "keep; end; \n*Hello*"},
    {.name = "what another model signed is not sent to this one",
     .targets = "A",
     .body =
         "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":"
         "\"hi\"},{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":"
         "\"\","
         "\"signature\":\"ZmgxOmdlbWluaTp4\"},{\"type\":\"text\",\"text\":\"a\"}]},{\"role\":"
         "\"user\",\"content\":\"and?\"}]}",
     .attempt = {{.json = A_REPLY}},
     .want = SENT_A "settle ok 200 12+7; head 200 x-freehold-attempts=1 "
                    "x-freehold-dropped=/messages/1/content/0; keep; end; \n*Hello*"},
    {.name = "a free choice passes as it is",
     .path = OPENAI,
     .targets = "H",
     .body = "{\"model\":\"m\",\"messages\":[],\"tool_choice\":\"auto\"}",
     .attempt = {{.json = O_REPLY}},
     .want =
         SENT_O "settle ok 200 12+7; head 200 x-freehold-attempts=1; keep; end; \n" O_REPLY},
    {.name = "what cannot be carried is named",
     .targets = "O",
     .body = "{\"model\":\"m\",\"max_tokens\":9,\"top_k\":3,\"messages\":[{\"role\":\"user\","
             "\"content\":\"hi\"}]}",
     .attempt = {{.json = O_REPLY}},
     .want =
         SENT_O "settle ok 200 12+7; head 200 x-freehold-attempts=1 x-freehold-dropped=/top_k; "
                "keep; end; \n*"},
    {.name = "strict refuses to lose it",
     .targets = "O",
     .translation = "strict",
     .body = "{\"model\":\"m\",\"max_tokens\":9,\"top_k\":3,\"messages\":[{\"role\":\"user\","
             "\"content\":\"hi\"}]}",
     .want = "head 400 x-should-retry=false*; end; \n*/top_k*"},
    {.name = "strict goes on to who can carry it, and nothing is lost",
     .targets = "OA",
     .translation = "strict",
     .body = "{\"model\":\"m\",\"max_tokens\":9,\"top_k\":3,\"messages\":[{\"role\":\"user\","
             "\"content\":\"hi\"}]}",
     .attempt = {{.json = A_REPLY}},
     .want =
         SENT_A "settle ok 200 12+7; head 200 x-freehold-attempts=1; keep; end; \n" A_REPLY},
    {.name = "refused, then the next",
     .targets = "AA",
     .attempt = {{.refused = "connection refused"}, {.json = A_REPLY}},
     .want = "intent 1 ant/u; refused; intent 2 ant/u; send; settle ok 200 12+7; head 200 "
             "x-freehold-attempts=2; keep; end; \n" A_REPLY},
    {.name = "503, then another dialect",
     .targets = "AO",
     .attempt =
         {{.status = 503,
           .json = "{\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"x\"}}"},
          {.json = O_REPLY}},
     .want = SENT_A
     "keep; intent 2 oai/u; send; settle ok 200 12+7; head 200 x-freehold-attempts=2; "
     "keep; end; \n*Hello*"},
    {.name = "429, then nobody: who answered is heard",
     .targets = "AO",
     .attempt = {{.status = 429,
                  .json = "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\","
                          "\"message\":\"slow\"}}"},
                 {.refused = "connection refused"}},
     .want = SENT_A "keep; intent 2 oai/u; refused; settle refused 429 0+0; head 429 "
                    "retry-after=3 x-should-retry=true x-freehold-attempts=2; end; \n*slow*"},
    {.name = "silence, then the next",
     .targets = "AA",
     .attempt = {{.raw = "", .ends = "silence"}, {.json = A_REPLY}},
     .want = SENT_A
     "drop; intent 2 ant/u; send; settle ok 200 12+7; head 200 x-freehold-attempts=2; "
     "keep; end; \n" A_REPLY},
    {.name = "400 is the client's business and goes no further",
     .targets = "AA",
     .attempt = {{.status = 400,
                  .json = "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\","
                          "\"message\":\"no\"}}"}},
     .want = SENT_A
     "settle refused 400 0+0; head 400 retry-after=3 x-freehold-attempts=1; keep; end; \n"
     "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"no\"}}"},
    {.name = "429 of the last keeps its retry-after",
     .attempt = {{.status = 429,
                  .json = "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\","
                          "\"message\":\"slow\"}}"}},
     .want = SENT_A "settle refused 429 0+0; head 429 retry-after=3*; keep; end; \n*slow*"},
    {.name = "our credentials are our business",
     .attempt = {{.status = 401,
                  .json = "{\"type\":\"error\",\"error\":{\"type\":\"authentication_error\","
                          "\"message\":\"sk-secret\"}}"}},
     .want = SENT_A "keep; settle refused 502 0+0; head 502 x-should-retry=false*; end; \n"
                    "*did not accept this gateway's own credentials*"},
    {.name = "html",
     .attempt = {{.json = "<html>oops</html>"}},
     .want = SENT_A "keep; settle failed 502 0+0; head 502*; end; \n*not JSON*"},
    {.name = "an error page",
     .attempt = {{.status = 500, .json = "<html>oops</html>"}},
     .want = SENT_A "keep; settle refused 5*; head 5*; end; \n*oops*"},
    {.name = "half a body",
     .attempt = {{.raw = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"id\":",
                  .ends = "close"}},
     .want = SENT_A "drop; settle failed 502 *; head 502*; end; \n*gave no whole answer*"},
    {.name = "no http at all",
     .attempt = {{.raw = "SSH-2.0-OpenSSH_9.2\r\n", .ends = "close"}},
     .want = SENT_A "drop; settle failed 502 0+0; head 502*; end; \n*gave no whole answer*"},
    {.name = "200 with an error inside",
     .attempt = {{.json = "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","
                          "\"message\":\"busy\"}}"}},
     .want = SENT_A "*head 529*; end; \n*busy*"},
    {.name = "the model is being loaded",
     .targets = "S",
     .want = "head 503 retry-after=2 x-should-retry=true; end; \n*is starting: loading*"},
    {.name = "a token that a cloud lent goes where those go",
     .targets = "T",
     .attempt = {{.json = A_REPLY}},
     .want = "intent 1 ant/u; send +lent; *head 200*; end; \n*Hello*"},
    {.name = "a pair of keys where nothing is signed",
     .targets = "P",
     .want = "head 502*; end; \n*credentials*cannot be used*"},
    {.name = "a route to nowhere", .targets = "X", .want = "head 500*; end; \n*is gone*"},
    {.name = "no connection at all",
     .attempt = {{.refused = "no route to host"}},
     .want = "intent 1 ant/u; refused; void unreachable; head 502 x-should-retry=true*; end; \n"
             "*cannot be reached: no route to host*"},
    {.name = "a full journal lets nothing out",
     .journal_full = true,
     .want = "intent 1 ant/u; head 500 retry-after=5*; end; \n*takes no records*"},
    {.name = "the client leaves before anything was sent",
     .gone = LEAVES_EARLY,
     .want = "intent 1 ant/u; drop; void client_gone; \n"},
    {.name = "the client leaves in the answer, which is read on",
     .gone = LEAVES_LATE,
     .body = ASK_SSE,
     .attempt = {{.sse = A_START A_DELTA A_STOP}},
     .want = SENT_A "settle client_gone 0 12+7; keep; \n"},
    {.name = "the client leaves, the answer takes too long",
     .gone = LEAVES_LATE,
     .body = ASK_SSE,
     .attempt = {{.sse = A_START A_DELTA, .ends = "silence"}},
     .want = SENT_A "drop; settle cut 0 12+3~; \n"},
    {.name = "unknown key",
     .key = "fh-bad",
     .want = "head 401 x-should-retry=false; end; \n*does not know the key*"},
    {.name = "revoked key",
     .key = "fh-revoked",
     .want = "head 401 x-should-retry=false; end; \n*has been revoked*"},
    {.name = "no key",
     .key = "",
     .want = "head 401 x-should-retry=false; end; \n*no key in the request*"},
    {.name = "wrong path",
     .path = "/v2/messages",
     .want = "head 404*; end; \n*nothing at /v2/messages*"},
    {.name = "a path that is no UTF-8",
     .path = "/v1/\xc3(\xff",
     .want = "head 404*; end; \n*nothing at /v1/?(?.*"},
    {.name = "a path that is longer than a sentence", .path = LONG_PATH, .want = LONG_WANT},
    {.name = "wrong method",
     .method = "GET",
     .want = "head 405*; end; \n*does not take this method*"},
    {.name = "not json", .body = "{\"model\":", .want = "head 400*; end; \n*not JSON*"},
    {.name = "the model twice",
     .body = "{\"model\":\"m\",\"model\":\"n\"}",
     .want = "head 400*; end; \n*twice*"},
    {.name = "no model", .body = "{}", .want = "head 400*; end; \n*has to be a string*"},
    {.name = "a model that is no string",
     .body = "{\"model\":7}",
     .want = "head 400*; end; \n*has to be a string*"},
    {.name = "unknown model",
     .body = "{\"model\":\"z\"}",
     .want = "head 404*; end; \n*no model \\\"z\\\"*"},
    {.name = "a list of models",
     .path = "/v1/models",
     .method = "GET",
     .want = "head 200; end; \n*\"id\":\"m\"*\"id\":\"n\"*"},
    {.name = "a list of models, for Google's client",
     .path = "/v1/models",
     .method = "GET",
     .of_google = true,
     .want = "head 200; end; \n{\"models\":[{\"name\":\"models/m\"*"},
    {.name = "a list of models, at Google's door",
     .path = "/gemini/v1/models",
     .method = "GET",
     .want = "head 200; end; \n{\"models\":[{\"name\":\"models/m\"*"},
    {.name = "a list of models, as Vertex has it",
     .path = "/v1beta1/publishers/google/models",
     .method = "GET",
     .want = "head 200; end; \n{\"publisherModels\":[{\"name\":"
             "\"publishers/google/models/m\"}*"},
    {.name = "one model, as Vertex has it",
     .path = "/vertex/v1/publishers/google/models/n",
     .method = "GET",
     .want = "head 200; end; \n{\"name\":\"publishers/google/models/n\"}"},
    {.name = "one model",
     .path = "/openai/v1/models/n",
     .method = "GET",
     .want = "head 200; end; \n{\"id\":\"n\"*"},
    {.name = "one model, whose name has a slash",
     .path = "/v1/models/lab%2Fn",
     .method = "GET",
     .want = "head 404*; end; \n*no model \\\"lab/n\\\"*"},
    {.name = "a model that is not there",
     .path = "/v1/models/z",
     .method = "GET",
     .want = "head 404*; end; \n*"},
    {.name = "tokens are counted where they can be",
     .path = "/v1/messages/count_tokens",
     .targets = "OA",
     .attempt = {{.json = "{\"input_tokens\":3}"}},
     .want = SENT_A
     "settle ok 200 *; head 200 x-freehold-attempts=1; keep; end; \n{\"input_tokens\":3}"},
    {.name = "an upload passes as it is",
     .path = "/v1/files",
     .type = "multipart/form-data; boundary=b",
     .body =
         "--b\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n--b--\r\n",
     .places = "LAO",
     .sent = "POST /v1/files HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; "
             "boundary=b\r\nAccept: *\r\nAuthorization: Bearer sk-provider\r\n"
             "Content-Length: 69\r\n\r\n--b\r\nContent-Disposition: form-data; "
             "name=\"purpose\"\r\n\r\nbatch\r\n--b--\r\n",
     .attempt = {{.json = "{\"id\":\"file-1\",\"object\":\"file\"}"}},
     .want = SENT_OAI HEAD_NATIVE
     "settle ok 200 0+0; keep; end; \n{\"id\":\"file-1\",\"object\":\"file\"}"},
    {.name = "the header decides whose files they are, and the query passes but for the key",
     .path = "/v1/files",
     .method = "GET",
     .version = "2026-10-21",
     .key = "",
     .query = "limit=2&key=fh-good&after_id=a%2Fb",
     .body = "",
     .places = "OA",
     .sent =
         "GET /base/v1/files?limit=2&after_id=a%2Fb HTTP/1.1\r\nHost: h\r\nAccept: *x-api-key: "
         "sk-provider\r\nanthropic-version: 2026-10-21\r\n*",
     .attempt = {{.json = "{\"data\":[]}"}},
     .want = SENT_NATIVE HEAD_NATIVE "settle ok 200 0+0; keep; end; \n{\"data\":[]}"},
    {.name = "as Azure's clients ask",
     .path = "/openai/responses/resp_1",
     .method = "DELETE",
     .query = "api-version=2026-01-01",
     .body = "",
     .places = "O",
     .sent = "DELETE /v1/responses/resp_1 HTTP/1.1\r\n*",
     .attempt = {{.json = "{\"deleted\":true}"}},
     .want = SENT_OAI HEAD_NATIVE "settle ok 200 0+0; keep; end; \n{\"deleted\":true}"},
    {.name = "the named place",
     .path = "/openai/v1/responses/resp_1/cancel",
     .provider = "oai",
     .body = "",
     .places = "OO",
     .sent = "POST /v1/responses/resp_1/cancel HTTP/1.1\r\n*Content-Length: 0\r\n\r\n",
     .attempt = {{.json = "{}"}},
     .want = SENT_OAI HEAD_NATIVE "settle ok 200 0+0; keep; end; \n{}"},
    {.name = "results are booked one by one",
     .path = RESULTS_PATH,
     .method = "GET",
     .body = "",
     .places = "A",
     .sent = "GET /base/v1/messages/batches/msgbatch_1/results HTTP/1.1\r\n*",
     .attempt = {{.json = RESULTS}},
     .want = SENT_NATIVE HEAD_NATIVE BOOKED "settle ok 200 0+0; keep; end; \n" RESULTS},
    {.name = "results in chunks, the last without an end of its line",
     .path = RESULTS_PATH,
     .method = "GET",
     .body = "",
     .places = "A",
     .sent = "*",
     .attempt = {{.raw = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
                         "5\r\n{\"cus\r\n"
                         "94\r\ntom_id\":\"a\",\"result\":{\"type\":\"succeeded\",\"message\":{"
                         "\"id\":\"msg_a\",\"type\":\"message\",\"model\":\"claude-x\","
                         "\"usage\":{\"input_tokens\":1,\"output_tokens\":2}}}}\r\n0\r\n\r\n"}},
     .want = SENT_NATIVE HEAD_NATIVE
     "result anthropic ant/claude-x 1+2; settle ok 200 0+0; keep; end; \n{\"custom_id\"*"},
    {.name = "results of requests that failed are none",
     .path = RESULTS_PATH,
     .method = "GET",
     .body = "",
     .places = "A",
     .sent = "*",
     .attempt = {{.json = "{\"custom_id\":\"a\",\"result\":{\"type\":\"errored\",\"error\":{"
                          "\"type\":\"error\",\"error\":{\"type\":\"api_error\"}}}}\n"
                          "{\"custom_id\":\"b\",\"result\":{\"type\":\"canceled\"}}\n"
                          "{\"custom_id\":\"c\",\"result\":{\"type\":\"expired\"}}\n"}},
     .want = SENT_NATIVE HEAD_NATIVE "settle ok 200 0+0; keep; end; \n*"},
    {.name = "what cannot be read passes, and is counted",
     .path = RESULTS_PATH,
     .method = "GET",
     .body = "",
     .places = "A",
     .sent = "*",
     .event_max = 250,
     .attempt = {{.json =
                      "{\"custom_id\":\"x\",\"result\":{\"type\":\"succeeded\",\"message\":{"
                      "\"id\":\"msg_x\"}}}\n"              /* no usage */
                      "{\"custom_id\":\"y\",\"result\":\n" /* half a line */
                      "{\"custom_id\":\"z\",\"result\":{},\"result\":{}}\n" A_RESULT(
                          "a", "{\"input_tokens\":1,\"output_tokens\":2}")
                          A_RESULT("b", "{\"input_tokens\":3,\"output_tokens\":4,"
                                        "\"x\":\"01234567890123456789012345678901234567890123"
                                        "456789012345678901234567890123456789\"}")}},
     .want = SENT_NATIVE HEAD_NATIVE "result anthropic ant/claude-x 1+2; settle ok 200 0+0; "
                                     "unmetered 4; keep; end; \n*msg_b*"},
    {.name = "a journal that takes no results",
     .path = RESULTS_PATH,
     .method = "GET",
     .body = "",
     .places = "A",
     .sent = "*",
     .no_results = true,
     .attempt = {{.json = RESULTS}},
     .want = SENT_NATIVE HEAD_NATIVE
     "result anthropic ant/claude-x result anthropic ant/claude-x result anthropic "
     "ant/claude-x settle ok 200 0+0; unmetered 3; keep; end; \n" RESULTS},
    {.name = "openai's results stand in a file",
     .path = "/v1/files/file-1/content",
     .method = "GET",
     .body = "",
     .places = "O",
     .sent = "*",
     .attempt = {{.json = O_RESULTS}},
     .want = SENT_OAI HEAD_NATIVE
     "result openai_chat oai/u 12+7; result openai_responses oai/v 8+9; "
     "result openai_chat oai/e 5+0; settle ok 200 0+0; keep; end; \n" O_RESULTS},
    {.name = "a file that holds something else",
     .path = "/v1/files/file-1/content",
     .method = "GET",
     .body = "",
     .places = "O",
     .sent = "*",
     .event_max = 16,
     .attempt = {{.raw = "HTTP/1.1 200 OK\r\ncontent-type: image/png\r\n\r\n\x89PNG\r\n{\"a\n"
                         "{\"messages\":[{\"role\":\"user\"}]}\n\"response\"\n"}},
     .want = SENT_OAI HEAD_NATIVE "settle ok 200 0+0; drop; end; \n*"},
    {.name = "results that are cut",
     .path = RESULTS_PATH,
     .method = "GET",
     .body = "",
     .places = "A",
     .sent = "*",
     .attempt = {{.raw = "HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n" RESULTS "{\"cu",
                  .ends = "close"}},
     .want = SENT_NATIVE HEAD_NATIVE BOOKED "drop; settle cut 200 0+0; end broken; \n" RESULTS
                                            "{\"cu"},
    {.name = "results that stop coming",
     .path = RESULTS_PATH,
     .method = "GET",
     .body = "",
     .places = "A",
     .sent = "*",
     .attempt = {{.raw = "HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n" RESULTS,
                  .ends = "silence"}},
     .want = SENT_NATIVE HEAD_NATIVE BOOKED "drop; settle cut 200 0+0; end broken; \n" RESULTS},
    {.name = "the client leaves its results, which are read on",
     .path = RESULTS_PATH,
     .method = "GET",
     .body = "",
     .places = "A",
     .sent = "*",
     .gone = LEAVES_LATE,
     .attempt = {{.json = RESULTS}},
     .want = SENT_NATIVE BOOKED "settle client_gone 0 0+0; keep; \n"},
    {.name = "a batch says where its results are, here",
     .path = "/v1/messages/batches/b1",
     .method = "GET",
     .body = "",
     .places = "A",
     .sent = "*",
     .attempt = {{.json = BATCH("b1", BATCH_URL)}},
     .want =
         SENT_NATIVE "settle ok 200 0+0; head 200 x-freehold-attempts=1; keep; end; \n" BATCH(
             "b1", "\"/v1/messages/batches/b1/results\"")},
    {.name = "and so does a list of them",
     .path = "/v1/messages/batches",
     .method = "GET",
     .query = "limit=2",
     .body = "",
     .places = "A",
     .sent = "*",
     .attempt = {{.json = "{\"data\":[" BATCH("b1", BATCH_URL) ", " BATCH(
                      "b2", "null") "],\"has_more\":false}"}},
     .want = SENT_NATIVE
     "settle ok 200 0+0; head 200 x-freehold-attempts=1; keep; end; \n{\"data\":[" BATCH(
         "b1",
         "\"/v1/messages/batches/b1/results\"") "," BATCH("b2",
                                                          "null") "],\"has_more\":false}"},
    {.name = "a batch that cannot be read passes",
     .path = "/v1/messages/batches",
     .places = "A",
     .sent = "*",
     .attempt = {{.json = "not JSON"}},
     .want = SENT_NATIVE
     "settle ok 200 0+0; head 200 x-freehold-attempts=1; keep; end; \nnot JSON"},
    {.name = "the provider's error keeps its words",
     .path = "/v1/batches/batch_1",
     .method = "GET",
     .body = "",
     .places = "OO",
     .sent = "*",
     .attempt = {{.status = 404, .json = "{\"error\":{\"message\":\"no such batch\"}}"}},
     .want = SENT_OAI "settle refused 404 0+0; head 404 *; keep; end; \n"
                      "{\"error\":{\"message\":\"no such batch\"}}"},
    {.name = "but for what it says of our key",
     .path = "/v1/batches",
     .places = "O",
     .sent = "*",
     .attempt = {{.status = 401, .json = "{\"error\":{\"message\":\"sk-provider is bad\"}}"}},
     .want = SENT_OAI "keep; settle refused 502 0+0; head 502 *; end; \n*own credentials*"},
    {.name = "no second place is asked",
     .path = "/v1/batches",
     .places = "OO",
     .attempt = {{.refused = "connection refused"}, {.json = "{}"}},
     .want = "intent 1 oai; refused; void unreachable; head 502 *; end; \n*cannot be reached*"},
    {.name = "a key that may use certain models only",
     .path = "/v1/batches",
     .limited = true,
     .places = "O",
     .want = "head 403 *; end; \n*need a key that may use all*"},
    {.name = "a signature instead of a key",
     .path = "/v1/messages/batches",
     .signed_as_aws = true,
     .places = "A",
     .want = "head 401 *; end; \n*take a key, not a signature*"},
    {.name = "a query that would begin a head of its own",
     .path = "/v1/batches",
     .method = "GET",
     .query = "a=b HTTP/1.1\r\nx: y",
     .places = "O",
     .want = "head 400 *; end; \n*cannot stand there*"},
    {.name = "a content type that would",
     .path = "/v1/files",
     .type = "text/plain\r\nx: y",
     .places = "O",
     .want = "head 400 *; end; \n*cannot stand there*"},
    {.name = "no such provider",
     .path = "/v1/batches",
     .provider = "oia",
     .places = "O",
     .want =
         "head 400 *; end; \n*no provider \\\"oia\\\" of the kind openai or azure_openai.*"},
    {.name = "a provider of another dialect",
     .path = "/v1/batches",
     .provider = "ant",
     .places = "AO",
     .want =
         "head 400 *; end; \n*no provider \\\"ant\\\" of the kind openai or azure_openai.*"},
    {.name = "no provider that could",
     .path = "/v1/messages/batches",
     .places = "OL",
     .want =
         "head 400 *; end; \n*of the kind anthropic or anthropic_compatible, and this gateway "
         "has none*"},
    {.name = "one that is not ready",
     .path = "/v1/messages/batches",
     .places = "S",
     .want = "head 503 retry-after=2 *; end; \n*is starting*"},
    {.name = "a method that such a call has not",
     .path = "/v1/files/file-1/content",
     .method = "DELETE",
     .want = "head 405*; end; \n*does not take this method*"},
    {.name = "an id that would lead elsewhere",
     .path = "/v1/files/..",
     .method = "DELETE",
     .want = "head 404*; end; \n*nothing at*"},
    {.name = "and one in disguise",
     .path = "/v1/responses/%2e%2e%2fmodels",
     .method = "DELETE",
     .want = "head 404*; end; \n*nothing at*"},
    {.name = "else they are estimated, and it says so",
     .path = "/v1/messages/count_tokens",
     .targets = "O",
     .want = "head 200 x-freehold-estimated=input_tokens; end; \n{\"input_tokens\":18}"},
};

/* check plays one row in pieces of every size, and says at which its story differs. */
static bool check(const struct row *row)
{
    for (size_t step = 1; step <= 4096; step += 1 + step / 8) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 22);
        struct fh_slice got = story(arena, row, step, NOW_US, NULL);

        if (!like(got, fh_cstr(row->want))) {
            (void)fprintf(stderr, "# %s, in pieces of %zu\n#  got  %.*s\n#  want %s\n",
                          row->name, step, FH_ARG(got), row->want);
            return false;
        }
    }
    return true;
}

/* Whoever fetches results again, later, books them under the same ids. */
static void test_results_fetched_again_have_the_same_ids(void **state)
{
    static const struct row fetch = {.name = "results",
                                     .path =
                                         "/anthropic/v1/messages/batches/msgbatch_1/results",
                                     .method = "GET",
                                     .body = "",
                                     .places = "A",
                                     .sent = "*",
                                     .attempt = {{.json = RESULTS}}};
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 22);
    struct fh_slice first = FH_NONE;
    struct fh_slice again = FH_NONE;

    FH_UNUSED(state);
    (void)story(arena, &fetch, 7, NOW_US, &first);
    (void)story(arena, &fetch, 4096, NOW_US + 86400000000, &again);
    assert_int_equal(first.len, 3 * (FH_REQUEST_ID_TEXT_LEN + 1));
    assert_true(fh_eq(first, again));
    assert_false(fh_eq(fh_head(first, 31), fh_sub(first, 31, 31)));
}

static void test_every_cut_tells_the_same_story(void **state)
{
    size_t wrong = 0;

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        wrong += !check(&rows[i]);
    }
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_cut_tells_the_same_story),
        cmocka_unit_test(test_results_fetched_again_have_the_same_ids),
    };
    return cmocka_run_group_tests_name("exchange", tests, NULL, NULL);
}
