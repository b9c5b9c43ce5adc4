/* journal_file.c: makes, names, locks and maps segments; the format is core/journal's.
 * SPDX-License-Identifier: Apache-2.0 */
#include "gateway/journal_file.h"

#include "journal/segment.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    PATH_LEN_MAX = 4096,
    NAMES_TRIED_MAX = 1000,    /* other processes of our slot may be taking numbers as well */
    RETRY_US = 100000,         /* after a segment could not be made */
    SHED_BYTES = 256 << 10,    /* what is written may stay resident until this much is */
    RECORD_SLACK_BYTES = 8192, /* what the end of a segment may waste */
};

/* One segment of ours, named, locked and mapped; fd is -1 when there is none. */
struct piece {
    int fd;
    struct fh_segment seg;
    uint64_t sequence;
    size_t shed; /* bytes from the start that are no longer resident */
};

struct fh_journal_file {
    int dir;
    uint32_t worker;
    size_t segment_bytes;
    uint64_t sequence;       /* the last number that was taken, by whom ever */
    uint64_t open;           /* requests with an intent and neither settle nor void */
    struct piece now, spare; /* appended to; the next, when it had to be made early */
    uint64_t retry_at_us;    /* monotonic; 0 unless the last attempt to make a segment failed */
    int retry_errno;
};

static uint64_t clock_us(clockid_t which)
{
    struct timespec ts;

    FH_ASSERT(clock_gettime(which, &ts) == 0);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void piece_close(struct piece *piece)
{
    if (piece->seg.base != NULL) {
        (void)munmap(piece->seg.base, piece->seg.size);
    }
    if (piece->fd >= 0) {
        (void)close(piece->fd); /* and the lock with it */
    }
    *piece = (struct piece){.fd = -1};
}

static void temp_name(char out[FH_SEGMENT_NAME_MAX], uint32_t worker, pid_t pid)
{
    (void)snprintf(out, FH_SEGMENT_NAME_MAX, "w%02u-%d.new", worker, (int)pid);
}

/* prepare makes a locked, preallocated, mapped file of zeros under a temporary name. */
static bool prepare(const struct fh_journal_file *j, const char *temp, struct piece *piece)
{
    const int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC;

    /* of an earlier process with our number, killed in here: nobody else takes this name */
    (void)unlinkat(j->dir, temp, 0);
    piece->fd = openat(j->dir, temp, flags, S_IRUSR | S_IWUSR);
    if (piece->fd < 0 || flock(piece->fd, LOCK_EX | LOCK_NB) != 0) {
        return false;
    }
    errno = posix_fallocate(piece->fd, 0, (off_t)j->segment_bytes);
    if (errno != 0) {
        return false;
    }
    void *base = mmap(NULL, j->segment_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, piece->fd, 0);

    if (base == MAP_FAILED) {
        return false;
    }
    piece->seg = (struct fh_segment){.base = base, .size = j->segment_bytes};
    return true;
}

/* name_it gives the prepared file the next free number. link, unlike rename, never replaces. */
static bool name_it(struct fh_journal_file *j, const char *temp, struct piece *piece)
{
    char name[FH_SEGMENT_NAME_MAX];

    for (int tried = 0; tried < NAMES_TRIED_MAX; tried++) {
        struct fh_segment_info birth = {.worker = j->worker,
                                        .sequence = ++j->sequence,
                                        .created_us = clock_us(CLOCK_REALTIME)};

        fh_segment_init(&piece->seg, piece->seg.base, piece->seg.size, &birth);
        fh_segment_print_name(name, j->worker, j->sequence);
        if (linkat(j->dir, temp, j->dir, name, 0) == 0) {
            piece->sequence = j->sequence;
            return true;
        }
        if (errno != EEXIST) {
            return false;
        }
    }
    return false;
}

/* make opens a new segment in `piece`, unless that just failed. */
static enum fh_rc make(struct fh_journal_file *j, struct piece *piece)
{
    char temp[FH_SEGMENT_NAME_MAX];
    uint64_t now_us = clock_us(CLOCK_MONOTONIC_COARSE);

    FH_ASSERT(piece->fd < 0);
    if (now_us < j->retry_at_us) {
        errno = j->retry_errno;
        return FH_E_SYSTEM;
    }
    temp_name(temp, j->worker, getpid());
    bool made = prepare(j, temp, piece) && name_it(j, temp, piece);

    j->retry_errno = made ? 0 : errno;
    j->retry_at_us = made ? 0 : now_us + RETRY_US;
    (void)unlinkat(j->dir, temp, 0);
    if (!made) {
        piece_close(piece);
        errno = j->retry_errno;
        return FH_E_SYSTEM;
    }
    return FH_OK;
}

/* sweep finds the highest number of our slot, and removes what a predecessor that was killed while
 * it made a segment has left: such a file is not locked any more. */
static bool sweep(struct fh_journal_file *j)
{
    char prefix[FH_SEGMENT_NAME_MAX];
    int fd = fcntl(j->dir, F_DUPFD_CLOEXEC, 0);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (dir == NULL) {
        return false;
    }
    (void)snprintf(prefix, sizeof(prefix), "w%02u-", j->worker);
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): a stream that no other thread has */
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        struct fh_slice name = fh_cstr(entry->d_name);
        uint32_t worker = 0;
        uint64_t sequence = 0;

        if (fh_segment_parse_name(name, &worker, &sequence)) {
            if (worker == j->worker && sequence > j->sequence) {
                j->sequence = sequence;
            }
        } else if (fh_starts(name, fh_cstr(prefix)) && fh_ends(name, FH_LIT(".new"))) {
            int left = openat(j->dir, entry->d_name, O_RDWR | O_CLOEXEC);

            if (left >= 0 && flock(left, LOCK_EX | LOCK_NB) == 0) {
                (void)unlinkat(j->dir, entry->d_name, 0);
            }
            if (left >= 0) {
                (void)close(left);
            }
        }
    }
    (void)closedir(dir);
    return true;
}

