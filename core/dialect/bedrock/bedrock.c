/* bedrock.c: the dialect's table of functions, and its words.
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/bedrock/bedrock.h"

#include "dialect/bedrock/bedrock_names.def"
#include "wire/frames.h"

static const struct {
    enum fh_finish finish;
    struct fh_slice word;
} stops[] = {
#define X(what, text) {FH_FINISH_##what, FH_LIT_INIT(text)},
    FH_BEDROCK_STOPS(X)
#undef X
};

enum fh_finish fh_bedrock_finish(struct fh_slice word)
{
    for (size_t i = 0; i < FH_LEN(stops); i++) {
        if (fh_eq(stops[i].word, word)) {
            return stops[i].finish;
        }
    }
    return FH_FINISH_UNKNOWN;
}

struct fh_slice fh_bedrock_stop_reason(enum fh_finish finish, struct fh_slice own_word)
{
    if (own_word.len > 0) {
        return own_word;
    }
    for (size_t i = 0; i < FH_LEN(stops); i++) {
        if (stops[i].finish == finish) {
            return stops[i].word;
        }
    }
    return stops[0].word;
}

static const char *const efforts[FH_EFFORTS] = {
#define X(what, text) [FH_EFFORT_##what] = (text),
    FH_BEDROCK_EFFORTS(X)
#undef X
};

enum fh_effort fh_bedrock_effort(struct fh_slice word)
{
    for (int i = FH_EFFORT_NONE; i < FH_EFFORTS; i++) {
        if (fh_eq(fh_cstr(efforts[i]), word)) {
            return (enum fh_effort)i;
        }
    }
    return FH_EFFORT_UNSET;
}

const char *fh_bedrock_effort_word(enum fh_effort effort)
{
    FH_ASSERT(effort > FH_EFFORT_UNSET && effort < FH_EFFORTS);
    return efforts[effort];
}

const struct fh_bedrock_family *fh_bedrock_family(struct fh_slice model)
{
    static const struct fh_bedrock_family families[] = {
#define X(part, claude, k_in, k, e_in, e, most, id) \
    {FH_LIT_INIT(part), (claude), (k_in), (k), (e_in), (e), FH_EFFORT_##most, (id)},
        FH_BEDROCK_FAMILIES(X)
#undef X
    };
    size_t i = 0;

    while (i + 1 < FH_LEN(families) && !fh_contains(model, families[i].part)) {
        i++;
    }
    return &families[i];
}

void fh_bedrock_encode_ping(struct fh_buf *out, enum fh_framing framing)
{
    /* not modelled, so SDKs skip it; as bytes of the stream it restarts their timers */
    fh_frame_write(out, framing, FH_LIT("ping"), FH_LIT("{}"));
}

const struct fh_dialect fh_dialect_bedrock = {
    .id = FH_DIALECT_BEDROCK,
    .name = FH_LIT_INIT("bedrock"),
    .cells = fh_bedrock_cells,
    .home = FH_SIGNER_CLAUDE,
    .framing = FH_FRAMING_EVENTSTREAM,
    .ends_with_bytes = true,
    .decode_request = fh_bedrock_decode_request,
    .encode_request = fh_bedrock_encode_request,
    .decode_reply = fh_bedrock_decode_reply,
    .stream_decoder_new = fh_bedrock_stream_decoder_new,
    .decode_stream = fh_bedrock_decode_stream,
    .encode_reply = fh_bedrock_encode_reply,
    .stream_encoder_new = fh_bedrock_stream_encoder_new,
    .encode_stream = fh_bedrock_encode_stream,
    .encode_fault = fh_bedrock_encode_fault,
    .fault_name = fh_bedrock_fault_name,
    .fault_status = fh_bedrock_fault_status,
    .decode_fault = fh_bedrock_decode_fault,
    .encode_models = fh_bedrock_encode_models,
    .unwrap_count = fh_bedrock_unwrap_count,
    .wrap_count = fh_bedrock_wrap_count,
    .decode_count = fh_bedrock_decode_count,
    .encode_count = fh_bedrock_encode_count,
    .encode_ping = fh_bedrock_encode_ping,
    .scan_reply = fh_bedrock_scan_reply,
    .scan_stream = fh_bedrock_scan_stream,
};
