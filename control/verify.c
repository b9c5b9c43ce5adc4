/* verify.c: lists, reads and checks segments.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/verify.h"

#include "journal/record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_LEN_MAX = 4096, LIST_MIN = 16 };

/* grown gives an array of the arena room for one more. */
static void *grown(struct fh_arena *arena, void *old, size_t count, size_t *room, size_t size)
{
    if (count < *room) {
        return old;
    }
    size_t more = fh_max(*room * 2, LIST_MIN);
    void *list = fh_arena_alloc(arena, more * size);

    if (count > 0) {
        memcpy(list, old, count * size);
    }
    *room = more;
    return list;
}

static int by_sequence(const void *left, const void *right)
{
    const struct fh_journal_entry *a = left;
    const struct fh_journal_entry *b = right;

    if (a->worker != b->worker) {
        return a->worker < b->worker ? -1 : 1;
    }
    return (a->sequence > b->sequence) - (a->sequence < b->sequence);
}

enum fh_rc fh_journal_list(struct fh_arena *arena, const char *dir,
                           struct fh_journal_entry **list, size_t *count)
{
    DIR *stream = opendir(dir);
    size_t room = 0;

    *list = NULL;
    *count = 0;
    if (stream == NULL) {
        return errno == ENOENT ? FH_OK : FH_E_SYSTEM;
    }
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): a stream that no other thread has */
    for (struct dirent *file = readdir(stream); file != NULL; file = readdir(stream)) {
        struct fh_journal_entry entry;

        if (fh_segment_parse_name(fh_cstr(file->d_name), &entry.worker, &entry.sequence)) {
            fh_segment_print_name(entry.name, entry.worker, entry.sequence);
            *list = grown(arena, *list, *count, &room, sizeof(entry));
            (*list)[(*count)++] = entry;
        }
    }
    (void)closedir(stream);
    if (*count > 0) {
        qsort(*list, *count, sizeof(**list), by_sequence);
    }
    return FH_OK;
}

/* read_file reads what the file has, which may be less than its size said a moment ago. */
static enum fh_rc read_file(struct fh_arena *arena, int fd, struct fh_slice *bytes)
{
    struct stat st;
    size_t len = 0;

    if (fstat(fd, &st) != 0) {
        return FH_E_SYSTEM;
    }
    uint8_t *to = fh_arena_raw(arena, (size_t)st.st_size + 1);

    while (len < (size_t)st.st_size) {
        ssize_t n = pread(fd, to + len, (size_t)st.st_size - len, (off_t)len);

        if (n < 0 && errno != EINTR) {
            return FH_E_SYSTEM;
        }
        if (n == 0) {
            break;
        }
        len += n > 0 ? (size_t)n : 0;
    }
    *bytes = fh_slice(to, len);
    return FH_OK;
}

enum fh_rc fh_journal_read(struct fh_arena *arena, const char *dir, const char *name,
                           struct fh_slice *bytes, bool *writer_lives)
{
    char path[PATH_LEN_MAX];

    if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path)) {
        errno = ENAMETOOLONG;
        return FH_E_SYSTEM;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        return FH_E_SYSTEM;
    }
    *writer_lives = flock(fd, LOCK_SH | LOCK_NB) != 0;
    if (!*writer_lives) {
        (void)flock(fd, LOCK_UN); /* the follower wants it */
    }
    enum fh_rc rc = read_file(arena, fd, bytes);

    (void)close(fd);
    return rc;
}

struct verifier {
    struct fh_arena *arena; /* for the report */
    struct fh_verify_report *report;
    const char *name;
    bool wrong; /* something in this file was */
};

static void find(struct verifier *v, uint64_t at, bool wrong, const char *what)
{
    struct fh_verify_report *r = v->report;

    r->finding =
        grown(v->arena, r->finding, r->findings, &r->findings_room, sizeof(*r->finding));
    r->finding[r->findings++] =
        (struct fh_verify_finding){.name = v->name, .at = at, .wrong = wrong, .what = what};
    r->wrong += wrong;
    v->wrong = v->wrong || wrong;
}

/* check_records scans a segment and gives where its records end. */
static uint64_t check_records(struct verifier *v, struct fh_slice bytes, uint64_t *records)
{
    struct fh_segment_scan scan = fh_segment_scan(bytes, 0);
    struct fh_segment_record record;
    struct fh_record decoded;
    enum fh_step step = FH_STEP_MORE;

    while (!scan.stuck && (step = fh_segment_next(&scan, &record)) != FH_STEP_MORE) {
        if (step == FH_STEP_ERROR) {
            find(v, scan.error.at, true, scan.error.what);
            continue;
        }
        (*records)++;
        switch (fh_decode_record(record.type, record.payload, &decoded)) {
        case FH_OK:
            break;
        case FH_E_SUPPORT:
            find(v, record.at, false, "a record of a later version");
            break;
        case FH_E_SYNTAX:
        case FH_E_LIMIT:
        case FH_E_TYPE:
        case FH_E_MISSING:
        case FH_E_CHECKSUM:
        case FH_E_CONFLICT:
        case FH_E_OVERFLOW:
        case FH_E_STORE:
        case FH_E_SYSTEM:
            find(v, record.at, true, "a record that cannot be read");
            break;
        }
    }
    return scan.at;
}

