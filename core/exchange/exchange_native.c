/* exchange_native.c: batches, files and stored answers. They are kept by one provider and mean
 * nothing to another: the request passes to it as it is, and what comes back is handed on as it
 * comes, however much it is.
 * SPDX-License-Identifier: Apache-2.0 */
#include "exchange/exchange_state.h"
#include "wire/json_walk.h"

enum { KINDS_MAX = 256, OUT_BASE = 1 << 16 };

/* ---- the request ---- */

/* is_clean says whether a text may stand in the head of a request. */
static bool is_clean(struct fh_slice text, uint8_t least)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < least || text.ptr[i] == 0x7f) {
            return false;
        }
    }
    return true;
}

/* fh_x_native_may says whether the key may make such a call; if not, `fault` says why. */
bool fh_x_native_may(struct fh_exchange *x)
{
    const struct fh_client_head *head = &x->setup.head;

    if (x->claim != NULL) {
        fh_x_fault(x, FH_REFUSE_NO_KEY,
                   "Batches, files and stored answers take a key, not a signature: send it as "
                   "`authorization: Bearer KEY` or `x-api-key: KEY`.");
        return false;
    }
    if (x->key.model_count > 0) {
        fh_x_fault(
            x, FH_REFUSE_NOT_ALLOWED,
            "The key \"%.*s\" may only use certain models, and this gateway does not look "
            "into batches, files and stored answers: they need a key that may use all.",
            FH_ARG(x->key.name));
        return false;
    }
    if (!is_clean(head->query, '!') || !is_clean(head->content_type, ' ')) {
        fh_x_fault(x, FH_REFUSE_BAD_REQUEST,
                   "The query or the content type has a character that cannot stand there.");
        return false;
    }
    return true;
}

/* list_kinds names the kinds of places that keep things for clients of this dialect. */
static struct fh_slice list_kinds(struct fh_exchange *x)
{
    struct fh_buf out = fh_buf_in_arena(x->arena, KINDS_MAX);

    for (unsigned kind = 0; kind < FH_PROVIDER_KINDS; kind++) {
        if (fh_provider_native((enum fh_provider_kind)kind, x->call.dialect) != NULL) {
            fh_buf_append(&out, out.len > 0 ? FH_LIT(" or ") : FH_NONE);
            fh_buf_append(&out, fh_provider_preset((enum fh_provider_kind)kind)->name);
        }
    }
    return fh_buf_slice(&out);
}

/* fh_x_native_place takes the first place that keeps things for clients of this dialect, or the one
 * that the client names.
 *
 * Returns  false when there is none, and why in `fault`.
 */
bool fh_x_native_place(struct fh_exchange *x, const struct fh_target *places, size_t count)
{
    struct fh_slice named = x->setup.head.provider;

    for (size_t i = 0; i < count; i++) {
        const struct fh_provider *provider = places[i].provider;

        if (fh_provider_native(provider->kind, x->call.dialect) != NULL &&
            (named.len == 0 || fh_eq(named, provider->name))) {
            x->target[0] = places[i];
            x->target[0].model = FH_NONE;
            x->target_count = 1;
            x->native = fh_new(x->arena, struct fh_x_native);
            return true;
        }
    }
    if (named.len > 0) {
        fh_x_fault(x, FH_REFUSE_BAD_REQUEST,
                   "This gateway has no provider \"%.*s\" of the kind %.*s.", FH_ARG(named),
                   FH_ARG(list_kinds(x)));
        x->fault.param = FH_LIT("x-freehold-provider");
    } else {
        fh_x_fault(x, FH_REFUSE_UNSUPPORTED,
                   "This call goes to a provider of the kind %.*s, and this gateway has none.",
                   FH_ARG(list_kinds(x)));
    }
    return false;
}

/* fh_x_native_path writes where the request goes: as the client has it, but for what is between it
 * and us alone. */
void fh_x_native_path(const struct fh_exchange *x, struct fh_buf *out)
{
    static const struct fh_slice ours[] = {
        FH_LIT_INIT("key="),         /* a place for the client's own key */
        FH_LIT_INIT("api-version="), /* Azure's clients say it; the provider's URL has it */
    };
    const struct fh_provider *provider = fh_x_target(x)->provider;
    struct fh_slice query = x->setup.head.query;
    struct fh_slice part;
    uint8_t before = '?';

    fh_buf_append(out, provider->base_path);
    fh_buf_append(out, fh_provider_native(provider->kind, x->call.dialect)->path);
    fh_buf_append(out, x->call.rest);
    while (fh_split(&query, '&', &part)) {
        if (!fh_starts(part, ours[0]) && !fh_starts(part, ours[1])) {
            fh_buf_byte(out, before);
            fh_buf_append(out, part);
            before = '&';
        }
    }
}

/* ---- the answer, handed on as it comes ---- */

/* fh_x_native_head begins an answer that passes. One whose links are told anew is gathered, and so
 * is an error.
 *
 * Returns  whether it passes.
 */
bool fh_x_native_head(struct fh_exchange *x, const struct fh_http1_head *head)
{
    static const char *const told[] = {"content-disposition", "content-encoding"};
    struct fh_slice type = FH_NONE;
    struct fh_slice value = FH_NONE;

    if (head->status >= 300 || (head->status == 200 && x->call.reading == READING_LINKS)) {
        return false;
    }
    if (head->status == 200 && x->call.reading == READING_RESULTS) {
        x->native->lines = fh_lines_new(x->arena, x->setup.limits->event_max_bytes);
    }
    for (size_t i = 0; i < FH_LEN(told); i++) {
        if (fh_http_field(head, fh_cstr(told[i]), &value)) {
            fh_x_field(x, told[i], fh_dup(x->arena, value));
        }
    }
    (void)!fh_http_field(head, FH_LIT("content-type"), &type);
    fh_x_status(x, head->status);
    fh_x_send_head(x, head->status, fh_dup(x->arena, type),
                   head->chunked || head->until_close ? -1 : (int64_t)head->content_length);
    x->state = STATE_PASS;
    return true;
}

