/* mistral.c: the dialect's table, and what makes it a flavour of OpenAI's.
 * SPDX-License-Identifier: Apache-2.0 */
#include "mistral.h"

#include "base/hash.h"

enum { CALL_ID_LEN = 9 };

/* ---- ids of calls ---- */

static bool is_call_id(struct fh_slice id)
{
    bool good = id.len == CALL_ID_LEN;

    for (size_t i = 0; i < id.len && good; i++) {
        uint8_t c = id.ptr[i];

        good = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    }
    return good;
}

struct fh_slice fh_mistral_call_id(struct fh_arena *arena, struct fh_slice id)
{
    static const char digits[] =
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const struct fh_sha256 sum = fh_sha256(id);
    struct fh_buf out = fh_buf_in_arena(arena, CALL_ID_LEN);
    uint64_t number = 0;

    if (is_call_id(id)) {
        return id;
    }
    for (size_t i = 0; i < sizeof(number); i++) {
        number = number << 8 | sum.bytes[i];
    }
    for (size_t i = 0; i < CALL_ID_LEN; i++) {
        fh_buf_byte(&out, (uint8_t)digits[number % (sizeof(digits) - 1)]);
        number /= sizeof(digits) - 1;
    }
    return fh_buf_slice(&out);
}

/* ---- requests ---- */

/* prompt_mode "reasoning" puts the prompt for thinking before a model that thinks. */
static enum fh_rc read_prompt_mode(struct fh_reader *r, void *into, const struct fh_path *at,
                                   yyjson_val *value)
{
    struct fh_chat_request *req = into;

    if (!yyjson_is_str(value)) {
        return fh_read_wrong(r, at, "a string, such as \"reasoning\"", value);
    }
    req->thinking_raw = value;
    req->thinking = fh_eq(fh_json_text(value), FH_LIT("reasoning")) ? FH_THINKING_ADAPTIVE
                                                                    : FH_THINKING_OPAQUE;
    return FH_OK;
}

#define FIELD(word, kind, name) FH_MEMBER(word, kind, struct fh_chat_request, name)

static const struct fh_member body_members[] = {
    FH_MEMBER_NEEDED("model", TEXT, struct fh_chat_request, model),
    FH_MEMBER_NEEDED_BY("messages", fh_openai_chat_read_messages),
    FH_MEMBER_BY("stop", fh_openai_chat_read_stop),
    FIELD("stream", BOOL, stream),
    FH_MEMBER_BY("tools", fh_openai_chat_read_tools),
    FH_MEMBER_BY("tool_choice", fh_openai_chat_read_tool_choice),
    FIELD("parallel_tool_calls", FLAG, parallel_tools),
    FH_MEMBER_BY("response_format", fh_openai_chat_read_format),
    FH_MEMBER_BY("reasoning_effort", fh_openai_chat_read_effort),
    FH_MEMBER_BY("prompt_mode", read_prompt_mode),
    FIELD("service_tier", TEXT, service_tier),
};
static const struct fh_shape body = {body_members, FH_LEN(body_members)};

/* ---- the flavour ---- */

static const struct fh_slice finish_words[FH_FINISHES] = {
    [FH_FINISH_STOP] = FH_LIT_INIT("stop"),
    [FH_FINISH_STOP_SEQUENCE] = FH_LIT_INIT("stop"),
    [FH_FINISH_LENGTH] = FH_LIT_INIT("length"),
    [FH_FINISH_CONTEXT] = FH_LIT_INIT("model_length"),
    [FH_FINISH_TOOLS] = FH_LIT_INIT("tool_calls"),
    [FH_FINISH_REFUSAL] = FH_LIT_INIT("stop"),
    [FH_FINISH_PAUSE] = FH_LIT_INIT("stop"),
    [FH_FINISH_MALFORMED] = FH_LIT_INIT("error"),
};

static const struct fh_openai_chat_word tiers[] = {
    {FH_LIT_INIT("auto"), FH_LIT_INIT("auto")},
    {FH_LIT_INIT("default"), FH_LIT_INIT("standard_only")},
    {FH_LIT_INIT("standard_only"), FH_LIT_INIT("standard_only")},
};

static const struct fh_openai_chat_flavour mistral = {
    .id = FH_DIALECT_MISTRAL,
    .cells = fh_mistral_cells,
    .body = &body,
    .parts = fh_mistral_parts,
    .part_count = FH_MISTRAL_PARTS,
    .any = "any",
    .thinking = "prompt_mode",
    .tiers = tiers,
    .tier_count = FH_LEN(tiers),
    .no_developer = true,
    .no_stream_options = true,
    .media_in_results = true,
    .prefix = true,
    .closes_results = true,
    .call_id = fh_mistral_call_id,
    .write_part = fh_mistral_write_part,
    .finish = finish_words,
    .thinks_in_content = true,
    .whole_calls = true,
    .always_usage = true,
    .bare = true,
};

static enum fh_rc decode_request(struct fh_chat_request *req, struct fh_arena *arena,
                                 struct fh_slice text, struct fh_complaint *why)
{
    return fh_openai_chat_read_request(&mistral, req, arena, text, why);
}

static enum fh_rc encode_request(struct fh_buf *out, struct fh_arena *scratch,
                                 const struct fh_chat_request *req, struct fh_loss *loss,
                                 struct fh_complaint *why)
{
    return fh_openai_chat_write_request(&mistral, out, scratch, req, loss, why);
}

static enum fh_rc decode_reply(struct fh_events *out, struct fh_slice text,
                               struct fh_complaint *why)
{
    return fh_openai_chat_read_reply(&mistral, out, text, why);
}

static void *decoder_new(struct fh_arena *arena)
{
    return fh_openai_chat_decoder_new(&mistral, arena);
}

static void encode_reply(struct fh_buf *out, struct fh_arena *scratch,
                         const struct fh_reply_frame *frame, const struct fh_events *events,
                         struct fh_loss *loss)
{
    fh_openai_chat_write_reply(&mistral, out, scratch, frame, events, loss);
}

static void *encoder_new(struct fh_arena *arena, const struct fh_reply_frame *frame)
{
    return fh_openai_chat_encoder_new(&mistral, arena, frame);
}

const struct fh_dialect fh_dialect_mistral = {
    .id = FH_DIALECT_MISTRAL,
    .name = FH_LIT_INIT("mistral"),
    .cells = fh_mistral_cells,
    .home = FH_SIGNER_UNKNOWN,
    .framing = FH_FRAMING_SSE,
    .ends_with_bytes = true, /* as the SDK has it: [DONE] may be missing */
    .no_error_event = true,
    .decode_request = decode_request,
    .encode_request = encode_request,
    .decode_reply = decode_reply,
    .stream_decoder_new = decoder_new,
    .decode_stream = fh_openai_chat_decode_stream,
    .encode_reply = encode_reply,
    .stream_encoder_new = encoder_new,
    .encode_stream = fh_openai_chat_encode_stream,
    .encode_fault = fh_mistral_encode_fault,
    .fault_status = fh_openai_chat_fault_status,
    .decode_fault = fh_openai_chat_decode_fault,
    .encode_models = fh_mistral_encode_models,
    .encode_ping = fh_openai_chat_encode_ping,
    .scan_reply = fh_openai_chat_scan_reply,
    .scan_stream = fh_openai_chat_scan_stream,
};