/* What comes before a segment in its slot. */
struct before {
    bool there;
    bool readable;
    struct fh_segment_info info;
};

static bool is_zero(const struct fh_sha256 *hash)
{
    static const struct fh_sha256 zeros;

    return memcmp(hash, &zeros, sizeof(zeros)) == 0;
}

/* check_seal checks content and place in the chain. */
static void check_seal(struct verifier *v, struct fh_slice bytes,
                       const struct fh_segment_info *info, const struct before *before)
{
    if (!fh_segment_seal_holds(bytes, info)) {
        find(v, 0, true, "the content is not what was sealed");
    }
    if (!before->there) {
        if (!is_zero(&info->previous)) {
            find(v, 0, false, "its predecessor is not here: the chain is checked from here on");
        }
    } else if (!before->readable) {
        find(v, 0, false, "its predecessor cannot be read: the chain is checked from here on");
    } else if (!before->info.sealed) {
        find(v, 0, true, "sealed, and its predecessor is not");
    } else if (memcmp(&info->previous, &before->info.hash, sizeof(info->previous)) != 0) {
        /* a number may be left out, when a segment could not be made; a segment may not */
        find(v, 0, true, "the chain is broken: it was sealed behind another segment");
    }
}

/* check_rest looks at what lies behind the records of a segment that is not sealed. */
static void check_rest(struct verifier *v, struct fh_slice bytes, uint64_t end, uint64_t size,
                       bool writer_lives)
{
    if (bytes.len < size) {
        find(v, bytes.len, true, "the segment was cut short");
    } else if (!writer_lives && !v->wrong && fh_segment_torn(bytes, end) > 0) {
        find(v, end, false,
             "a torn record: its writer was killed within it; it was never acknowledged");
    }
}

static void check(struct verifier *v, struct fh_slice bytes, bool writer_lives,
                  const struct fh_journal_entry *entry, struct before *before)
{
    struct fh_verify_segment *seg = &v->report->segment[v->report->segments++];
    struct fh_segment_info info = {0};
    struct fh_error why;

    *seg = (struct fh_verify_segment){.name = v->name, .state = FH_VERIFY_DAMAGED};
    enum fh_rc rc = fh_segment_read(bytes, &info, &why);

    if (rc == FH_E_MISSING) {
        find(v, 0, false, "it has no header and no records");
        seg->state = writer_lives ? FH_VERIFY_OPEN : FH_VERIFY_LEFT;
        return;
    }
    if (rc != FH_OK) {
        find(v, why.at, true, why.what);
        *before = (struct before){.there = true};
        return;
    }
    if (info.worker != entry->worker || info.sequence != entry->sequence) {
        find(v, 0, true, "the header names another worker or sequence");
    }
    seg->bytes = check_records(v, bytes, &seg->records);
    v->report->records += seg->records;
    seg->sealed = info.sealed;
    if (info.sealed) {
        seg->hash = info.hash;
        check_seal(v, bytes, &info, before);
    } else {
        check_rest(v, bytes, seg->bytes, info.size, writer_lives);
    }
    *before = (struct before){.there = true, .readable = true, .info = info};
    if (!v->wrong) {
        seg->state = info.sealed    ? FH_VERIFY_SEALED
                     : writer_lives ? FH_VERIFY_OPEN
                                    : FH_VERIFY_LEFT;
    }
}

/* was_cut_just_now: the follower seals a file and then cuts it, and a copy can show the header from
 * before and the length from after. */
static bool was_cut_just_now(struct fh_slice bytes)
{
    struct fh_segment_info info;
    struct fh_error why;

    return fh_segment_read(bytes, &info, &why) == FH_OK && !info.sealed &&
           bytes.len < info.size;
}

enum fh_rc fh_verify(struct fh_arena *arena, const char *dir, struct fh_verify_report *report,
                     const char **which)
{
    FH_AUTO(fh_arena_free) struct fh_arena *scratch = fh_arena_new(SIZE_MAX);
    struct fh_journal_entry *list = NULL;
    struct before before = {0};
    size_t count = 0;

    *which = dir;
    *report = (struct fh_verify_report){0};
    FH_TRY(fh_journal_list(arena, dir, &list, &count));
    report->segment = fh_arena_alloc(arena, fh_max(count, 1) * sizeof(*report->segment));
    for (size_t i = 0; i < count; i++) {
        struct verifier v = {.arena = arena, .report = report, .name = list[i].name};
        struct fh_slice bytes = FH_NONE;
        bool writer_lives = false;

        *which = list[i].name;
        if (i > 0 && list[i].worker != list[i - 1].worker) {
            before = (struct before){0};
        }
        fh_arena_trim(scratch);
        FH_TRY(fh_journal_read(scratch, dir, list[i].name, &bytes, &writer_lives));
        if (was_cut_just_now(bytes)) {
            FH_TRY(fh_journal_read(scratch, dir, list[i].name, &bytes, &writer_lives));
        }
        check(&v, bytes, writer_lives, &list[i], &before);
    }
    return FH_OK;
}
