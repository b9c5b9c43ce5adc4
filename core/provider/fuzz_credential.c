/* fuzz_credential.c: what was read and is printed reads the same, and prints the same again.
 * SPDX-License-Identifier: Apache-2.0 */
#include "provider/credential.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool same(const struct fh_credential *a, const struct fh_credential *b)
{
    return a->kind == b->kind && a->expires_s == b->expires_s && fh_eq(a->token, b->token) &&
           fh_eq(a->access_key_id, b->access_key_id) &&
           fh_eq(a->secret_access_key, b->secret_access_key) &&
           fh_eq(a->session_token, b->session_token) && fh_eq(a->region, b->region) &&
           fh_eq(a->from, b->from) && fh_eq(a->settings, b->settings);
}

/* No credential may break out of the line of a request that it is put into. */
static void check_word(struct fh_slice word)
{
    for (size_t i = 0; i < word.len; i++) {
        FH_ASSERT(word.ptr[i] > ' ' && word.ptr[i] < 0x7F);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FH_AUTO(fh_buf_fini) struct fh_buf first = fh_buf_on_heap(SIZE_MAX);
    FH_AUTO(fh_buf_fini) struct fh_buf second = fh_buf_on_heap(SIZE_MAX);
    struct fh_credential read;
    struct fh_credential again;

    if (fh_credential_parse(&read, fh_slice(data, size)) != FH_OK) {
        return 0;
    }
    check_word(read.token);
    check_word(read.access_key_id);
    check_word(read.secret_access_key);
    check_word(read.session_token);
    check_word(read.region);
    if (fh_credential_print(&first, &read) != FH_OK) {
        FH_ASSERT(size + 64 >
                  FH_CREDENTIAL_MAX_BYTES); /* a plain key gets a few lines around it */
        return 0;
    }
    FH_ASSERT(fh_credential_parse(&again, fh_buf_slice(&first)) == FH_OK &&
              same(&read, &again));
    FH_ASSERT(fh_credential_print(&second, &again) == FH_OK);
    FH_ASSERT(fh_eq(fh_buf_slice(&first), fh_buf_slice(&second)));
    return 0;
}
