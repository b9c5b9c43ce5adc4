/* openai_chat_details.c: what models sign, in the places that this dialect's clients send back:
 * reasoning_details as OpenRouter has them, and Google's extra_content of a tool call.
 * SPDX-License-Identifier: Apache-2.0 */
#include "openai_chat.h"

enum {
    HELD_MAX = 1 << 23,  /* bytes of one thought, and of its signature */
    THOUGHTS_MAX = 1024, /* of one choice */
};

/* How a detail says who signed it. */
static const struct fh_slice formats[FH_SIGNERS] = {
    [FH_SIGNER_UNKNOWN] = FH_LIT_INIT("unknown"),
    [FH_SIGNER_CLAUDE] = FH_LIT_INIT("anthropic-claude-v1"),
    [FH_SIGNER_GEMINI] = FH_LIT_INIT("google-gemini-v1"),
    [FH_SIGNER_OPENAI] = FH_LIT_INIT("openai-responses-v1"),
};

/* ---- reading ---- */

static struct fh_slice text_at(yyjson_val *obj, const char *key)
{
    return fh_json_text(fh_json_get(obj, fh_cstr(key)));
}

bool fh_openai_chat_has_details(yyjson_val *list)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(list);
    bool good = yyjson_arr_size(list) > 0;

    for (yyjson_val *v = NULL; good && (v = yyjson_arr_iter_next(&iter)) != NULL;) {
        good = fh_starts(text_at(v, "type"), FH_LIT("reasoning."));
    }
    return good;
}

static const struct fh_slice of_words[] = {FH_LIT_INIT("type"),   FH_LIT_INIT("text"),
                                           FH_LIT_INIT("format"), FH_LIT_INIT("signature"),
                                           FH_LIT_INIT("index"),  FH_LIT_INIT("id")};
static const struct fh_slice of_summary[] = {FH_LIT_INIT("type"), FH_LIT_INIT("summary"),
                                             FH_LIT_INIT("format"), FH_LIT_INIT("index"),
                                             FH_LIT_INIT("id")};
static const struct fh_slice of_encrypted[] = {FH_LIT_INIT("type"), FH_LIT_INIT("data"),
                                               FH_LIT_INIT("format"), FH_LIT_INIT("index"),
                                               FH_LIT_INIT("id")};
static const struct fh_openai_chat_form words_form = {.own = FH_OPENAI_CHAT_NAMES(of_words)};
static const struct fh_openai_chat_form summary_form = {.own =
                                                            FH_OPENAI_CHAT_NAMES(of_summary)};
static const struct fh_openai_chat_form encrypted_form = {
    .own = FH_OPENAI_CHAT_NAMES(of_encrypted)};

bool fh_openai_chat_read_detail(struct fh_openai_chat_detail *detail, struct fh_arena *arena,
                                yyjson_val *value)
{
    struct fh_slice type = text_at(value, "type");
    size_t format = fh_read_word(formats, FH_SIGNERS, text_at(value, "format"));
    enum fh_signer home = format == FH_SIGNERS ? FH_SIGNER_UNKNOWN : (enum fh_signer)format;

    *detail = (struct fh_openai_chat_detail){.kind = FH_BLOCK_THINKING, .signer = home};
    detail->has_index = fh_json_u64(fh_json_get(value, FH_LIT("index")), &detail->index);
    if (fh_eq(type, FH_LIT("reasoning.text"))) {
        detail->form = &words_form;
        detail->text = text_at(value, "text");
        detail->signature =
            fh_seal_read(arena, home, text_at(value, "signature"), &detail->signer);
        return true;
    }
    if (fh_eq(type, FH_LIT("reasoning.summary"))) {
        detail->form = &summary_form;
        detail->text = text_at(value, "summary");
        return true;
    }
    detail->form = &encrypted_form;
    detail->kind = FH_BLOCK_REDACTED;
    detail->data = fh_seal_read(arena, home, text_at(value, "data"), &detail->signer);
    return fh_eq(type, FH_LIT("reasoning.encrypted"));
}

/* Where Mistral's clients find what cannot be read: a reference to nothing. */
static const struct fh_slice redacted_mark = FH_LIT_INIT("redacted_thinking");

static bool is_redacted(yyjson_val *pieces)
{
    yyjson_val *ids = fh_json_get(yyjson_arr_get_first(pieces), FH_LIT("reference_ids"));

    return fh_eq(fh_json_text(yyjson_arr_get_first(ids)), redacted_mark);
}

static const struct fh_slice of_chunk[] = {FH_LIT_INIT("type"), FH_LIT_INIT("thinking"),
                                           FH_LIT_INIT("signature"), FH_LIT_INIT("closed")};
