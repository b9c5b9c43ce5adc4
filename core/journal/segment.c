/* segment.c: layout, the commit protocol, the seal.
 * SPDX-License-Identifier: Apache-2.0 */
#include "journal/segment.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "structs are written as they lie");

#define MAGIC     0x31544d4745534846U /* "FHSEGMT1" */
#define COMMITTED 0x21544d43U         /* "CMT!" */
#define SEALED    0x444c4553U         /* "SEAL" */

enum { VERSION = 1 };

struct seal {
    struct fh_sha256 hash;
    uint64_t used;
    uint32_t crc; /* of hash and used */
    uint32_t sealed;
};

struct birth {
    uint32_t version;
    uint32_t worker;
    uint64_t sequence;
    uint64_t created_us;
    uint64_t size;
    uint32_t crc; /* of the above */
    uint32_t zero;
};

/* `previous` and all behind it are what the seal's hash covers, in one run. */
struct header {
    uint64_t magic;
    struct seal seal;
    struct fh_sha256 previous;
    struct birth birth;
};

struct head {
    uint32_t length;
    uint16_t type;
    uint16_t zero;
    uint32_t crc; /* of the three above and the payload */
    uint32_t commit;
};

static_assert(sizeof(struct header) == FH_SEGMENT_HEADER_LEN, "as drawn");
static_assert(offsetof(struct header, seal) == 8, "as drawn");
static_assert(offsetof(struct header, previous) == 56, "as drawn");
static_assert(offsetof(struct header, birth) == 88, "as drawn");
static_assert(sizeof(struct head) == FH_SEGMENT_RECORD_HEAD_LEN, "as drawn");

static bool aligned(const void *ptr)
{
    return (uintptr_t)ptr % 8 == 0;
}

static uint32_t birth_crc(const struct birth *birth)
{
    return fh_crc32c(0, fh_slice(birth, offsetof(struct birth, crc)));
}

static uint32_t seal_crc(const struct seal *seal)
{
    return fh_crc32c(0, fh_slice(seal, offsetof(struct seal, crc)));
}

static uint32_t record_crc(const struct head *head, struct fh_slice payload)
{
    return fh_crc32c(fh_crc32c(0, fh_slice(head, offsetof(struct head, crc))), payload);
}

static struct header *header_of(const struct fh_segment *seg)
{
    return (struct header *)(void *)seg->base;
}

void fh_segment_init(struct fh_segment *seg, void *base, size_t size,
                     const struct fh_segment_info *info)
{
    FH_ASSERT(aligned(base));
    FH_ASSERT(size >= FH_SEGMENT_HEADER_LEN);
    *seg = (struct fh_segment){base, size, FH_SEGMENT_HEADER_LEN};

    struct header *header = header_of(seg);

    header->birth = (struct birth){.version = VERSION,
                                   .worker = info->worker,
                                   .sequence = info->sequence,
                                   .created_us = info->created_us,
                                   .size = size};
    header->birth.crc = birth_crc(&header->birth);
    __atomic_store_n(&header->magic, MAGIC, __ATOMIC_RELEASE);
}

enum fh_rc fh_segment_append(struct fh_segment *seg, uint16_t type, struct fh_slice payload)
{
    FH_ASSERT(type != 0);
    FH_ASSERT(seg->used % 8 == 0 && seg->used <= seg->size);

    size_t room = fh_segment_room(payload.len);

    if (room > seg->size - seg->used) {
        return FH_E_LIMIT;
    }
    uint8_t *at = seg->base + seg->used;
    struct head head = {.length = (uint32_t)payload.len, .type = type};

    head.crc = record_crc(&head, payload);
    memcpy(at, &head, sizeof(head)); /* commit is still 0 */
    if (payload.len > 0) {
        memcpy(at + sizeof(head), payload.ptr, payload.len);
    }
    __atomic_store_n((uint32_t *)(void *)(at + offsetof(struct head, commit)), COMMITTED,
                     __ATOMIC_RELEASE);
    seg->used += room;
    return FH_OK;
}

