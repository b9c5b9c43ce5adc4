/* openai_responses.c: the dialect's table of functions, its words, and what it seals.
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/openai_responses/openai_responses.h"

#include "base/text.h"

static const struct fh_slice events[] = {
#define X(name, type) FH_LIT_INIT(type),
    FH_RESPONSES_EVENTS(X)
#undef X
};
static_assert(FH_LEN(events) == FH_RESPONSES_OTHER, "table and enum agree");

enum fh_responses_event fh_responses_event(struct fh_slice type)
{
    return (enum fh_responses_event)fh_read_word(events, FH_LEN(events), type);
}

const struct fh_slice fh_responses_roles[FH_RESPONSES_ROLES] = {
    [FH_ROLE_SYSTEM] = FH_LIT_INIT("system"),
    [FH_ROLE_DEVELOPER] = FH_LIT_INIT("developer"),
    [FH_ROLE_USER] = FH_LIT_INIT("user"),
    [FH_ROLE_ASSISTANT] = FH_LIT_INIT("assistant"),
};

const struct fh_slice fh_responses_efforts[FH_EFFORTS] = {
    [FH_EFFORT_NONE] = FH_LIT_INIT("none"), [FH_EFFORT_MINIMAL] = FH_LIT_INIT("minimal"),
    [FH_EFFORT_LOW] = FH_LIT_INIT("low"),   [FH_EFFORT_MEDIUM] = FH_LIT_INIT("medium"),
    [FH_EFFORT_HIGH] = FH_LIT_INIT("high"), [FH_EFFORT_XHIGH] = FH_LIT_INIT("xhigh"),
    [FH_EFFORT_MAX] = FH_LIT_INIT("max"),
};

/* ---- encrypted content ---- */

/* No signature begins with these: they are base64. */
static const struct fh_slice marks[] = {
    [FH_RESPONSES_SIGNATURE] = FH_LIT_INIT(""),
    [FH_RESPONSES_REDACTED] = FH_LIT_INIT("!"),
    [FH_RESPONSES_CALL] = FH_LIT_INIT("@"),
};

void fh_responses_seal(struct fh_buf *out, struct fh_arena *scratch,
                       enum fh_responses_proof proof, struct fh_slice call,
                       enum fh_signer signer, struct fh_slice signature)
{
    struct fh_buf plain = fh_buf_in_arena(scratch, SIZE_MAX / 4);

    if (signer == FH_SIGNER_OPENAI || proof == FH_RESPONSES_SIGNATURE) {
        fh_seal_write(out, FH_SIGNER_OPENAI, signer, signature);
        return;
    }
    fh_buf_append(&plain, marks[proof]);
    if (proof == FH_RESPONSES_CALL) {
        fh_buf_u64(&plain, call.len);
        fh_buf_byte(&plain, ':');
        fh_buf_append(&plain, call);
    }
    fh_buf_append(&plain, signature);
    fh_seal_write(out, FH_SIGNER_OPENAI, signer, fh_buf_slice(&plain));
}

/* take_call parts "4:tool" off the front. */
static bool take_call(struct fh_slice *rest, struct fh_slice *call)
{
    struct fh_slice tail = *rest;
    struct fh_slice digits = FH_NONE;
    uint64_t len = 0;

    if (!fh_split(&tail, ':', &digits) || !fh_parse_u64(digits, &len) ||
        !fh_read_bytes(&tail, len, call)) {
        return false;
    }
    *rest = tail;
    return true;
}

struct fh_slice fh_responses_unseal(struct fh_arena *arena, struct fh_slice text,
                                    enum fh_responses_proof *proof, struct fh_slice *call,
                                    enum fh_signer *signer)
{
    struct fh_slice rest = fh_seal_read(arena, FH_SIGNER_OPENAI, text, signer);
    struct fh_slice inside = rest;

    *proof = FH_RESPONSES_SIGNATURE;
    if (*signer == FH_SIGNER_OPENAI) {
        return rest;
    }
    if (!fh_utf8_ok(rest)) { /* anybody can make a seal */
        *signer = FH_SIGNER_OPENAI;
        return text;
    }
    if (fh_take(&inside, marks[FH_RESPONSES_REDACTED])) {
        *proof = FH_RESPONSES_REDACTED;
        return inside;
    }
    if (fh_take(&inside, marks[FH_RESPONSES_CALL]) && take_call(&inside, call)) {
        *proof = FH_RESPONSES_CALL;
        return inside;
    }
    return rest;
}

const struct fh_dialect fh_dialect_openai_responses = {
    .id = FH_DIALECT_OPENAI_RESPONSES,
    .name = FH_LIT_INIT("openai_responses"),
    .cells = fh_responses_cells,
    .home = FH_SIGNER_OPENAI,
    .framing = FH_FRAMING_SSE,
    .repeats_request = true,
    .decode_request = fh_responses_decode_request,
    .encode_request = fh_responses_encode_request,
    .decode_reply = fh_responses_decode_reply,
    .stream_decoder_new = fh_responses_stream_decoder_new,
    .decode_stream = fh_responses_decode_stream,
    .encode_reply = fh_responses_encode_reply,
    .stream_encoder_new = fh_responses_stream_encoder_new,
    .encode_stream = fh_responses_encode_stream,
    .encode_fault = fh_responses_encode_fault,
    .fault_status = fh_responses_fault_status,
    .decode_fault = fh_responses_decode_fault,
    .encode_models = fh_responses_encode_models,
    .unwrap_count = fh_responses_unwrap_count,
    .wrap_count = fh_responses_wrap_count,
    .decode_count = fh_responses_decode_count,
    .encode_count = fh_responses_encode_count,
    .encode_ping = fh_responses_encode_ping,
    .scan_reply = fh_responses_scan_reply,
    .scan_stream = fh_responses_scan_stream,
};
