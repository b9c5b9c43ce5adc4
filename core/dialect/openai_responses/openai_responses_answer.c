/* openai_responses_answer.c: holds an answer and prints it, in parts and as a whole.
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/openai_responses/openai_responses_answer.h"

enum {
    ID_MAX = 40, /* bytes of a reply's id that are in the ids of its items: OpenAI takes 64 */
    MADE_ID_MAX = 128, /* bytes of such an id */
};

void fh_responses_answer_init(struct fh_responses_answer *answer, struct fh_arena *arena,
                              const struct fh_reply_frame *frame)
{
    *answer = (struct fh_responses_answer){
        .arena = arena, .frame = frame, .text = fh_buf_in_arena(arena, SIZE_MAX / 4)};
}

/* ---- ids ---- */

static bool is_plain(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '-' || c == '_';
}

/* append_clean appends an id with the characters that OpenAI's ids have. */
static void append_clean(struct fh_buf *out, struct fh_slice id, size_t max)
{
    for (size_t i = 0; i < fh_min(id.len, max); i++) {
        fh_buf_byte(out, is_plain(id.ptr[i]) ? id.ptr[i] : '_');
    }
}

/* reply_id gives the response its id: that of the provider's answer, or of the exchange. */
static struct fh_slice reply_id(struct fh_responses_answer *answer, struct fh_slice id)
{
    struct fh_slice prefix = FH_LIT("resp_");
    struct fh_buf made = fh_buf_in_arena(answer->arena, MADE_ID_MAX);

    if (answer->ours || fh_starts(id, prefix)) {
        return fh_dup(answer->arena, id);
    }
    fh_buf_append(&made, prefix);
    append_clean(&made, id.len > 0 ? id : answer->frame->request_id, MADE_ID_MAX / 2);
    return fh_buf_slice(&made);
}

/* item_id derives an item's id, which therefore is the same each time. */
static struct fh_slice item_id(struct fh_responses_answer *answer, enum fh_responses_kind kind)
{
    static const struct fh_slice prefixes[] = {
        [FH_RESPONSES_ITEM_MESSAGE] = FH_LIT_INIT("msg_"),
        [FH_RESPONSES_ITEM_CALL] = FH_LIT_INIT("fc_"),
        [FH_RESPONSES_ITEM_REASONING] = FH_LIT_INIT("rs_"),
        [FH_RESPONSES_ITEM_IMAGE] = FH_LIT_INIT("ig_"),
        [FH_RESPONSES_ITEM_OTHER] = FH_LIT_INIT("item_"),
    };
    struct fh_buf made = fh_buf_in_arena(answer->arena, MADE_ID_MAX);
    struct fh_slice id = answer->id;

    (void)!fh_take(&id, FH_LIT("resp_"));
    (void)!fh_take(&id, FH_LIT("msg_")); /* Anthropic's ids have it, too */
    fh_buf_append(&made, prefixes[kind]);
    append_clean(&made, id, ID_MAX);
    fh_buf_byte(&made, '_');
    fh_buf_u64(&made, answer->count);
    return fh_buf_slice(&made);
}

void fh_responses_start(struct fh_responses_answer *answer, const struct fh_event *start)
{
    const struct fh_reply_frame *frame = answer->frame;

    answer->ours = start->dialect == FH_DIALECT_OPENAI_RESPONSES && start->raw != NULL;
    answer->id = reply_id(answer, start->id);
    answer->model = fh_dup(answer->arena, start->model.len > 0 ? start->model : frame->model);
    answer->created_s = start->created_s > 0 ? start->created_s : frame->created_s;
}

/* ---- what is held ---- */

struct fh_responses_out *fh_responses_add(struct fh_responses_answer *answer,
                                          enum fh_responses_kind kind)
{
    if (answer->count == FH_RESPONSES_ITEMS_MAX) {
        return NULL;
    }
    struct fh_responses_out *item = fh_new(answer->arena, struct fh_responses_out);

    item->kind = kind;
    item->index = answer->count;
    item->id = item_id(answer, kind);
    if (answer->last == NULL) {
        answer->first = item;
    } else {
        answer->last->next = item;
    }
    answer->last = item;
    answer->count++;
    return item;
}

