/* secret.c: pages that are in no core dump.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/secret.h"

#include <openssl/crypto.h>
#include <string.h>
#include <sys/mman.h>

struct fh_secret fh_secret_copy(struct fh_slice bytes)
{
    struct fh_secret secret = {.len = bytes.len};

    if (bytes.len == 0) {
        return FH_SECRET_NONE;
    }
    void *page =
        mmap(NULL, bytes.len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    FH_ASSERT(page != MAP_FAILED);
    /* both may be refused (RLIMIT_MEMLOCK, old kernels), and the secret is needed all the same */
    (void)madvise(page, bytes.len, MADV_DONTDUMP);
    (void)mlock(page, bytes.len);
    memcpy(page, bytes.ptr, bytes.len);
    secret.page = page;
    return secret;
}

void fh_secret_fini(struct fh_secret *secret)
{
    if (secret->page != NULL) {
        fh_wipe(secret->page, secret->len);
        (void)munmap(secret->page, secret->len);
    }
    *secret = FH_SECRET_NONE;
}

void fh_wipe(void *ptr, size_t len)
{
    explicit_bzero(ptr, len);
}

bool fh_secret_eq(struct fh_slice a, struct fh_slice b)
{
    return a.len == b.len && (a.len == 0 || CRYPTO_memcmp(a.ptr, b.ptr, a.len) == 0);
}
