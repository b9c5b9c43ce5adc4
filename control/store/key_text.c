/* key_text.c: random bytes to letters, each letter as likely as any other.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/store/key_text.h"

#include "base/secret.h"

#include <sys/random.h>

static const char upper[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
static const char lower[] = "abcdefghijklmnopqrstuvwxyz234567";
static const char letters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/+";

enum { BASE32 = 32, BASE62 = 62, BASE64 = 64 };

/* fill writes a prefix and then random letters out of the first `base` of `alphabet`. */
static void fill(char *out, size_t len, const char *prefix, const char *alphabet, size_t base)
{
    uint8_t pool[64];
    size_t left = 0;
    size_t at = 0;

    for (; prefix[at] != '\0'; at++) {
        out[at] = prefix[at];
    }
    while (at < len) {
        if (left == 0) {
            ssize_t got = getrandom(pool, sizeof(pool), 0);

            FH_ASSERT(got == (ssize_t)sizeof(
                                 pool)); /* up to 256 bytes come whole, says getrandom(2) */
            left = sizeof(pool);
        }
        /* six bits are a letter or, for 62 letters, sometimes none: throwing those away keeps
         * the others equally likely */
        uint8_t pick = pool[--left] & (base <= BASE32 ? BASE32 - 1 : BASE64 - 1);

        if (pick < base) {
            out[at++] = alphabet[pick];
        }
    }
    out[len] = '\0';
    fh_wipe(pool, sizeof(pool));
}

void fh_key_text_draw(struct fh_key_text *out)
{
    fill(out->id, FH_KEY_ID_LEN, "key_", lower, BASE32);
    fill(out->key, FH_KEY_TEXT_LEN, "fh-", letters, BASE62);
    fill(out->aws_id, FH_KEY_AWS_ID_LEN, "FHAK", upper, BASE32);
    fill(out->aws_secret, FH_KEY_AWS_SECRET_LEN, "", letters, BASE64);
}

struct fh_sha256 fh_key_text_hash(const struct fh_key_text *text)
{
    return fh_sha256(fh_cstr(text->key));
}
