/* bedrock_media.c: formats of media, and opaque texts of models on their way through base64.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"
#include "dialect/bedrock/bedrock.h"
#include "dialect/bedrock/bedrock_names.def"

static const struct {
    enum fh_block_kind kind;
    struct fh_slice format, media_type;
} media[] = {
#define X(what, word, type) {FH_BLOCK_##what, FH_LIT_INIT(word), FH_LIT_INIT(type)},
    FH_BEDROCK_MEDIA(X)
#undef X
};

struct fh_slice fh_bedrock_media_type(enum fh_block_kind kind, struct fh_slice format)
{
    for (size_t i = 0; i < FH_LEN(media); i++) {
        if (media[i].kind == kind && fh_eq(media[i].format, format)) {
            return media[i].media_type;
        }
    }
    return FH_NONE;
}

struct fh_slice fh_bedrock_format(enum fh_block_kind kind, struct fh_slice media_type)
{
    struct fh_slice type = fh_trim(fh_head(media_type, fh_find(media_type, ';')));

    for (size_t i = 0; i < FH_LEN(media); i++) {
        if (media[i].kind == kind && fh_eq_nocase(media[i].media_type, type)) {
            return media[i].format;
        }
    }
    return FH_NONE;
}

bool fh_bedrock_open_redacted(struct fh_arena *arena, struct fh_slice bytes,
                              struct fh_slice *data, enum fh_signer *signer)
{
    if (bytes.len == 0 || !fh_utf8_ok(bytes)) {
        return false;
    }
    *data = fh_seal_read(arena, FH_SIGNER_CLAUDE, bytes, signer);
    return true;
}

bool fh_bedrock_read_redacted(struct fh_arena *arena, struct fh_slice content,
                              struct fh_slice *data, enum fh_signer *signer)
{
    struct fh_buf bytes = fh_buf_in_arena(arena, content.len);

    return fh_base64_decode(&bytes, content) == FH_OK &&
           fh_bedrock_open_redacted(arena, fh_buf_slice(&bytes), data, signer);
}

struct fh_slice fh_bedrock_sealed(struct fh_arena *arena, enum fh_signer signer,
                                  struct fh_slice signature)
{
    struct fh_buf text = fh_buf_in_arena(arena, SIZE_MAX / 4);

    fh_seal_write(&text, FH_SIGNER_CLAUDE, signer, signature);
    return fh_buf_slice(&text);
}

struct fh_slice fh_bedrock_redacted(struct fh_arena *arena, enum fh_signer signer,
                                    struct fh_slice data)
{
    struct fh_buf text = fh_buf_in_arena(arena, SIZE_MAX / 4);

    fh_base64_encode(&text, fh_bedrock_sealed(arena, signer, data), FH_BASE64);
    return fh_buf_slice(&text);
}
