/* embeddings_scan.c: looks at answers that pass byte for byte: tokens, failure, and the form of the
 * first vector.
 * SPDX-License-Identifier: Apache-2.0 */
#include "embeddings_table.h"

#include "wire/json_scan.h"
#include "wire/json_walk.h"

/* The members of an answer that are looked at. */
enum { VECTORS, ERROR, TOKENS, BY_TYPE, MEMBERS_MAX };

static const struct {
    struct fh_slice name[MEMBERS_MAX];
    size_t count;
} members[] = {
    [FH_EMBED_OPENAI] = {{FH_LIT_INIT("data"), FH_LIT_INIT("error"), FH_LIT_INIT("usage")}, 3},
    [FH_EMBED_MISTRAL] = {{FH_LIT_INIT("data"), FH_LIT_INIT("error"), FH_LIT_INIT("usage")}, 3},
    [FH_EMBED_GEMINI] = {{FH_LIT_INIT("embeddings"), FH_LIT_INIT("error"),
                          FH_LIT_INIT("usageMetadata")},
                         3},
    [FH_EMBED_GEMINI_ONE] = {{FH_LIT_INIT("embedding"), FH_LIT_INIT("error"),
                              FH_LIT_INIT("usageMetadata")},
                             3},
    [FH_EMBED_TITAN] = {{FH_LIT_INIT("embedding"), FH_LIT_INIT("error"),
                         FH_LIT_INIT("inputTextTokenCount"), FH_LIT_INIT("embeddingsByType")},
                        4},
    [FH_EMBED_COHERE] = {{FH_LIT_INIT("embeddings"), FH_LIT_INIT("error")}, 2},
};
static_assert(FH_LEN(members) == FH_EMBED_SHAPES, "table and enum agree");

static void read_tokens(struct fh_usage *usage, enum fh_tokens kind, yyjson_val *value)
{
    uint64_t count = 0;

    if (fh_json_u64(value, &count)) {
        fh_usage_set(usage, kind, count);
    }
}

void fh_embed_read_usage(struct fh_usage *usage, enum fh_embed_shape shape, yyjson_val *value)
{
    if (shape == FH_EMBED_TITAN) {
        read_tokens(usage, FH_TOKENS_INPUT, value);
    } else if (fh_embed_is_gemini(shape)) {
        read_tokens(usage, FH_TOKENS_INPUT, fh_json_get(value, FH_LIT("promptTokenCount")));
    } else {
        /* some servers of OpenAI's shape count the total alone: it is all input */
        read_tokens(usage, FH_TOKENS_INPUT, fh_json_get(value, FH_LIT("total_tokens")));
        read_tokens(usage, FH_TOKENS_INPUT, fh_json_get(value, FH_LIT("prompt_tokens")));
    }
}

/* form_of_datum finds the form of one of OpenAI's or Mistral's vectors. */
static enum fh_embed_form form_of_datum(struct fh_slice datum)
{
    struct fh_json_walk walk;
    struct fh_json_part part;

    if (!fh_json_walk_begin(&walk, datum)) {
        return FH_EMBED_FORM_ANY;
    }
    while (fh_json_walk_next(&walk, &part)) {
        if (fh_eq(part.name, FH_LIT("\"embedding\""))) {
            return fh_starts(part.value, FH_LIT("\"")) ? FH_EMBED_PACKED : FH_EMBED_NUMBERS;
        }
    }
    return FH_EMBED_FORM_ANY;
}

/* form_of finds the form of the first vector; ANY where there is none. */
static enum fh_embed_form form_of(enum fh_embed_shape shape, struct fh_slice value)
{
    struct fh_json_walk walk;
    struct fh_json_part part;

    if (!fh_json_walk_begin(&walk, value) || !fh_json_walk_next(&walk, &part)) {
        return FH_EMBED_FORM_ANY;
    }
    return shape == FH_EMBED_OPENAI || shape == FH_EMBED_MISTRAL ? form_of_datum(part.value)
                                                                 : FH_EMBED_NUMBERS;
}

static bool says_error(struct fh_slice error)
{
    return fh_starts(error, FH_LIT("{")) || (fh_starts(error, FH_LIT("\"")) && error.len > 2);
}

enum fh_embed_form fh_embed_scan_reply(struct fh_watch *watch, struct fh_arena *scratch,
                                       enum fh_embed_shape shape, struct fh_slice body)
{
    struct fh_json_member at[MEMBERS_MAX] = {0};
    yyjson_val *tokens = NULL;
    struct fh_error ignored;

    FH_ASSERT(shape < FH_EMBED_SHAPES);
    if (fh_json_scan(body, members[shape].name, at, members[shape].count, FH_EMBED_DEPTH_MAX,
                     &ignored) != FH_OK) {
        return FH_EMBED_FORM_ANY;
    }
    if (at[TOKENS].value.ptr != NULL &&
        fh_json_parse(scratch, at[TOKENS].value, &tokens, &ignored) == FH_OK) {
        fh_embed_read_usage(&watch->usage, shape, tokens);
    }
    watch->failed = says_error(at[ERROR].value);
    watch->ended = !watch->failed;
    if (watch->failed) {
        struct fh_fault fault = {0};

        fh_dialect_openai_chat.decode_fault(&fault, scratch, 0, body);
        watch->failure = fault.kind;
    }
    enum fh_embed_form form = form_of(shape, at[VECTORS].value);

    return form == FH_EMBED_FORM_ANY ? form_of(shape, at[BY_TYPE].value) : form;
}