struct fh_responses_piece *fh_responses_add_piece(struct fh_responses_answer *answer,
                                                  struct fh_responses_out *item,
                                                  enum fh_block_kind kind, bool raw)
{
    struct fh_responses_piece *piece = fh_new(answer->arena, struct fh_responses_piece);

    piece->kind = kind;
    piece->raw = raw;
    piece->place = raw ? item->raw++ : item->plain++;
    piece->said = fh_buf_in_arena(answer->arena, FH_RESPONSES_HELD_MAX);
    piece->annotations = fh_buf_in_arena(answer->arena, FH_RESPONSES_HELD_MAX);
    piece->logprobs = fh_buf_in_arena(answer->arena, FH_RESPONSES_HELD_MAX);
    if (item->last == NULL) {
        item->first = piece;
    } else {
        item->last->next = piece;
    }
    item->last = piece;
    return piece;
}

bool fh_responses_count(struct fh_responses_answer *answer, size_t bytes)
{
    if (bytes > FH_RESPONSES_HELD_MAX - answer->held) {
        return false;
    }
    answer->held += bytes;
    return true;
}

bool fh_responses_add_value(struct fh_responses_answer *answer, struct fh_arena *scratch,
                            struct fh_buf *list, yyjson_val *value)
{
    struct fh_buf json = fh_buf_in_arena(scratch, SIZE_MAX / 4);

    fh_json_append_val(&json, scratch, value);
    if (!fh_responses_count(answer, json.len + 1)) {
        return false;
    }
    fh_buf_append(list, list->len > 0 ? FH_LIT(",") : FH_NONE);
    fh_buf_append(list, fh_buf_slice(&json));
    return true;
}

bool fh_responses_hold(struct fh_responses_answer *answer, struct fh_responses_out *item,
                       struct fh_slice text, struct fh_slice *escaped)
{
    fh_buf_clear(&answer->text);
    fh_json_quote(&answer->text, text);
    struct fh_slice quoted = fh_buf_slice(&answer->text);

    *escaped = fh_sub(quoted, 1, quoted.len - 2);
    if (!fh_responses_count(answer, escaped->len)) {
        return false;
    }
    fh_buf_append(&item->last->said, *escaped);
    return true;
}

struct fh_slice fh_responses_keep(struct fh_responses_answer *answer, struct fh_arena *scratch,
                                  yyjson_val *obj, const struct fh_slice *said, size_t count)
{
    struct fh_buf out = fh_buf_in_arena(answer->arena, FH_RESPONSES_HELD_MAX);
    yyjson_obj_iter iter = yyjson_obj_iter_with(obj);

    for (yyjson_val *key = NULL; (key = yyjson_obj_iter_next(&iter)) != NULL;) {
        if (fh_read_word(said, count, fh_json_text(key)) == count) {
            fh_json_quote(&out, fh_json_text(key));
            fh_buf_byte(&out, ':');
            fh_json_append_val(&out, scratch, yyjson_obj_iter_get_val(key));
            fh_buf_byte(&out, ',');
        }
    }
    return fh_buf_slice(&out); /* each with a comma behind it */
}

/* ---- printing ---- */

static void quoted(struct fh_buf *out, struct fh_slice before, struct fh_slice escaped)
{
    fh_buf_append(out, before);
    fh_buf_byte(out, '"');
    fh_buf_append(out, escaped);
    fh_buf_byte(out, '"');
}

