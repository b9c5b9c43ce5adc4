/*
 * segment.h: one journal file as memory: a header, then records, then zeros.
 *
 *     0       magic, stored last          ┐
 *     8       hash, used, crc, sealed     │ the seal; zeros until the segment is finished
 *     56      previous                    ┘
 *     88      version worker sequence created_us size crc
 *     128     record record record … 0000
 *
 *     record: length u32 | type u16 | 0 u16 | crc32c u32 | commit u32 | payload, padded to 8
 *
 * One process appends, any number of others read what it appended, at the same time and without
 * a lock: the commit word is stored last, with release, and loaded first, with acquire. Behind the
 * last committed record there are zeros, or, after the writer was killed within an append, a torn
 * record: it was never acknowledged, nothing follows it, and a scan ends before it.
 *
 * The seal is written when nobody appends any more, by whoever looks after the files: SHA-256 over
 * the predecessor's hash, the header and all records. A change of any sealed byte, and a segment
 * taken out of the row, show. It says nothing about who sealed: an attacker who may write the files
 * can seal them anew, so archive the last hash elsewhere.
 *
 * Everything is little-endian, and so is every machine we run on. Pure: memory in, memory out.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/hash.h"

enum {
    FH_SEGMENT_HEADER_LEN = 128,
    FH_SEGMENT_RECORD_HEAD_LEN = 16,
    FH_SEGMENT_PAYLOAD_MAX = 1 << 16,
};

/* The writer's view. `base` is aligned to 8 bytes and shared with readers. */
struct fh_segment {
    uint8_t *base;
    size_t size;
    size_t used; /* bytes, header and committed records */
};

/* What a header says. */
struct fh_segment_info {
    uint32_t worker;     /* the slot that writes it */
    uint64_t sequence;   /* from 1 within its slot */
    uint64_t created_us; /* calendar */
    uint64_t size;       /* of the mapping it was made for */
    bool sealed;
    struct fh_sha256 previous, hash; /* of a sealed one; `previous` is zeros for the first */
    uint64_t used;                   /* of a sealed one */
};

/* fh_segment_room is what a payload of `len` bytes takes of a segment. */
static inline size_t fh_segment_room(size_t len)
{
    FH_ASSERT(len <= FH_SEGMENT_PAYLOAD_MAX);
    return FH_SEGMENT_RECORD_HEAD_LEN + ((len + 7) & ~(size_t)7);
}

/* fh_segment_init writes the header of a new segment into zeroed memory. Of `info` it takes worker,
 * sequence and created_us.
 *
 * Requires `base` is aligned to 8 and `size` at least FH_SEGMENT_HEADER_LEN.
 */
void fh_segment_init(struct fh_segment *seg, void *base, size_t size,
                     const struct fh_segment_info *info);

/* fh_segment_append adds one record. Once it returns FH_OK, no death of this process can take the
 * record away (a power cut can, until the file is synced).
 *
 * Requires `type` is not 0.
 * Returns  FH_E_LIMIT when the segment is full; it is then as before.
 * Cost     a copy, a checksum at eight bytes a cycle, two stores.
 */
enum fh_rc fh_segment_append(struct fh_segment *seg, uint16_t type, struct fh_slice payload);

/* fh_segment_read reads the header of a segment, whole or cut anywhere.
 *
 * Returns  FH_E_MISSING when its writer has not got as far as a header (all of it is zeros);
 *          FH_E_SUPPORT for a later version; FH_E_SYNTAX or FH_E_CHECKSUM otherwise, with `why`.
 */
enum fh_rc fh_segment_read(struct fh_slice bytes, struct fh_segment_info *info,
                           struct fh_error *why);

/* A committed record where it lies. */
struct fh_segment_record {
    uint16_t type;
    uint32_t crc;
    uint64_t at; /* offset in the segment */
    struct fh_slice payload;
};

/* Where a reader is. Plain values: copy it, keep `at` across restarts. */
struct fh_segment_scan {
    struct fh_slice bytes;
    uint64_t at; /* of the next record; all before it is done with */
    bool stuck;  /* nothing behind `at` can be read */
    struct fh_error error;
};

/* fh_segment_scan starts at `at`, where a scan stood before, or at 0 for the first record.
 *
 * Borrows  `bytes`, aligned to 8, for as long as the scan is used. They may be a segment that is
 *          cut anywhere, or any other bytes.
 */
struct fh_segment_scan fh_segment_scan(struct fh_slice bytes, uint64_t at);

/* fh_segment_next produces the next committed record.
 *
 * Returns  FH_STEP_EVENT and fills `out`; FH_STEP_MORE when nothing more is committed: ask again
 *          later; FH_STEP_ERROR when a record was committed and is not what was written: `error`
 *          says why and where. Unlike a decoder's, the error of a bad checksum is not for ever:
 *          the next call goes on behind the record, so that one bad sector does not hide the rest.
 *          When a length makes no sense the scan is stuck, and that is for ever.
 */
enum fh_step fh_segment_next(struct fh_segment_scan *scan, struct fh_segment_record *out);

/* fh_segment_has_more says whether fh_segment_next would have something to say. One load. */
bool fh_segment_has_more(const struct fh_segment_scan *scan);

/* fh_segment_torn counts the bytes behind `at`, the end of a scan, that are not zero: 0, or what a
 * killed writer left of the record it was at. */
uint64_t fh_segment_torn(struct fh_slice bytes, uint64_t at);

/* fh_segment_seal finishes a segment that nobody appends to any more: `seg->used` is where its last
 * record ends (the end of a scan), `previous` its predecessor's hash or zeros. The file may then be
 * cut to `used` bytes.
 */
struct fh_sha256 fh_segment_seal(struct fh_segment *seg, const struct fh_sha256 *previous);

/* fh_segment_seal_holds computes the hash of a sealed segment again.
 *
 * Returns  false when content and seal disagree, or the segment is shorter than it was sealed.
 */
FH_NODISCARD bool fh_segment_seal_holds(struct fh_slice bytes,
                                        const struct fh_segment_info *info);

/* The name of a segment's file: w03-0000000017.seg. Names sort as sequences do. */
enum { FH_SEGMENT_NAME_MAX = 40 };

void fh_segment_print_name(char out[FH_SEGMENT_NAME_MAX], uint32_t worker, uint64_t sequence);

/* fh_segment_parse_name reads what fh_segment_print_name writes, and nothing else. */
FH_NODISCARD bool fh_segment_parse_name(struct fh_slice name, uint32_t *worker,
                                        uint64_t *sequence);
