/* write.c: members, values and extras into a tree.
 * SPDX-License-Identifier: Apache-2.0 */
#include "chat/write.h"

void fh_write_word(struct fh_writer *w, yyjson_mut_val *obj, const char *key, const char *word)
{
    (void)yyjson_mut_obj_add_str(w->doc, obj, key, word);
}

void fh_write_text(struct fh_writer *w, yyjson_mut_val *obj, const char *key,
                   struct fh_slice text)
{
    fh_json_add_text(w->doc, obj, key, text);
}

void fh_write_given(struct fh_writer *w, yyjson_mut_val *obj, const char *key,
                    struct fh_slice text)
{
    if (text.ptr != NULL) {
        fh_json_add_text(w->doc, obj, key, text);
    }
}

void fh_write_val(struct fh_writer *w, yyjson_mut_val *obj, const char *key, yyjson_val *val)
{
    if (val != NULL) {
        (void)yyjson_mut_obj_add_val(w->doc, obj, key, yyjson_val_mut_copy(w->doc, val));
    }
}

void fh_write_flag(struct fh_writer *w, yyjson_mut_val *obj, const char *key, int flag)
{
    if (flag >= 0) {
        fh_write_bool(w, obj, key, flag > 0);
    }
}

void fh_write_bool(struct fh_writer *w, yyjson_mut_val *obj, const char *key, bool value)
{
    (void)yyjson_mut_obj_add_bool(w->doc, obj, key, value);
}

yyjson_mut_val *fh_write_in(struct fh_writer *w, yyjson_mut_val *obj, const char *key)
{
    yyjson_mut_val *member = yyjson_mut_obj_get(obj, key);

    return yyjson_mut_is_obj(member) ? member : yyjson_mut_obj_add_obj(w->doc, obj, key);
}

bool fh_write_json(struct fh_writer *w, yyjson_mut_val *obj, const char *key,
                   struct fh_slice text)
{
    yyjson_val *val = NULL;
    struct fh_error error;

    text = fh_trim(text);
    if (text.len == 0) {
        (void)yyjson_mut_obj_add_obj(w->doc, obj, key);
        return true;
    }
    if (fh_json_parse(w->scratch, text, &val, &error) != FH_OK || !yyjson_is_obj(val)) {
        return false;
    }
    fh_write_val(w, obj, key, val);
    return true;
}

static struct fh_slice take_token(struct fh_slice *pointer)
{
    struct fh_slice token = fh_head(*pointer, fh_find(*pointer, '/'));

    *pointer = fh_tail(*pointer, token.len);
    return token;
}

void fh_write_at(struct fh_writer *w, yyjson_mut_val *obj, struct fh_slice pointer,
                 yyjson_mut_val *val)
{
    while (fh_take(&pointer, FH_LIT("/"))) {
        struct fh_slice token = take_token(&pointer);
        yyjson_mut_val *key = yyjson_mut_strn(w->doc, (const char *)token.ptr, token.len);
        yyjson_mut_val *member = yyjson_mut_obj_getn(obj, (const char *)token.ptr, token.len);

        if (pointer.len == 0) {
            (void)yyjson_mut_obj_put(obj, key, val);
            return;
        }
        if (!yyjson_mut_is_obj(member)) {
            member = yyjson_mut_obj(w->doc);
            (void)yyjson_mut_obj_put(obj, key, member);
        }
        obj = member;
    }
}

void fh_write_values(struct fh_writer *w, const struct fh_cell *cells, yyjson_mut_val *root)
{
    for (int field = 0; field < FH_VALUES; field++) {
        if (w->req->value[field] != NULL && cells[field].pointer.len > 0 &&
            !cells[field].by_code) {
            fh_write_at(w, root, cells[field].pointer,
                        yyjson_val_mut_copy(w->doc, w->req->value[field]));
        }
    }
}

static bool is_index(struct fh_slice token)
{
    return token.len > 0 && token.ptr[0] >= '0' && token.ptr[0] <= '9';
}

bool fh_extra_stands_in(const struct fh_extra *extra, struct fh_slice object)
{
    struct fh_slice pointer = extra->pointer;

    while (object.len > 0) {
        if (!fh_take(&object, FH_LIT("/")) || !fh_take(&pointer, FH_LIT("/"))) {
            return false;
        }
        struct fh_slice want = take_token(&object);
        struct fh_slice token = take_token(&pointer);

        if (fh_eq(want, FH_LIT("#")) ? !is_index(token) : !fh_eq(want, token)) {
            return false;
        }
    }
    return fh_take(&pointer, FH_LIT("/")) && fh_find(pointer, '/') == pointer.len;
}

/* has_own looks among the first `count` members, so that the cost does not grow with what a peer
 * sent. */
static bool has_own(yyjson_mut_val *obj, size_t count, struct fh_slice key)
{
    yyjson_mut_obj_iter iter = yyjson_mut_obj_iter_with(obj);

    for (size_t i = 0; i < count; i++) {
        yyjson_mut_val *own = yyjson_mut_obj_iter_next(&iter);

        if (fh_eq(fh_slice(yyjson_mut_get_str(own), yyjson_mut_get_len(own)), key)) {
            return true;
        }
    }
    return false;
}

void fh_write_extras(struct fh_writer *w, const struct fh_extras *list, const char *object,
                     yyjson_mut_val *obj)
{
    size_t own = yyjson_mut_obj_size(obj);

    for (const struct fh_extra *extra = list->first; extra != NULL && w->ours;
         extra = extra->next) {
        if (fh_extra_stands_in(extra, fh_cstr(object)) && !has_own(obj, own, extra->key)) {
            (void)yyjson_mut_obj_add(
                obj, yyjson_mut_strn(w->doc, (const char *)extra->key.ptr, extra->key.len),
                yyjson_val_mut_copy(w->doc, extra->value));
        }
    }
}

enum fh_rc fh_write_refuse(struct fh_writer *w, struct fh_slice pointer, const char *sentence)
{
    struct fh_slice parts[] = {pointer, FH_LIT(": "), fh_cstr(sentence)};

    *w->why = (struct fh_complaint){.kind = FH_REFUSE_UNSUPPORTED,
                                    .message = fh_concat(w->scratch, parts, FH_LEN(parts)),
                                    .pointer = fh_dup(w->scratch, pointer)};
    return FH_E_SUPPORT;
}