void fh_responses_print_piece(struct fh_buf *out, const struct fh_responses_piece *piece,
                              bool full)
{
    struct fh_slice said = full ? fh_buf_slice(&piece->said) : FH_NONE;

    switch (piece->kind) {
    case FH_BLOCK_TEXT:
        quoted(out, FH_LIT("{\"type\":\"output_text\",\"text\":"), said);
        fh_buf_append(out, FH_LIT(",\"annotations\":["));
        fh_buf_append(out, full ? fh_buf_slice(&piece->annotations) : FH_NONE);
        fh_buf_append(out, FH_LIT("],\"logprobs\":["));
        fh_buf_append(out, full ? fh_buf_slice(&piece->logprobs) : FH_NONE);
        fh_buf_byte(out, ']');
        break;
    case FH_BLOCK_REFUSAL:
        quoted(out, FH_LIT("{\"type\":\"refusal\",\"refusal\":"), said);
        break;
    case FH_BLOCK_THINKING:
        quoted(out,
               piece->raw ? FH_LIT("{\"type\":\"reasoning_text\",\"text\":")
                          : FH_LIT("{\"type\":\"summary_text\",\"text\":"),
               said);
        break;
    case FH_BLOCK_OPAQUE:
        fh_buf_append(out, said.len > 2 ? fh_head(said, said.len - 1) : FH_LIT("{"));
        break;
    case FH_BLOCK_IMAGE:
    case FH_BLOCK_DOCUMENT:
    case FH_BLOCK_AUDIO:
    case FH_BLOCK_VIDEO:
    case FH_BLOCK_REDACTED:
    case FH_BLOCK_TOOL_CALL:
    case FH_BLOCK_TOOL_RESULT:
    case FH_BLOCK_KINDS:
        break; /* these are items, and print themselves */
    }
    fh_buf_byte(out, '}');
}

/* print_list prints a member with those pieces that are, or are not, raw reasoning. */
static void print_list(struct fh_buf *out, const struct fh_responses_out *item,
                       struct fh_slice name, bool raw)
{
    struct fh_slice comma = FH_NONE;

    fh_json_quote(out, name);
    fh_buf_append(out, FH_LIT(":["));
    for (const struct fh_responses_piece *p = item->first; p != NULL; p = p->next) {
        if (p->raw == raw) {
            fh_buf_append(out, comma);
            fh_responses_print_piece(out, p, true);
            comma = FH_LIT(",");
        }
    }
    fh_buf_append(out, FH_LIT("],"));
}

static bool has_raw(const struct fh_responses_out *item, bool raw)
{
    const struct fh_responses_piece *piece = item->first;

    while (piece != NULL && piece->raw != raw) {
        piece = piece->next;
    }
    return piece != NULL;
}

/* print_head prints what an item of ours begins with. */
static void print_head(struct fh_buf *out, const struct fh_responses_out *item, bool full)
{
    static const struct fh_slice types[] = {
        [FH_RESPONSES_ITEM_MESSAGE] = FH_LIT_INIT("message"),
        [FH_RESPONSES_ITEM_CALL] = FH_LIT_INIT("function_call"),
        [FH_RESPONSES_ITEM_REASONING] = FH_LIT_INIT("reasoning"),
        [FH_RESPONSES_ITEM_IMAGE] = FH_LIT_INIT("image_generation_call"),
        [FH_RESPONSES_ITEM_OTHER] = FH_LIT_INIT("other"),
    };
    struct fh_slice status = item->cut ? FH_LIT("incomplete") : FH_LIT("completed");

    quoted(out, FH_LIT("\"id\":"), item->id);
    quoted(out, FH_LIT(",\"type\":"), types[item->kind]);
    fh_buf_byte(out, ',');
    if (item->kind != FH_RESPONSES_ITEM_REASONING) {
        quoted(out, FH_LIT("\"status\":"), full ? status : FH_LIT("in_progress"));
        fh_buf_byte(out, ',');
    }
}

static void print_call(struct fh_buf *out, const struct fh_responses_out *item, bool full)
{
    if (item->members.ptr == NULL) {
        fh_buf_append(out, FH_LIT("\"call_id\":"));
        fh_json_quote(out, item->call_id);
        fh_buf_append(out, FH_LIT(",\"name\":"));
        fh_json_quote(out, item->name);
        fh_buf_byte(out, ',');
    }
    quoted(out, FH_LIT("\"arguments\":"),
           full && item->first != NULL ? fh_buf_slice(&item->first->said) : FH_NONE);
    fh_buf_byte(out, ',');
}

static void print_image(struct fh_buf *out, const struct fh_responses_out *item, bool full)
{
    struct fh_slice format = item->media_type;

    (void)!fh_take(&format, FH_LIT("image/"));
    fh_buf_append(out, FH_LIT("\"output_format\":"));
    fh_json_quote(out, format);
    fh_buf_append(out, FH_LIT(",\"result\":"));
    if (full && item->first != NULL) {
        quoted(out, FH_NONE, fh_buf_slice(&item->first->said));
    } else {
        fh_buf_append(out, FH_LIT("null"));
    }
    fh_buf_byte(out, ',');
}

