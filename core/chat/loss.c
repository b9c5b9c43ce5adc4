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
    if (loss->count < FH_LOSS_MAX) {
        loss->entry[loss->count] = (struct fh_loss_entry){fh_dup(loss->arena, pointer), why};
    }
    if (loss->count < UINT32_MAX) {
        loss->count++;
    }
}

static void print_ascii(struct fh_buf *out, struct fh_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];

        if (c > ' ' && c < 0x7f && c != ',' && c != '%') {
            fh_buf_byte(out, c);
        } else {
            fh_buf_printf(out, "%%%02X", c);
        }
    }
}

void fh_loss_print(const struct fh_loss *loss, struct fh_buf *out)
{
    size_t start = out->len;
    uint32_t printed = 0;

    while (printed < fh_loss_listed(loss) && out->len - start < HEADER_MAX) {
        fh_buf_append(out, printed == 0 ? FH_NONE : FH_LIT(", "));
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
    for (size_t i = 0; i < key.len; i++) {
        switch (key.ptr[i]) {
        case '~':
            fh_buf_append(out, FH_LIT("~0"));
            break;
        case '/':
            fh_buf_append(out, FH_LIT("~1"));
            break;
        default:
            fh_buf_byte(out, key.ptr[i]);
        }
    }
}

struct fh_slice fh_path_print(const struct fh_path *path, struct fh_slice name,
                              struct fh_arena *arena)
{
    struct fh_buf out = fh_buf_in_arena(arena, POINTER_MAX);
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
    return fh_buf_slice(
        &out); /* a pointer too long to print stays cut: it still points there */
}
