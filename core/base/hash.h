/*
 * hash.h: SHA-256 (FIPS 180-4), HMAC with it (RFC 2104), CRC-32C (RFC 3720, appendix B.4) and
 * CRC-32 (RFC 1952, section 8).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/base.h"

enum { FH_SHA256_LEN = 32 };

struct fh_sha256 {
    uint8_t bytes[FH_SHA256_LEN];
};

/* fh_sha256 hashes all of `s`. */
struct fh_sha256 fh_sha256(struct fh_slice s);

/* A hash of what comes in pieces: begin, add, add, …, end. It holds nothing to release, and may be
 * copied: the copies go on independently. */
struct fh_sha256_run {
    uint32_t words[28]; /* OpenSSL's */
};

void fh_sha256_begin(struct fh_sha256_run *run);
void fh_sha256_add(struct fh_sha256_run *run, struct fh_slice s);

/* fh_sha256_end gives the hash of all that was added. The run may begin anew afterwards. */
struct fh_sha256 fh_sha256_end(struct fh_sha256_run *run);

/* fh_hmac_sha256 authenticates `text` with a key of any length. Compare what it gives with what a
 * peer sent by fh_secret_eq.
 *
 * Cost     four blocks of SHA-256, and one for every 64 bytes of text.
 */
struct fh_sha256 fh_hmac_sha256(struct fh_slice key, struct fh_slice text);

/* fh_crc32c continues a checksum over `s`; start with 0.
 *
 * Cost     eight bytes a cycle or so where the processor has the instruction, bit by bit elsewhere.
 */
uint32_t fh_crc32c(uint32_t crc, struct fh_slice s);

/* fh_crc32 does so with the older polynomial, that of gzip, zlib and Ethernet.
 *
 * Cost     a byte a cycle or so, everywhere, and 8 KiB of tables.
 */
uint32_t fh_crc32(uint32_t crc, struct fh_slice s);
