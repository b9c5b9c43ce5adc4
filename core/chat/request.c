/* request.c: lists of a request, and members that only their own dialect knows.
 * SPDX-License-Identifier: Apache-2.0 */
#include "chat/request.h"

struct fh_extra *fh_extra_add(struct fh_extras *list, struct fh_arena *arena,
                              const struct fh_path *path, struct fh_slice key,
                              yyjson_val *value)
{
    struct fh_extra *extra = fh_new(arena, struct fh_extra);

    *extra = (struct fh_extra){.key = key, .value = value};
    extra->pointer = fh_path_print(path, key, arena);
    if (list->last == NULL) {
        list->first = extra;
    } else {
        list->last->next = extra;
    }
    list->last = extra;
    return extra;
}

void fh_extras_append(struct fh_extras *list, const struct fh_extras *more)
{
    if (more->first == NULL) {
        return;
    }
    if (list->last == NULL) {
        list->first = more->first;
    } else {
        list->last->next = more->first;
    }
    list->last = more->last;
}

static bool is_one_of(struct fh_slice key, const struct fh_slice *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (fh_eq(names[i], key)) {
            return true;
        }
    }
    return false;
}

void fh_extras_keep(struct fh_extras *list, struct fh_arena *arena, const struct fh_path *path,
                    yyjson_val *obj, const struct fh_slice *names, size_t count)
{
    yyjson_obj_iter iter = yyjson_obj_iter_with(obj);

    for (yyjson_val *key = NULL; (key = yyjson_obj_iter_next(&iter)) != NULL;) {
        if (!is_one_of(fh_json_text(key), names, count)) {
            fh_extra_add(list, arena, path, fh_json_text(key), yyjson_obj_iter_get_val(key));
        }
    }
}

void fh_extras_write(const struct fh_extras *list, yyjson_mut_doc *doc, yyjson_mut_val *obj)
{
    for (const struct fh_extra *extra = list->first; extra != NULL; extra = extra->next) {
        (void)yyjson_mut_obj_add(
            obj, yyjson_mut_strn(doc, (const char *)extra->key.ptr, extra->key.len),
            yyjson_val_mut_copy(doc, extra->value));
    }
}

static bool says_nothing(yyjson_val *val)
{
    return yyjson_is_null(val) ||
           ((yyjson_is_str(val) || yyjson_is_ctn(val)) && yyjson_get_len(val) == 0);
}

void fh_extras_lose(const struct fh_extras *list, struct fh_loss *loss, const char *why)
{
    for (const struct fh_extra *extra = list->first; extra != NULL; extra = extra->next) {
        if (!extra->repeats && !says_nothing(extra->value)) {
            fh_loss_add(loss, extra->pointer, why);
        }
    }
}

void fh_chat_request_init(struct fh_chat_request *req, enum fh_dialect_id dialect)
{
    *req = (struct fh_chat_request){.dialect = dialect,
                                    .parallel_tools = -1,
                                    .include_usage = -1,
                                    .thinking_shown = -1,
                                    .format_strict = -1};
}

struct fh_message *fh_message_add(struct fh_chat_request *req, struct fh_arena *arena,
                                  enum fh_role role)
{
    struct fh_message *message = fh_new(arena, struct fh_message);

    message->role = role;
    if (req->last_message == NULL) {
        req->first_message = message;
    } else {
        req->last_message->next = message;
    }
    req->last_message = message;
    return message;
}

struct fh_block *fh_block_add(struct fh_blocks *list, struct fh_arena *arena,
                              enum fh_block_kind kind)
{
    struct fh_block *block = fh_new(arena, struct fh_block);

    block->kind = kind;
    if (list->last == NULL) {
        list->first = block;
    } else {
        list->last->next = block;
    }
    list->last = block;
    return block;
}

struct fh_tool *fh_tool_add(struct fh_chat_request *req, struct fh_arena *arena)
{
    struct fh_tool *tool = fh_new(arena, struct fh_tool);

    tool->strict = -1;
    if (req->last_tool == NULL) {
        req->first_tool = tool;
    } else {
        req->last_tool->next = tool;
    }
    req->last_tool = tool;
    return tool;
}