static enum fh_rc blame(struct fh_error *why, enum fh_rc code, const char *what, uint64_t at)
{
    *why = (struct fh_error){.code = code, .what = what, .at = at};
    return code;
}

static bool all_zero(struct fh_slice bytes)
{
    return bytes.len == 0 ||
           (bytes.ptr[0] == 0 && memcmp(bytes.ptr, bytes.ptr + 1, bytes.len - 1) == 0);
}

enum fh_rc fh_segment_read(struct fh_slice bytes, struct fh_segment_info *info,
                           struct fh_error *why)
{
    struct header header;

    FH_ASSERT(aligned(bytes.ptr));
    if (bytes.len < sizeof(header)) {
        return all_zero(bytes) ? blame(why, FH_E_MISSING, "no header yet", 0)
                               : blame(why, FH_E_SYNTAX, "cut within the header", bytes.len);
    }
    const struct header *there = (const struct header *)(const void *)bytes.ptr;
    uint64_t magic = __atomic_load_n(&there->magic, __ATOMIC_ACQUIRE);
    uint32_t sealed = __atomic_load_n(&there->seal.sealed, __ATOMIC_ACQUIRE);

    memcpy(&header, there, sizeof(header));
    if (magic == 0) {
        return blame(why, FH_E_MISSING, "no header yet", 0);
    }
    if (magic != MAGIC) {
        return blame(why, FH_E_SYNTAX, "not a journal segment", 0);
    }
    if (header.birth.crc != birth_crc(&header.birth)) {
        return blame(why, FH_E_CHECKSUM, "header and its checksum disagree",
                     offsetof(struct header, birth));
    }
    if (header.birth.version != VERSION) {
        return blame(why, FH_E_SUPPORT, "written by a later version",
                     offsetof(struct header, birth));
    }
    if (sealed != 0 && (sealed != SEALED || header.seal.crc != seal_crc(&header.seal))) {
        return blame(why, FH_E_CHECKSUM, "seal and its checksum disagree",
                     offsetof(struct header, seal));
    }
    *info = (struct fh_segment_info){
        .worker = header.birth.worker,
        .sequence = header.birth.sequence,
        .created_us = header.birth.created_us,
        .size = header.birth.size,
        .sealed = sealed != 0,
    };
    if (info->sealed) {
        info->previous = header.previous;
        info->hash = header.seal.hash;
        info->used = header.seal.used;
    }
    return FH_OK;
}

struct fh_segment_scan fh_segment_scan(struct fh_slice bytes, uint64_t at)
{
    FH_ASSERT(aligned(bytes.ptr));
    struct fh_segment_scan scan = {.bytes = bytes, .at = at};

    if (at < FH_SEGMENT_HEADER_LEN) {
        scan.at = FH_SEGMENT_HEADER_LEN;
    }
    return scan;
}

/* committed finds the head of a committed record at the scan's place, or NULL. */
static const struct head *committed(const struct fh_segment_scan *scan)
{
    if (scan->stuck || scan->at % 8 != 0 || scan->at > scan->bytes.len ||
        scan->bytes.len - scan->at < sizeof(struct head)) {
        return NULL;
    }
    const struct head *head =
        (const struct head *)(const void *)(scan->bytes.ptr + (size_t)scan->at);

    return __atomic_load_n(&head->commit, __ATOMIC_ACQUIRE) == 0 ? NULL : head;
}

bool fh_segment_has_more(const struct fh_segment_scan *scan)
{
    return committed(scan) != NULL;
}

static enum fh_step fail(struct fh_segment_scan *scan, enum fh_rc code, const char *what)
{
    scan->error = (struct fh_error){.code = code, .what = what, .at = scan->at};
    return FH_STEP_ERROR;
}

enum fh_step fh_segment_next(struct fh_segment_scan *scan, struct fh_segment_record *out)
{
    if (scan->stuck) {
        return FH_STEP_ERROR;
    }
    const struct head *head = committed(scan);

