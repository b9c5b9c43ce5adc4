/* loss.c: the list of what was not carried, and the names of places in a body.
 * SPDX-License-Identifier: Apache-2.0 */
#include "chat/loss.h"

enum {
    DEPTH_MAX = 32,     /* bodies that we decode are not nested deeper than their schemas */
    POINTER_MAX = 1024, /* bytes of one pointer */
    HEADER_MAX = 3072,  /* bytes of the header's value: clients stop reading at 8 or 16 KiB */
};

void fh_loss_add(struct fh_loss *loss, struct fh_slice pointer, const char *why)
{
    for (uint32_t i = 0; i < fh_loss_listed(loss); i++) {
        if (fh_eq(loss->entry[i].pointer, pointer)) {
            loss->entry[i].why = why;
            return;
        }
    }
    if (loss->count < FH_LOSS_MAX) {
        loss->entry[loss->count] = (struct fh_loss_entry){fh_dup(loss->arena, pointer), why};
    }
    if (loss->count < UINT32_MAX) {
        loss->count++;
    }
}

static bool is_plain(uint8_t c)
{
    return c > ' ' && c < 0x7f && !fh_contains(FH_LIT(",%\"\\"), fh_slice(&c, 1));
}

static void print_ascii(struct fh_buf *out, struct fh_slice text)
{
    while (text.len > 0) {
        size_t n = 0;

        while (n < text.len && is_plain(text.ptr[n])) {
            n++;
        }
        fh_buf_append(out, fh_head(text, n));
        if (n < text.len) {
            fh_buf_printf(out, "%%%02X", text.ptr[n++]);
        }
        text = fh_tail(text, n);
    }
}

void fh_loss_print(const struct fh_loss *loss, uint32_t from, struct fh_buf *out)
{
    size_t start = out->len;
    uint32_t printed = from;

    while (printed < fh_loss_listed(loss) && out->len - start < HEADER_MAX) {
        fh_buf_append(out, printed == from ? FH_NONE : FH_LIT(", "));
        print_ascii(out, loss->entry[printed].pointer);
        printed++;
    }
    if (printed < loss->count) {
        fh_buf_printf(out, ", and %u more", loss->count - printed);
    }
}

/* escape writes one reference token (RFC 6901, 3). */
static void escape(struct fh_buf *out, struct fh_slice key)
{
    while (key.len > 0) {
        size_t n = fh_min(fh_find(key, '~'), fh_find(key, '/'));

        fh_buf_append(out, fh_head(key, n));
        if (n < key.len) {
            fh_buf_append(out, key.ptr[n++] == '~' ? FH_LIT("~0") : FH_LIT("~1"));
        }
        key = fh_tail(key, n);
    }
}

struct fh_slice fh_path_print(const struct fh_path *path, struct fh_slice name,
                              struct fh_arena *arena)
{
    uint8_t room[POINTER_MAX];
    struct fh_buf out = {.ptr = room, .room = sizeof(room), .max = sizeof(room)};
    const struct fh_path *chain[DEPTH_MAX];
    size_t depth = 0;

    for (; path != NULL && depth < DEPTH_MAX; path = path->up) {
        chain[depth++] = path;
    }
    while (depth > 0) {
        const struct fh_path *link = chain[--depth];

        fh_buf_byte(&out, '/');
        if (link->key.ptr != NULL) {
            escape(&out, link->key);
        } else {
            fh_buf_u64(&out, link->index);
        }
    }
    if (name.ptr != NULL) { /* a member may be named "" */
        fh_buf_byte(&out, '/');
        escape(&out, fh_head(name, fh_min(name.len, POINTER_MAX / 4)));
    }
    /* a pointer too long to print stays cut: it still points there */
    return fh_dup(arena, fh_buf_slice(&out));
}
