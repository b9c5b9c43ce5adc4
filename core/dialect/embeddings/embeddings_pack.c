/* embeddings_pack.c: vectors between lists of numbers and base64, to the bit.
 * SPDX-License-Identifier: Apache-2.0 */
#include "embeddings_table.h"

#include "base/base64.h"
#include "base/float32.h"

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* take_number takes the next number of a list whose opening bracket is gone. */
static struct fh_slice take_number(struct fh_slice *list)
{
    size_t from = 0;
    size_t to = 0;

    while (from < list->len && is_blank(list->ptr[from])) {
        from++;
    }
    for (to = from; to < list->len; to++) {
        uint8_t c = list->ptr[to];

        if (c == ',' || c == ']' || is_blank(c)) {
            break;
        }
    }
    struct fh_slice number = fh_sub(*list, from, to - from);

    while (to < list->len && is_blank(list->ptr[to])) {
        to++;
    }
    to += to < list->len; /* the comma, or the closing bracket */
    *list = fh_tail(*list, to);
    return number;
}

enum fh_rc fh_embed_pack(struct fh_slice list, struct fh_embed_draft *draft,
                         struct fh_slice *packed)
{
    struct fh_buf text = fh_buf_in_arena(draft->bytes.arena, SIZE_MAX / 2);
    float value = 0;

    fh_buf_clear(&draft->bytes);
    if (!fh_take(&list, FH_LIT("["))) {
        return FH_E_TYPE;
    }
    for (struct fh_slice number = take_number(&list); number.len > 0;
         number = take_number(&list)) {
        if (!fh_float32_parse(number, &value)) {
            return FH_E_TYPE;
        }
        fh_buf_u32le(&draft->bytes, fh_float32_bits(value));
    }
    if (list.len > 0) {
        return FH_E_TYPE;
    }
    fh_base64_encode(&text, fh_buf_slice(&draft->bytes), FH_BASE64);
    *packed = fh_buf_slice(&text);
    return FH_OK;
}

enum fh_rc fh_embed_unpack(struct fh_slice packed, struct fh_embed_draft *draft,
                           struct fh_slice *list)
{
    struct fh_slice rest = FH_NONE;
    uint32_t bits = 0;

    fh_buf_clear(&draft->bytes);
    fh_buf_clear(&draft->text);
    if (fh_base64_decode(&draft->bytes, packed) != FH_OK ||
        draft->bytes.len % sizeof(bits) != 0) {
        return FH_E_TYPE;
    }
    rest = fh_buf_slice(&draft->bytes);
    fh_buf_byte(&draft->text, '[');
    while (fh_read_u32le(&rest, &bits)) {
        fh_buf_append(&draft->text, draft->text.len > 1 ? FH_LIT(",") : FH_NONE);
        if (!fh_float32_print(&draft->text, fh_float32_of_bits(bits))) {
            return FH_E_TYPE;
        }
    }
    fh_buf_byte(&draft->text, ']');
    *list = fh_dup(draft->text.arena, fh_buf_slice(&draft->text));
    return FH_OK;
}
