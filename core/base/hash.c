/* hash.c: OpenSSL does SHA-256; CRC-32C is the processor's instruction, or bits.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

/* The three calls below are deprecated in favour of EVP, which looks the algorithm up by name each
 * time: three times the cost for a key of one block. They are what EVP ends up calling. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

struct fh_sha256 fh_sha256(struct fh_slice s)
{
    struct fh_sha256 digest;
    SHA256_CTX ctx;

    static_assert(FH_SHA256_LEN == SHA256_DIGEST_LENGTH, "the same algorithm");
    FH_ASSERT(SHA256_Init(&ctx) == 1);
    FH_ASSERT(SHA256_Update(&ctx, s.ptr, s.len) == 1);
    FH_ASSERT(SHA256_Final(digest.bytes, &ctx) == 1);
    return digest;
}

#define POLYNOMIAL 0x82f63b78U /* Castagnoli's, bits reversed */

static uint32_t crc_by_bits(uint32_t crc, const uint8_t *ptr, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        crc ^= ptr[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (POLYNOMIAL & (0U - (crc & 1U)));
        }
    }
    return crc;
}

#if defined(__x86_64__)
#    include <nmmintrin.h>

__attribute__((target("sse4.2"))) static uint32_t crc_by_instruction(uint32_t crc,
                                                                     const uint8_t *ptr,
                                                                     size_t len)
{
    uint64_t wide = crc;

    for (; len >= sizeof(uint64_t); ptr += sizeof(uint64_t), len -= sizeof(uint64_t)) {
        uint64_t eight = 0;

        memcpy(&eight, ptr, sizeof(eight));
        wide = _mm_crc32_u64(wide, eight);
    }
    crc = (uint32_t)wide;
    for (; len > 0; ptr++, len--) {
        crc = _mm_crc32_u8(crc, *ptr);
    }
    return crc;
}

static uint32_t crc_of(uint32_t crc, const uint8_t *ptr, size_t len)
{
    return __builtin_cpu_supports("sse4.2") ? crc_by_instruction(crc, ptr, len)
                                            : crc_by_bits(crc, ptr, len);
}
#else
/* Bit by bit is slow and right; a platform that matters gets its instruction above. */
static uint32_t crc_of(uint32_t crc, const uint8_t *ptr, size_t len)
{
    return crc_by_bits(crc, ptr, len);
}
#endif

uint32_t fh_crc32c(uint32_t crc, struct fh_slice s)
{
    return ~crc_of(~crc, s.ptr, s.len);
}
