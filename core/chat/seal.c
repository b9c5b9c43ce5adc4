/* seal.c: signer and signature as one base64 text.
 * SPDX-License-Identifier: Apache-2.0 */
#include "chat/seal.h"

#include "base/base64.h"

static const struct fh_slice mark = FH_LIT_INIT("fh1:");

static const struct fh_slice names[FH_SIGNERS] = {
    [FH_SIGNER_UNKNOWN] = FH_LIT_INIT("unknown"),
    [FH_SIGNER_CLAUDE] = FH_LIT_INIT("claude"),
    [FH_SIGNER_GEMINI] = FH_LIT_INIT("gemini"),
    [FH_SIGNER_OPENAI] = FH_LIT_INIT("openai"),
};

void fh_seal_write(struct fh_buf *out, enum fh_signer home, enum fh_signer signer,
                   struct fh_slice signature)
{
    if (signer == home) {
        fh_buf_append(out, signature);
        return;
    }
    FH_AUTO(fh_buf_fini) struct fh_buf plain = fh_buf_on_heap(SIZE_MAX / 4);

    fh_buf_append(&plain, mark);
    fh_buf_append(&plain, names[signer]);
    fh_buf_byte(&plain, ':');
    fh_buf_append(&plain, signature);
    fh_base64_encode(out, fh_buf_slice(&plain), FH_BASE64);
}

struct fh_slice fh_seal_read(struct fh_arena *arena, enum fh_signer home, struct fh_slice text,
                             enum fh_signer *signer)
{
    struct fh_buf plain = fh_buf_in_arena(arena, text.len);
    struct fh_slice name = FH_NONE;

    *signer = home;
    /* base64 of "fh1" : nothing else needs to be decoded to be known for no seal */
    if (!fh_starts(text, FH_LIT("Zmgx")) || fh_base64_decode(&plain, text) != FH_OK) {
        return text;
    }
    struct fh_slice rest = fh_buf_slice(&plain);

    if (!fh_take(&rest, mark) || !fh_split(&rest, ':', &name) || !fh_utf8_ok(rest)) {
        return text; /* nobody has to have sealed what looks like a seal */
    }
    for (int i = 0; i < FH_SIGNERS; i++) {
        if (fh_eq(names[i], name)) {
            *signer = (enum fh_signer)i;
            return rest;
        }
    }
    return text;
}

bool fh_seal_maybe_in(struct fh_slice json)
{
    return fh_contains(json, FH_LIT("\"Zmgx"));
}