static int open_dir(const char *state_dir)
{
    char path[PATH_LEN_MAX];
    int n = snprintf(path, sizeof(path), "%s/journal", state_dir);

    if (n < 0 || (size_t)n >= sizeof(path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    if (mkdir(path, S_IRWXU) != 0 && errno != EEXIST) {
        return -1;
    }
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

enum fh_rc fh_journal_file_open(struct fh_journal_file **journal, const char *state_dir,
                                uint32_t worker, size_t segment_bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct fh_journal_file *j = calloc(1, sizeof(*j));

    FH_ASSERT(j != NULL);
    *j = (struct fh_journal_file){.worker = worker, .now = {.fd = -1}, .spare = {.fd = -1}};
    j->segment_bytes = fh_max(segment_bytes, FH_JOURNAL_SEGMENT_BYTES_MIN);
    j->segment_bytes = (j->segment_bytes + page - 1) / page * page;
    j->dir = open_dir(state_dir);
    if (j->dir < 0 || !sweep(j) || make(j, &j->now) != FH_OK) {
        int cause = errno;

        fh_journal_file_close(&j);
        errno = cause;
        return FH_E_SYSTEM;
    }
    *journal = j;
    return FH_OK;
}

void fh_journal_file_close(struct fh_journal_file **journal)
{
    struct fh_journal_file *j = *journal;

    if (j == NULL) {
        return;
    }
    piece_close(&j->now);
    piece_close(&j->spare);
    if (j->dir >= 0) {
        (void)close(j->dir);
    }
    free(j);
    *journal = NULL;
}

static size_t left_in(const struct piece *piece)
{
    size_t left = piece->fd < 0 ? 0 : piece->seg.size - piece->seg.used;

    return left > RECORD_SLACK_BYTES ? left - RECORD_SLACK_BYTES : 0;
}

/* keep_room sees to it that all open requests, and one more, can be settled after a record of
 * `room` bytes. */
static enum fh_rc keep_room(struct fh_journal_file *j, size_t room)
{
    uint64_t want = room + (j->open + 1) * FH_JOURNAL_SETTLE_ROOM;

    if (left_in(&j->now) >= want) {
        return FH_OK;
    }
    if (j->spare.fd < 0) {
        FH_TRY(make(j, &j->spare));
    }
    return left_in(&j->now) + left_in(&j->spare) >= want ? FH_OK : FH_E_LIMIT;
}

static enum fh_rc rotate(struct fh_journal_file *j)
{
    if (j->spare.fd < 0) {
        FH_TRY(make(j, &j->spare));
    }
    piece_close(&j->now);
    j->now = j->spare;
    j->spare = (struct piece){.fd = -1};
    return FH_OK;
}

/* shed lets pages go that are written: they stay in the page cache, but no longer count as ours. */
static void shed(struct piece *piece)
{
    if (piece->seg.used - piece->shed >= 2 * (size_t)SHED_BYTES) {
        (void)madvise(piece->seg.base + piece->shed, SHED_BYTES, MADV_DONTNEED);
        piece->shed += SHED_BYTES;
    }
}

enum fh_rc fh_journal_file_append(struct fh_journal_file *j, enum fh_record_type type,
                                  struct fh_slice payload)
{
    FH_ASSERT(payload.len <= FH_RECORD_MAX);
    if (type == FH_RECORD_INTENT) {
        FH_TRY(keep_room(j, fh_segment_room(payload.len)));
    }
    while (fh_segment_append(&j->now.seg, (uint16_t)type, payload) != FH_OK) {
        FH_TRY(rotate(j));
    }
    if (type != FH_RECORD_INTENT) {
        j->open -= j->open > 0;
    } else if (fh_intent_is_first(payload)) {
        j->open++;
    }
    shed(&j->now);
    return FH_OK;
}
