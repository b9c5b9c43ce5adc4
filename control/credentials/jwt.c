/* jwt.c: OpenSSL signs; the rest is text.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/credentials/jwt.h"

#include "base/base64.h"
#include "base/json_string.h"

#include <limits.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

enum { KEY_MIN_BITS = 2048, HEADER_MAX_LEN = 1024, SIGNATURE_MAX_LEN = 2048 };

struct signer {
    BIO *pem;
    EVP_PKEY *key;
    EVP_MD_CTX *md;
};

static void end(struct signer *s)
{
    BIO_free(s->pem);
    EVP_PKEY_free(s->key);
    EVP_MD_CTX_free(s->md);
}

/* no_password keeps OpenSSL from asking a terminal for one.
 *
 * NOLINTNEXTLINE(readability-non-const-parameter): a type of OpenSSL's */
static int no_password(char *out, int size, int writes, void *user)
{
    FH_UNUSED(out);
    FH_UNUSED(size);
    FH_UNUSED(writes);
    FH_UNUSED(user);
    return -1;
}

static bool open_key(struct signer *s, struct fh_slice pem)
{
    if (pem.len == 0 || pem.len > INT_MAX) {
        return false;
    }
    s->pem = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    FH_ASSERT(s->pem != NULL);
    s->key = PEM_read_bio_PrivateKey(s->pem, NULL, no_password, NULL);
    return s->key != NULL && EVP_PKEY_get_base_id(s->key) == EVP_PKEY_RSA &&
           EVP_PKEY_get_bits(s->key) >= KEY_MIN_BITS;
}

static bool sign(struct signer *s, struct fh_slice text, uint8_t *signature, size_t *len)
{
    s->md = EVP_MD_CTX_new();
    FH_ASSERT(s->md != NULL);
    return EVP_DigestSignInit(s->md, NULL, EVP_sha256(), NULL, s->key) == 1 &&
           EVP_DigestSign(s->md, signature, len, text.ptr, text.len) == 1;
}

enum fh_rc fh_jwt_sign(struct fh_buf *out, struct fh_slice claims, struct fh_slice key_id,
                       struct fh_slice pem, struct fh_arena *arena)
{
    FH_AUTO(end) struct signer s = {0};
    struct fh_buf header = fh_buf_in_arena(arena, HEADER_MAX_LEN);
    uint8_t signature[SIGNATURE_MAX_LEN];
    size_t signature_len = sizeof(signature);
    size_t start = out->len;

    if (!open_key(&s, pem)) {
        return FH_E_SYNTAX;
    }
    fh_buf_append(&header, FH_LIT("{\"alg\":\"RS256\",\"typ\":\"JWT\""));
    if (key_id.len > 0) {
        fh_buf_append(&header, FH_LIT(",\"kid\":"));
        fh_json_quote(&header, key_id);
    }
    fh_buf_append(&header, FH_LIT("}"));
    fh_base64_encode(out, fh_buf_slice(&header), FH_BASE64_URL);
    fh_buf_byte(out, '.');
    fh_base64_encode(out, claims, FH_BASE64_URL);
    if (header.failed || out->failed) {
        return FH_E_LIMIT;
    }
    if (!sign(&s, fh_tail(fh_buf_slice(out), start), signature, &signature_len)) {
        return FH_E_SYNTAX;
    }
    fh_buf_byte(out, '.');
    fh_base64_encode(out, fh_slice(signature, signature_len), FH_BASE64_URL);
    return out->failed ? FH_E_LIMIT : FH_OK;
}
