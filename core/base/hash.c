/* hash.c: OpenSSL does SHA-256; CRC-32C is the processor's instruction, or bits.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

#include "base/secret.h"

/* OpenSSL's three calls below are deprecated in favour of EVP, which looks the algorithm up by name
 * each time: three times the cost for a key of one block. They are what EVP ends up calling. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

static_assert(FH_SHA256_LEN == SHA256_DIGEST_LENGTH, "the same algorithm");
static_assert(sizeof(struct fh_sha256_run) == sizeof(SHA256_CTX), "room for its state");
static_assert(_Alignof(struct fh_sha256_run) == _Alignof(SHA256_CTX), "and aligned for it");

static SHA256_CTX *state_of(struct fh_sha256_run *run)
{
    return (SHA256_CTX *)(void *)run->words;
}

void fh_sha256_begin(struct fh_sha256_run *run)
{
    FH_ASSERT(SHA256_Init(state_of(run)) == 1);
}

void fh_sha256_add(struct fh_sha256_run *run, struct fh_slice s)
{
    FH_ASSERT(SHA256_Update(state_of(run), s.ptr, s.len) == 1);
}

struct fh_sha256 fh_sha256_end(struct fh_sha256_run *run)
{
    struct fh_sha256 digest;

    FH_ASSERT(SHA256_Final(digest.bytes, state_of(run)) == 1);
    return digest;
}

struct fh_sha256 fh_sha256(struct fh_slice s)
{
    struct fh_sha256_run run;

    fh_sha256_begin(&run);
    fh_sha256_add(&run, s);
    return fh_sha256_end(&run);
}

enum { INNER = 0x36, OUTER = 0x5c }; /* RFC 2104, 2 */

/* begin_padded begins a hash with the key, filled up to a block and XORed with `pad`. */
static void begin_padded(struct fh_sha256_run *run, struct fh_slice key, uint8_t pad)
{
    uint8_t block[SHA256_CBLOCK];

    FH_ASSERT(key.len <= sizeof(block));
    for (size_t i = 0; i < sizeof(block); i++) {
        block[i] = (uint8_t)(pad ^ (i < key.len ? key.ptr[i] : 0));
    }
    fh_sha256_begin(run);
    fh_sha256_add(run, fh_slice(block, sizeof(block)));
    fh_wipe(block, sizeof(block));
}

struct fh_sha256 fh_hmac_sha256(struct fh_slice key, struct fh_slice text)
{
    struct fh_sha256_run run;
    struct fh_sha256 digest;
    struct fh_sha256 short_key = {{0}};

    if (key.len > SHA256_CBLOCK) {
        short_key = fh_sha256(key);
        key = fh_slice(short_key.bytes, sizeof(short_key.bytes));
    }
    begin_padded(&run, key, INNER);
    fh_sha256_add(&run, text);
    digest = fh_sha256_end(&run);
    begin_padded(&run, key, OUTER);
    fh_sha256_add(&run, fh_slice(digest.bytes, sizeof(digest.bytes)));
    digest = fh_sha256_end(&run);
    fh_wipe(&run, sizeof(run));
    fh_wipe(&short_key, sizeof(short_key));
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