    if (head == NULL) {
        return FH_STEP_MORE;
    }
    size_t at = (size_t)scan->at;
    size_t left = scan->bytes.len - at;

    if (head->commit != COMMITTED || head->length > FH_SEGMENT_PAYLOAD_MAX ||
        fh_segment_room(head->length) > left) {
        scan->stuck = true;
        return head->commit == COMMITTED && head->length <= FH_SEGMENT_PAYLOAD_MAX
                   ? fail(scan, FH_E_LIMIT, "the segment ends within a record")
                   : fail(scan, FH_E_SYNTAX, "no record starts here");
    }
    struct fh_slice payload = fh_sub(scan->bytes, at + sizeof(*head), head->length);

    if (head->type == 0 || head->zero != 0 || head->crc != record_crc(head, payload)) {
        enum fh_step step = fail(scan, FH_E_CHECKSUM, "record and its checksum disagree");

        scan->at += fh_segment_room(head->length);
        return step;
    }
    *out = (struct fh_segment_record){
        .type = head->type, .crc = head->crc, .at = scan->at, .payload = payload};
    scan->at += fh_segment_room(head->length);
    return FH_STEP_EVENT;
}

uint64_t fh_segment_torn(struct fh_slice bytes, uint64_t at)
{
    uint64_t torn = 0;

    for (size_t i = (size_t)at; i < bytes.len; i++) {
        torn += bytes.ptr[i] != 0;
    }
    return torn;
}

static struct fh_sha256 content_hash(struct fh_slice bytes, uint64_t used)
{
    size_t from = offsetof(struct header, previous);

    return fh_sha256(fh_sub(bytes, from, (size_t)used - from));
}

struct fh_sha256 fh_segment_seal(struct fh_segment *seg, const struct fh_sha256 *previous)
{
    struct header *header = header_of(seg);

    FH_ASSERT(seg->used >= FH_SEGMENT_HEADER_LEN && seg->used <= seg->size);
    FH_ASSERT(header->magic == MAGIC && header->seal.sealed == 0);
    header->previous = *previous;
    header->seal.used = seg->used;
    header->seal.hash = content_hash(fh_slice(seg->base, seg->size), seg->used);
    header->seal.crc = seal_crc(&header->seal);
    __atomic_store_n(&header->seal.sealed, SEALED, __ATOMIC_RELEASE);
    return header->seal.hash;
}

bool fh_segment_seal_holds(struct fh_slice bytes, const struct fh_segment_info *info)
{
    if (!info->sealed || info->used < FH_SEGMENT_HEADER_LEN || info->used > bytes.len) {
        return false;
    }
    struct fh_sha256 hash = content_hash(bytes, info->used);

    return fh_eq(fh_slice(hash.bytes, sizeof(hash.bytes)),
                 fh_slice(info->hash.bytes, sizeof(info->hash.bytes)));
}

void fh_segment_print_name(char out[FH_SEGMENT_NAME_MAX], uint32_t worker, uint64_t sequence)
{
    (void)snprintf(out, FH_SEGMENT_NAME_MAX, "w%02" PRIu32 "-%010" PRIu64 ".seg", worker,
                   sequence);
}

bool fh_segment_parse_name(struct fh_slice name, uint32_t *worker, uint64_t *sequence)
{
    char again[FH_SEGMENT_NAME_MAX];
    struct fh_slice rest = name;
    struct fh_slice slot;
    uint64_t w = 0;
    uint64_t s = 0;

    if (!fh_take(&rest, FH_LIT("w")) || !fh_split(&rest, '-', &slot) ||
        !fh_parse_u64(slot, &w) || w > UINT32_MAX || !fh_ends(rest, FH_LIT(".seg")) ||
        !fh_parse_u64(fh_head(rest, rest.len - 4), &s)) {
        return false;
    }
    fh_segment_print_name(again, (uint32_t)w, s);
    if (!fh_eq(name, fh_cstr(again))) {
        return false;
    }
    *worker = (uint32_t)w;
    *sequence = s;
    return true;
}