/* fh_x_native_hand_on gives the client what is held. */
bool fh_x_native_hand_on(struct fh_exchange *x)
{
    struct fh_slice held = x->native->held;

    x->native->held = FH_NONE;
    fh_x_client_bytes(x, held);
    return held.len > 0;
}

/* fh_x_native_bytes takes the next piece. It is held until it is known whether it is the last: that
 * one goes out only after the call is settled. */
void fh_x_native_bytes(struct fh_exchange *x, struct fh_slice bytes)
{
    (void)!fh_x_native_hand_on(x);
    x->native->held = bytes;
    if (x->native->lines != NULL) {
        fh_lines_feed(x->native->lines, bytes);
    }
}

/* fh_x_native_step looks at the next line, or ends the answer when it has come to its end.
 *
 * Returns  false when there is nothing to do before the next piece.
 */
bool fh_x_native_step(struct fh_exchange *x)
{
    struct fh_x_native *native = x->native;
    struct fh_line line;

    if (native->lines != NULL && (fh_lines_next(native->lines, &line) ||
                                  (native->over && fh_lines_last(native->lines, &line)))) {
        fh_x_result_line(x, &line);
        return true;
    }
    if (!native->over) {
        return false;
    }
    fh_x_settle(x, FH_OUTCOME_OK, native->held);
    (void)!fh_x_native_hand_on(x);
    fh_x_release(x, x->keep_alive);
    fh_x_end(x, true);
    return true;
}

/* fh_x_native_cut ends an answer that stopped before its end: the client's is broken off, too. */
void fh_x_native_cut(struct fh_exchange *x)
{
    fh_x_release(x, false);
    fh_x_settle(x, FH_OUTCOME_CUT, x->native->held);
    (void)!fh_x_native_hand_on(x);
    fh_x_end(x, false);
}

void fh_x_native_drop(struct fh_exchange *x)
{
    if (x->native->lines != NULL) {
        fh_lines_fini(x->native->lines);
        x->native->lines = NULL;
    }
    x->native->held = FH_NONE;
}

/* ---- the links in it ---- */

/* relink writes a batch with the path of its results in place of their URL. Clients go where it
 * leads: with the provider's URL they would pass us by, and show it a key that is ours. */
static void relink(struct fh_exchange *x, struct fh_buf *out, struct fh_slice batch)
{
    static const struct fh_slice name = FH_LIT_INIT("results_url");
    struct fh_json_edits edits = {.body = batch};
    struct fh_slice piece[FH_JSON_PIECES_MAX];
    struct fh_buf path = fh_buf_in_arena(fh_x_scratch(x), 6 * batch.len + 2);
    struct fh_json_member at;
    struct fh_error why;

    if (fh_json_scan(batch, &name, &at, 1, x->setup.limits->depth_max, &why) == FH_OK &&
        fh_starts(at.value, FH_LIT("\""))) {
        struct fh_slice url = fh_json_unescape(at.value, fh_x_scratch(x));
        size_t from = fh_search(url, FH_LIT("/v1/messages/batches/"));

        fh_json_quote(&path, fh_tail(url, from));
        if (from < url.len) {
            fh_json_replace(&edits, at.value, fh_buf_slice(&path));
        }
    }
    size_t count = fh_json_pieces(&edits, piece);

    for (size_t i = 0; i < count; i++) {
        fh_buf_append(out, piece[i]);
    }
}

/* relink_list writes a page of batches: an object whose member `data` is a list of them. */
static void relink_list(struct fh_exchange *x, struct fh_buf *out, struct fh_slice page)
{
    struct fh_json_walk members;
    struct fh_json_walk batches;
    struct fh_json_part part;
    struct fh_json_part batch;
    uint8_t before = '{';

    (void)!fh_json_walk_begin(&members, page);
    for (; fh_json_walk_next(&members, &part); before = ',') {
        fh_buf_byte(out, before);
        fh_buf_append(out, part.name);
        fh_buf_byte(out, ':');
        if (!fh_eq(part.name, FH_LIT("\"data\"")) ||
            !fh_json_walk_begin(&batches, part.value)) {
            fh_buf_append(out, part.value);
            continue;
        }
        fh_buf_byte(out, '[');
        for (bool first = true; fh_json_walk_next(&batches, &batch); first = false) {
            fh_buf_append(out, first ? FH_NONE : FH_LIT(","));
            relink(x, out, batch.value);
        }
        fh_buf_byte(out, ']');
    }
    fh_buf_byte(out, '}');
}

/* fh_x_native_whole answers with a batch or a page of them. What is none passes as it is. */
void fh_x_native_whole(struct fh_exchange *x, struct fh_slice body)
{
    static const struct fh_slice name = FH_LIT_INIT("data");
    struct fh_json_member data;
    struct fh_error why;

    fh_x_out(x, body.len + OUT_BASE);
    if (fh_json_scan(body, &name, &data, 1, x->setup.limits->depth_max, &why) != FH_OK) {
        fh_buf_append(&x->out, body);
    } else if (fh_starts(data.value, FH_LIT("["))) {
        relink_list(x, &x->out, body);
    } else {
        relink(x, &x->out, body);
    }
    fh_x_finish_whole(x, x->status, x->out.failed ? body : fh_buf_slice(&x->out));
}
