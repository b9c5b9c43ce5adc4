/* hash.c: OpenSSL does SHA-256; CRC-32C is the processor's instruction, or bits; CRC-32 is tables.
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

/* What a byte does to the checksum once k more bytes lie behind it is row k, so eight bytes can be
 * looked up side by side. The checksum is linear: the entry of a byte is the sum (xor) of those of
 * its bits, lowest first below, and those are the polynomial moved on by a bit each: the last of
 * row 0 is the polynomial itself, the one to its left is one bit further, and the last of row 1
 * eight. */
#define SUMS_2(x, a)              (x), (x) ^ (a)
#define SUMS_4(x, a, b)           SUMS_2(x, a), SUMS_2((x) ^ (b), a)
#define SUMS_8(x, a, b, c)        SUMS_4(x, a, b), SUMS_4((x) ^ (c), a, b)
#define SUMS_16(x, a, b, c, d)    SUMS_8(x, a, b, c), SUMS_8((x) ^ (d), a, b, c)
#define SUMS_32(x, a, b, c, d, e) SUMS_16(x, a, b, c, d), SUMS_16((x) ^ (e), a, b, c, d)
#define SUMS_64(x, a, b, c, d, e, f) \
    SUMS_32(x, a, b, c, d, e), SUMS_32((x) ^ (f), a, b, c, d, e)
#define SUMS_128(x, a, b, c, d, e, f, g) \
    SUMS_64(x, a, b, c, d, e, f), SUMS_64((x) ^ (g), a, b, c, d, e, f)
#define ROW(a, b, c, d, e, f, g, h) \
    SUMS_128(0U, a, b, c, d, e, f, g), SUMS_128(h, a, b, c, d, e, f, g)

static const uint32_t behind[8][256] = {
    {ROW(0x77073096U, 0xee0e612cU, 0x076dc419U, 0x0edb8832U, 0x1db71064U, 0x3b6e20c8U,
         0x76dc4190U, 0xedb88320U)},
    {ROW(0x191b3141U, 0x32366282U, 0x646cc504U, 0xc8d98a08U, 0x4ac21251U, 0x958424a2U,
         0xf0794f05U, 0x3b83984bU)},
    {ROW(0x01c26a37U, 0x0384d46eU, 0x0709a8dcU, 0x0e1351b8U, 0x1c26a370U, 0x384d46e0U,
         0x709a8dc0U, 0xe1351b80U)},
    {ROW(0xb8bc6765U, 0xaa09c88bU, 0x8f629757U, 0xc5b428efU, 0x5019579fU, 0xa032af3eU,
         0x9b14583dU, 0xed59b63bU)},
    {ROW(0x3d6029b0U, 0x7ac05360U, 0xf580a6c0U, 0x30704bc1U, 0x60e09782U, 0xc1c12f04U,
         0x58f35849U, 0xb1e6b092U)},
    {ROW(0xcb5cd3a5U, 0x4dc8a10bU, 0x9b914216U, 0xec53826dU, 0x03d6029bU, 0x07ac0536U,
         0x0f580a6cU, 0x1eb014d8U)},
    {ROW(0xa6770bb4U, 0x979f1129U, 0xf44f2413U, 0x33ef4e67U, 0x67de9cceU, 0xcfbd399cU,
         0x440b7579U, 0x8816eaf2U)},
    {ROW(0xccaa009eU, 0x4225077dU, 0x844a0efaU, 0xd3e51bb5U, 0x7cbb312bU, 0xf9766256U,
         0x299dc2edU, 0x533b85daU)},
};

uint32_t fh_crc32(uint32_t crc, struct fh_slice s)
{
    const uint8_t *ptr = s.ptr;
    size_t len = s.len;

    crc = ~crc;
    for (; len >= 8; ptr += 8, len -= 8) {
        crc ^= ptr[0] | (uint32_t)ptr[1] << 8 | (uint32_t)ptr[2] << 16 | (uint32_t)ptr[3] << 24;
        crc = behind[7][crc & 0xffU] ^ behind[6][crc >> 8 & 0xffU] ^
              behind[5][crc >> 16 & 0xffU] ^ behind[4][crc >> 24] ^ behind[3][ptr[4]] ^
              behind[2][ptr[5]] ^ behind[1][ptr[6]] ^ behind[0][ptr[7]];
    }
    for (; len > 0; ptr++, len--) {
        crc = crc >> 8 ^ behind[0][(crc ^ *ptr) & 0xffU];
    }
    return ~crc;
}