static const struct fh_slice of_piece[] = {FH_LIT_INIT("type"), FH_LIT_INIT("text")};
static const struct fh_slice of_mark[] = {FH_LIT_INIT("type"), FH_LIT_INIT("reference_ids")};
static const struct fh_openai_chat_form chunk_form = {
    .own = FH_OPENAI_CHAT_NAMES(of_chunk),
    .inner = FH_LIT_INIT("thinking"),
    .in_inner = FH_OPENAI_CHAT_NAMES(of_piece),
};
static const struct fh_openai_chat_form redacted_form = {
    .own = FH_OPENAI_CHAT_NAMES(of_chunk),
    .inner = FH_LIT_INIT("thinking"),
    .in_inner = FH_OPENAI_CHAT_NAMES(of_mark),
};

void fh_openai_chat_read_chunk(struct fh_openai_chat_detail *detail, struct fh_arena *arena,
                               yyjson_val *chunk)
{
    yyjson_val *pieces = fh_json_get(chunk, FH_LIT("thinking"));
    yyjson_arr_iter iter = yyjson_arr_iter_with(pieces);

    *detail = (struct fh_openai_chat_detail){.form = &chunk_form, .kind = FH_BLOCK_THINKING};
    detail->signature =
        fh_seal_read(arena, FH_SIGNER_UNKNOWN, text_at(chunk, "signature"), &detail->signer);
    if (is_redacted(pieces)) {
        detail->form = &redacted_form;
        detail->kind = FH_BLOCK_REDACTED;
        detail->data = detail->signature;
        detail->signature = FH_NONE;
        return;
    }
    for (yyjson_val *v = NULL; (v = yyjson_arr_iter_next(&iter)) != NULL;) {
        struct fh_slice parts[] = {detail->text, text_at(v, "text")};

        detail->text = parts[0].len == 0 ? parts[1] : fh_concat(arena, parts, FH_LEN(parts));
    }
}

struct fh_slice fh_openai_chat_call_signature(struct fh_arena *arena, yyjson_val *extra_content,
                                              enum fh_signer *signer, bool *alone)
{
    yyjson_val *google = fh_json_get(extra_content, FH_LIT("google"));
    struct fh_slice signature = text_at(google, "thought_signature");

    *alone = signature.len > 0 && yyjson_obj_size(google) == 1 &&
             yyjson_obj_size(extra_content) == 1;
    return signature.len == 0 ? FH_NONE
                              : fh_seal_read(arena, FH_SIGNER_GEMINI, signature, signer);
}

/* ---- writing ---- */

struct fh_openai_chat_thought {
    struct fh_openai_chat_thought *next;
    uint32_t block;
    bool redacted;
    enum fh_signer signer;
    struct fh_buf text, signature; /* redacted: the data is in `signature` */
};

static struct fh_openai_chat_thought *begin(struct fh_openai_chat_thoughts *all,
                                            struct fh_arena *arena,
                                            const struct fh_event *event)
{
    struct fh_openai_chat_thought *thought = fh_new(arena, struct fh_openai_chat_thought);

    thought->block = event->index;
    thought->text = fh_buf_in_arena(arena, HELD_MAX);
    thought->signature = thought->text;
    if (all->last == NULL) {
        all->first = thought;
    } else {
        all->last->next = thought;
    }
    all->last = thought;
    all->count++;
    return thought;
}

static struct fh_openai_chat_thought *find(const struct fh_openai_chat_thoughts *all,
                                           uint32_t block)
{
    struct fh_openai_chat_thought *thought = all->first;

    if (all->last != NULL && all->last->block == block) { /* nearly always */
        return all->last;
    }
    while (thought != NULL && thought->block != block) {
        thought = thought->next;
    }
    return thought;
}

void fh_openai_chat_note_thought(struct fh_openai_chat_thoughts *all, struct fh_arena *arena,
                                 const struct fh_event *event)
{
    struct fh_openai_chat_thought *thought = find(all, event->index);

    if (thought == NULL && all->count == THOUGHTS_MAX) {
        all->failed = true;
        return;
    }
    if (thought == NULL) {
        thought = begin(all, arena, event);
    }
    if (event->kind == FH_EVENT_THINKING) {
        fh_buf_append(&thought->text, event->text);
    } else if (event->kind == FH_EVENT_SIGNATURE || event->block == FH_BLOCK_REDACTED) {
        thought->redacted = event->block == FH_BLOCK_REDACTED;
        thought->signer = event->signer;
        fh_buf_append(&thought->signature, event->text);
        all->sign = true;
    }
    all->failed = all->failed || thought->text.failed || thought->signature.failed;
}