/* print_own prints what pieces say. Of what our own client's provider said, only what there is. */
static void print_own(struct fh_buf *out, const struct fh_responses_out *item, bool full)
{
    bool told = item->members.ptr != NULL;

    switch (item->kind) {
    case FH_RESPONSES_ITEM_MESSAGE:
        fh_buf_append(out, told ? FH_NONE : FH_LIT("\"role\":\"assistant\","));
        if (full && item->first != NULL) {
            print_list(out, item, FH_LIT("content"), false);
        } else if (!told) {
            fh_buf_append(out, FH_LIT("\"content\":[],"));
        }
        break;
    case FH_RESPONSES_ITEM_CALL:
        print_call(out, item, full);
        break;
    case FH_RESPONSES_ITEM_REASONING:
        if (full && has_raw(item, false)) {
            print_list(out, item, FH_LIT("summary"), false);
        } else if (!told) {
            fh_buf_append(out, FH_LIT("\"summary\":[],"));
        }
        if (full && has_raw(item, true)) {
            print_list(out, item, FH_LIT("content"), true);
        }
        if (item->encrypted.len > 0) {
            quoted(out, FH_LIT("\"encrypted_content\":"), item->encrypted);
            fh_buf_byte(out, ',');
        }
        break;
    case FH_RESPONSES_ITEM_IMAGE:
        print_image(out, item, full);
        break;
    case FH_RESPONSES_ITEM_OTHER:
        break;
    }
}

/* end_object puts the brace where the last comma is. */
static void end_object(struct fh_buf *out)
{
    if (fh_ends(fh_buf_slice(out), FH_LIT(","))) {
        out->len--;
    }
    fh_buf_byte(out, '}');
}

void fh_responses_print_item(struct fh_buf *out, const struct fh_responses_out *item, bool full)
{
    fh_buf_byte(out, '{');
    if (item->members.ptr != NULL) {
        fh_buf_append(out, item->members);
    } else {
        print_head(out, item, full);
    }
    print_own(out, item, full);
    end_object(out);
}

/* ---- the response ---- */

/* repeat prints what was asked, once: it is in every event that has a response. */
static struct fh_slice repeat(struct fh_responses_answer *answer, struct fh_arena *scratch)
{
    static const struct {
        struct fh_slice name, otherwise;
    } repeated[] = {
#define X(name, otherwise) {FH_LIT_INIT(name), FH_LIT_INIT(otherwise)},
        FH_RESPONSES_REPEATED(X)
#undef X
    };
    const struct fh_chat_request *req = answer->frame->request;
    bool asked_here = req != NULL && req->dialect == FH_DIALECT_OPENAI_RESPONSES;
    struct fh_buf out = fh_buf_in_arena(answer->arena, FH_RESPONSES_HELD_MAX);

    for (size_t i = 0; i < FH_LEN(repeated) && answer->repeated.ptr == NULL; i++) {
        yyjson_val *asked = asked_here ? fh_json_get(req->body, repeated[i].name) : NULL;

        fh_json_quote(&out, repeated[i].name);
        fh_buf_byte(&out, ':');
        if (asked != NULL && !yyjson_is_null(asked)) {
            fh_json_append_val(&out, scratch, asked);
        } else {
            fh_buf_append(&out, repeated[i].otherwise);
        }
        fh_buf_byte(&out, ',');
    }
    if (answer->repeated.ptr == NULL) {
        answer->repeated = fh_buf_slice(&out);
    }
    return answer->repeated;
}