/* print_sealed: a format says whose signature it is, so only what bears no name has a seal. */
static void print_sealed(struct fh_buf *out, enum fh_signer home, enum fh_signer signer,
                         struct fh_slice signature)
{
    FH_AUTO(fh_buf_fini) struct fh_buf sealed = fh_buf_on_heap(SIZE_MAX / 4);

    fh_seal_write(&sealed, home, signer, signature);
    fh_json_quote(out, fh_buf_slice(&sealed));
}

void fh_openai_chat_print_detail(struct fh_buf *out, const struct fh_openai_chat_detail *d)
{
    enum fh_signer home = d->signer == FH_SIGNER_UNKNOWN ? FH_SIGNER_CLAUDE : d->signer;

    if (d->kind == FH_BLOCK_REDACTED) {
        fh_buf_append(out, FH_LIT("{\"type\":\"reasoning.encrypted\",\"data\":"));
        print_sealed(out, home, d->signer, d->data);
    } else {
        fh_buf_append(out, FH_LIT("{\"type\":\"reasoning.text\",\"text\":"));
        fh_json_quote(out, d->text);
    }
    if (d->signature.len > 0) {
        fh_buf_append(out, FH_LIT(",\"signature\":"));
        print_sealed(out, home, d->signer, d->signature);
    }
    fh_buf_append(out, FH_LIT(",\"format\":"));
    fh_json_quote(out, formats[d->signer]);
    fh_buf_append(out, FH_LIT(",\"index\":"));
    fh_buf_u64(out, d->index);
    fh_buf_byte(out, '}');
}

static struct fh_openai_chat_detail detail_of(const struct fh_openai_chat_thought *t,
                                              uint64_t index)
{
    struct fh_openai_chat_detail detail = {
        .kind = t->redacted ? FH_BLOCK_REDACTED : FH_BLOCK_THINKING,
        .signer = t->signer,
        .text = fh_buf_slice(&t->text),
        .index = index,
    };

    *(t->redacted ? &detail.data : &detail.signature) = fh_buf_slice(&t->signature);
    return detail;
}

void fh_openai_chat_print_thoughts(struct fh_buf *out,
                                   const struct fh_openai_chat_thoughts *all)
{
    uint64_t index = 0;

    fh_buf_byte(out, '[');
    for (const struct fh_openai_chat_thought *t = all->first; t != NULL; t = t->next) {
        struct fh_openai_chat_detail detail = detail_of(t, index);

        fh_buf_append(out, index++ > 0 ? FH_LIT(",") : FH_NONE);
        fh_openai_chat_print_detail(out, &detail);
    }
    fh_buf_byte(out, ']');
}

void fh_openai_chat_print_chunk(struct fh_buf *out, const struct fh_openai_chat_detail *d,
                                bool closed)
{
    bool redacted = d->kind == FH_BLOCK_REDACTED;
    struct fh_slice signature = redacted ? d->data : d->signature;

    fh_buf_append(out, FH_LIT("{\"type\":\"thinking\",\"thinking\":["));
    if (redacted) {
        fh_buf_append(out, FH_LIT("{\"type\":\"reference\",\"reference_ids\":["));
        fh_json_quote(out, redacted_mark);
        fh_buf_append(out, FH_LIT("]}"));
    } else if (d->text.ptr != NULL) {
        fh_buf_append(out, FH_LIT("{\"type\":\"text\",\"text\":"));
        fh_json_quote(out, d->text);
        fh_buf_byte(out, '}');
    }
    fh_buf_byte(out, ']');
    if (signature.len > 0) {
        fh_buf_append(out, FH_LIT(",\"signature\":"));
        print_sealed(out, FH_SIGNER_UNKNOWN, d->signer, signature);
    }
    fh_buf_append(out, closed ? FH_LIT(",\"closed\":true}") : FH_LIT("}"));
}

void fh_openai_chat_print_chunks(struct fh_buf *out, const struct fh_openai_chat_thoughts *all)
{
    for (const struct fh_openai_chat_thought *t = all->first; t != NULL; t = t->next) {
        struct fh_openai_chat_detail detail = detail_of(t, 0);

        fh_buf_append(out, t == all->first ? FH_NONE : FH_LIT(","));
        fh_openai_chat_print_chunk(out, &detail, true);
    }
}

void fh_openai_chat_print_call_signature(struct fh_buf *out, const struct fh_event *event)
{
    fh_buf_append(out, FH_LIT("{\"google\":{\"thought_signature\":"));
    print_sealed(out, FH_SIGNER_GEMINI, event->signer, event->text);
    fh_buf_append(out, FH_LIT("}}"));
}