/* How a meaning is told: the status, and the reason in incomplete_details. */
static const struct {
    struct fh_slice status, details;
} ends[FH_FINISHES] = {
    [FH_FINISH_UNKNOWN] = {FH_LIT_INIT("completed"), FH_LIT_INIT("null")},
    [FH_FINISH_STOP] = {FH_LIT_INIT("completed"), FH_LIT_INIT("null")},
    [FH_FINISH_STOP_SEQUENCE] = {FH_LIT_INIT("completed"), FH_LIT_INIT("null")},
    [FH_FINISH_LENGTH] = {FH_LIT_INIT("incomplete"),
                          FH_LIT_INIT("{\"reason\":\"max_output_tokens\"}")},
    [FH_FINISH_CONTEXT] = {FH_LIT_INIT("incomplete"),
                           FH_LIT_INIT("{\"reason\":\"max_output_tokens\"}")},
    [FH_FINISH_TOOLS] = {FH_LIT_INIT("completed"), FH_LIT_INIT("null")},
    [FH_FINISH_REFUSAL] = {FH_LIT_INIT("incomplete"),
                           FH_LIT_INIT("{\"reason\":\"content_filter\"}")},
    [FH_FINISH_PAUSE] = {FH_LIT_INIT("incomplete"), FH_LIT_INIT("null")},
    [FH_FINISH_MALFORMED] = {FH_LIT_INIT("completed"), FH_LIT_INIT("null")},
};

void fh_responses_stop(struct fh_responses_answer *answer, struct fh_arena *scratch,
                       const struct fh_event *finish)
{
    static const struct fh_slice said[] = {FH_LIT_INIT("output"), FH_LIT_INIT("usage")};
    bool in_words = finish->finish == FH_FINISH_REFUSAL && answer->refused;
    struct fh_slice status = ends[finish->finish].status;

    if (answer->ours && finish->raw != NULL) {
        status = fh_json_text(fh_json_get(finish->raw, FH_LIT("status")));
        answer->members = fh_responses_keep(answer, scratch, finish->raw, said, FH_LEN(said));
    }
    answer->finish = finish->finish;
    answer->finished = true;
    answer->incomplete = fh_eq(status, FH_LIT("incomplete")) && !in_words;
}

static void print_facts(struct fh_buf *out, struct fh_responses_answer *answer,
                        struct fh_arena *scratch, bool full)
{
    struct fh_slice status = answer->incomplete ? FH_LIT("incomplete") : FH_LIT("completed");

    fh_buf_append(out, FH_LIT("\"id\":"));
    fh_json_quote(out, answer->id);
    fh_buf_append(out, FH_LIT(",\"object\":\"response\",\"created_at\":"));
    fh_buf_u64(out, answer->created_s);
    quoted(out, FH_LIT(",\"status\":"), full ? status : FH_LIT("in_progress"));
    fh_buf_append(out, FH_LIT(",\"error\":null,\"incomplete_details\":"));
    fh_buf_append(out,
                  full && answer->incomplete ? ends[answer->finish].details : FH_LIT("null"));
    fh_buf_append(out, FH_LIT(",\"model\":"));
    fh_json_quote(out, answer->model);
    fh_buf_append(out, FH_LIT(",\"previous_response_id\":null,\"service_tier\":\"default\","
                              "\"store\":false,"));
    fh_buf_append(out, repeat(answer, scratch));
}

static void print_usage(struct fh_buf *out, const struct fh_responses_answer *answer,
                        struct fh_arena *scratch)
{
    fh_buf_append(out, FH_LIT("\"usage\":"));
    if (answer->usage_json.len > 0) {
        fh_buf_append(out, answer->usage_json);
    } else if (answer->usage.seen != 0) {
        fh_responses_print_usage(out, scratch, &answer->usage, NULL);
    } else {
        fh_buf_append(out, FH_LIT("null"));
    }
}

void fh_responses_print_response(struct fh_buf *out, struct fh_responses_answer *answer,
                                 struct fh_arena *scratch, bool full)
{
    struct fh_slice comma = FH_NONE;

    fh_buf_byte(out, '{');
    if (answer->ours) {
        fh_buf_append(out, answer->members);
    } else {
        print_facts(out, answer, scratch, full);
    }
    fh_buf_append(out, FH_LIT("\"output\":["));
    for (const struct fh_responses_out *item = answer->first; item != NULL && full;
         item = item->next) {
        fh_buf_append(out, comma);
        fh_responses_print_item(out, item, true);
        comma = FH_LIT(",");
    }
    fh_buf_append(out, FH_LIT("],"));
    print_usage(out, answer, scratch);
    fh_buf_byte(out, '}');
}
