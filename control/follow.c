/* follow.c: finds segments, collects records from all of them into one batch, syncs, books, seals.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/follow.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    BATCH = 8192,
    SEGMENTS_MIN = 16,
    TROUBLE_MAX = 512,
    SHED_BYTES = 256 << 10, /* of what was read may stay resident */
    LOOK_LATE_US = 3000000, /* directories' times can be as coarse as two seconds */
    EXPIRE_US = 1000000,
};

enum progress {
    UNFINISHED,
    FINISHED, /* or of no use: it is only remembered */
};

/* A file of the journal. They are kept sorted by worker and sequence. */
struct followed {
    uint32_t worker;
    uint64_t sequence;
    ino_t inode; /* both tell when there is another file under the name */
    struct timespec changed;
    enum progress progress;
    int fd;           /* -1 unless it is being followed, as all below */
    bool writer_gone; /* its lock could be had once; nobody writes a segment that is found */
    bool dirty;       /* records of it are in the batch */
    bool damaged;
    uint8_t *base;
    size_t size, shed;
    uint64_t booked; /* up to here */
    struct fh_segment_info info;
    struct fh_segment_scan scan;
};

struct fh_follow {
    struct fh_ledger *ledger;
    struct fh_follow_options options;
    char *path; /* of the directory */
    int dir;    /* -1 while it is not there */
    struct timespec dir_changed;
    bool looks_soon;       /* it is to be read again with the next tick */
    uint64_t look_late_us; /* and then; 0: no need */
    uint64_t synced_at_us, expired_at_us;
    bool behind;

    struct followed *list;
    size_t count, room;
    struct fh_segment_record *batch;
    size_t batch_count;
    struct fh_ledger_position *positions; /* as many as the list has room for */

    struct fh_follow_stats stats;
    struct fh_buf trouble;
};

static const char *name_of(const struct followed *seg, char name[FH_SEGMENT_NAME_MAX])
{
    fh_segment_print_name(name, seg->worker, seg->sequence);
    return name;
}

/* blame keeps the sentence for fh_follow_trouble. */
static void blame(struct fh_follow *f, const struct followed *seg, uint64_t at,
                  const char *what)
{
    char name[FH_SEGMENT_NAME_MAX];

    fh_buf_clear(&f->trouble);
    fh_buf_printf(&f->trouble, "%s:%llu: %s", name_of(seg, name), (unsigned long long)at, what);
}

static enum fh_rc blame_errno(struct fh_follow *f, const char *name, const char *doing)
{
    fh_buf_clear(&f->trouble);
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): control has one thread */
    fh_buf_printf(&f->trouble, "%s: cannot %s: %s", name, doing, strerror(errno));
    return FH_E_SYSTEM;
}

static enum fh_rc blame_ledger(struct fh_follow *f)
{
    fh_buf_clear(&f->trouble);
    fh_buf_printf(&f->trouble, "ledger: %s", fh_ledger_why(f->ledger));
    return FH_E_STORE;
}

struct fh_follow *fh_follow_open(struct fh_ledger *ledger,
                                 const struct fh_follow_options *options)
{
    struct fh_follow *f = calloc(1, sizeof(*f));

    FH_ASSERT(f != NULL);
    f->ledger = ledger;
    f->options = *options;
    f->path = strdup(options->journal_dir);
    f->batch = calloc(BATCH, sizeof(*f->batch));
    FH_ASSERT(f->batch != NULL && f->path != NULL);
    f->dir = -1;
    f->trouble = fh_buf_on_heap(TROUBLE_MAX);
    return f;
}

/* let_go ends the following of a segment; it stays in the list, remembered as it is now. */
static void let_go(struct followed *seg)
{
    struct stat st;

    if (seg->fd >= 0 && fstat(seg->fd, &st) == 0) {
        seg->inode = st.st_ino;
        seg->changed = st.st_ctim;
    }
    if (seg->base != NULL) {
        (void)munmap(seg->base, seg->size);
    }
    if (seg->fd >= 0) {
        (void)close(seg->fd);
    }
    seg->base = NULL;
    seg->fd = -1;
    seg->progress = FINISHED;
}

void fh_follow_close(struct fh_follow **follow)
{
    struct fh_follow *f = *follow;

    if (f == NULL) {
        return;
    }
    for (size_t i = 0; i < f->count; i++) {
        let_go(&f->list[i]);
    }
    if (f->dir >= 0) {
        (void)close(f->dir);
    }
    fh_buf_fini(&f->trouble);
    free(f->path);
    free(f->list);
    free(f->positions);
    free(f->batch);
    free(f);
    *follow = NULL;
}

/* place finds where a segment is in the list, or would be. */
static size_t place(const struct fh_follow *f, uint32_t worker, uint64_t sequence)
{
    size_t low = 0;
    size_t high = f->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct followed *seg = &f->list[middle];

        if (seg->worker < worker || (seg->worker == worker && seg->sequence < sequence)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static struct followed *insert(struct fh_follow *f, size_t at)
{
    if (f->count == f->room) {
        size_t room = fh_max(f->room * 2, SEGMENTS_MIN);

        f->list = reallocarray(f->list, room, sizeof(*f->list));
        f->positions = reallocarray(f->positions, room, sizeof(*f->positions));
        FH_ASSERT(f->list != NULL && f->positions != NULL);
        f->room = room;
    }
    memmove(&f->list[at + 1], &f->list[at], (f->count - at) * sizeof(*f->list));
    f->count++;
    return &f->list[at];
}

/* map opens a segment and maps it. A file that is none is damaged; one that has no header yet, or
 * never got one, is left alone. */
static enum fh_rc map(struct fh_follow *f, struct followed *seg)
{
    char name[FH_SEGMENT_NAME_MAX];
    struct fh_error why;
    struct stat st;

    seg->fd =
        openat(f->dir, name_of(seg, name), (f->options.seals ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    if (seg->fd < 0 || fstat(seg->fd, &st) != 0) {
        return blame_errno(f, name, "open");
    }
    seg->size = (size_t)st.st_size;
    if (seg->size > 0) {
        void *base = mmap(NULL, seg->size, PROT_READ, MAP_SHARED, seg->fd, 0);

        if (base == MAP_FAILED) {
            return blame_errno(f, name, "map");
        }
        seg->base = base;
    }
    enum fh_rc rc = fh_segment_read(fh_slice(seg->base, seg->size), &seg->info, &why);

    if (rc == FH_OK &&
        (seg->info.worker != seg->worker || seg->info.sequence != seg->sequence)) {
        rc = FH_E_CONFLICT;
        why = (struct fh_error){.what = "the header names another worker or sequence"};
    }
    if (rc != FH_OK && rc != FH_E_MISSING) {
        blame(f, seg, why.at, why.what);
        f->stats.damaged++;
    }
    if (rc != FH_OK) {
        let_go(seg);
    }
    return FH_OK;
}

/* take_up starts to follow a segment where the ledger's position says, unless it is done with. */
static enum fh_rc take_up(struct fh_follow *f, struct followed *seg)
{
    struct fh_ledger_position known = {0};

    FH_TRY(map(f, seg));
    if (seg->progress == FINISHED) {
        return FH_OK;
    }
    enum fh_rc rc = fh_ledger_position(f->ledger, seg->worker, seg->sequence, &known);

    if (rc == FH_E_STORE) {
        return blame_ledger(f);
    }
    if (rc == FH_OK && known.created_us != seg->info.created_us) {
        known = (struct fh_ledger_position){0}; /* of another file that had this name */
    }
    if (known.finished) {
        let_go(seg);
        return FH_OK;
    }
    if (seg->size < fh_max(known.at, seg->info.sealed ? seg->info.used : seg->info.size)) {
        blame(f, seg, seg->size, "the segment was cut short");
        f->stats.damaged++;
        seg->damaged = true;
    }
    seg->scan = fh_segment_scan(fh_slice(seg->base, seg->size), fh_min(known.at, seg->size));
    seg->writer_gone = seg->info.sealed;
    f->stats.following++;
    return FH_OK;
}

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/* meet decides what to do about a file that the directory names. */
static enum fh_rc meet(struct fh_follow *f, const char *name)
{
    uint32_t worker = 0;
    uint64_t sequence = 0;
    struct stat st;

    if (!fh_segment_parse_name(fh_cstr(name), &worker, &sequence)) {
        return FH_OK; /* one that is being made */
    }
    if (fstatat(f->dir, name, &st, 0) != 0) {
        return errno == ENOENT ? FH_OK : blame_errno(f, name, "open");
    }
    size_t at = place(f, worker, sequence);
    struct followed *seg = at < f->count ? &f->list[at] : NULL;

    if (seg == NULL || seg->worker != worker || seg->sequence != sequence) {
        seg = insert(f, at);
    } else if (seg->inode == st.st_ino &&
               (seg->progress == UNFINISHED || same_time(seg->changed, st.st_ctim))) {
        return FH_OK;
    } else if (seg->progress == UNFINISHED) {
        let_go(seg); /* it was replaced; what it held is booked */
        f->stats.following--;
    }
    *seg =
        (struct followed){.worker = worker, .sequence = sequence, .inode = st.st_ino, .fd = -1};
    enum fh_rc rc = take_up(f, seg);

    if (rc != FH_OK) {
        let_go(seg);
        seg->inode = 0; /* to be met again */
    }
    return rc;
}

/* look reads the directory if it may have changed since it was read. */
static enum fh_rc look(struct fh_follow *f, uint64_t now_us)
{
    struct stat st;

    if (f->dir < 0) {
        f->dir = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (f->dir < 0) {
        return errno == ENOENT ? FH_OK : blame_errno(f, f->path, "open");
    }
    if (fstat(f->dir, &st) != 0) {
        return blame_errno(f, f->path, "read");
    }
    bool changed = !same_time(st.st_mtim, f->dir_changed);
    bool late = f->look_late_us != 0 && now_us >= f->look_late_us;

    if (!changed && !f->looks_soon && !late) {
        return FH_OK;
    }
    if (changed) {
        (void)fsync(f->dir); /* names of segments survive a power cut */
    }
    /* what comes within one step of the directory's clock would not show */
    f->looks_soon = changed;
    if (changed || late) {
        f->look_late_us = changed ? now_us + LOOK_LATE_US : 0;
    }
    int fd = openat(f->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (dir == NULL) {
        return blame_errno(f, f->path, "read");
    }
    enum fh_rc rc = FH_OK;

    /* NOLINTNEXTLINE(concurrency-mt-unsafe): a stream that no other thread has */
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        enum fh_rc met = meet(f, entry->d_name);

        rc = met == FH_OK ? rc : met; /* one that cannot be opened does not keep the others */
    }
    (void)closedir(dir);
    if (rc == FH_OK) {
        f->dir_changed = st.st_mtim;
    }
    return rc;
}

/* collect moves the new records of a segment into the batch. */
static void collect(struct fh_follow *f, struct followed *seg)
{
    struct fh_segment_record record;

    while (f->batch_count < BATCH && fh_segment_has_more(&seg->scan)) {
        enum fh_step step = fh_segment_next(&seg->scan, &record);

        seg->dirty = true;
        if (step == FH_STEP_EVENT) {
            f->batch[f->batch_count++] = record;
        } else {
            blame(f, seg, seg->scan.error.at, seg->scan.error.what);
            f->stats.damaged++;
            seg->damaged = true;
        }
    }
    f->behind = f->behind || fh_segment_has_more(&seg->scan);
}

/* shed lets pages go that were read: they stay in the page cache, but no longer count as ours. */
static void shed(struct followed *seg)
{
    while (seg->scan.at >= seg->shed + 2 * (size_t)SHED_BYTES) {
        (void)madvise(seg->base + seg->shed, SHED_BYTES, MADV_DONTNEED);
        seg->shed += SHED_BYTES;
    }
}

static struct fh_ledger_position position_of(const struct followed *seg)
{
    return (struct fh_ledger_position){
        .worker = seg->worker,
        .sequence = seg->sequence,
        .created_us = seg->info.created_us,
        .at = seg->scan.at,
    };
}

/* rewind_to puts a scan back to where the ledger is: what was collected will be again. */
static void rewind_to(struct followed *seg, uint64_t at)
{
    seg->scan = fh_segment_scan(seg->scan.bytes, at);
    seg->dirty = false;
}

/* book_batch syncs what was collected, then books it. The files are synced first: so nothing is in
 * the ledger that the journal could lose. */
static enum fh_rc book_batch(struct fh_follow *f)
{
    size_t moved = 0;

    for (size_t i = 0; i < f->count; i++) {
        struct followed *seg = &f->list[i];
        char name[FH_SEGMENT_NAME_MAX];

        if (!seg->dirty) {
            continue;
        }
        if (fdatasync(seg->fd) != 0) {
            return blame_errno(f, name_of(seg, name), "sync");
        }
        f->stats.syncs++;
        f->positions[moved++] = position_of(seg);
    }
    enum fh_rc rc = fh_ledger_apply(f->ledger, f->batch, f->batch_count, f->positions, moved,
                                    &f->stats.applied);

    return rc == FH_OK ? FH_OK : blame_ledger(f);
}

/* book takes one batch from all segments into the ledger. */
static enum fh_rc book(struct fh_follow *f)
{
    f->batch_count = 0;
    f->behind = false;
    for (size_t i = 0; i < f->count; i++) {
        struct followed *seg = &f->list[i];

        if (seg->progress == UNFINISHED) {
            seg->booked = seg->scan.at;
            collect(f, seg);
        }
    }
    enum fh_rc rc = book_batch(f);

    for (size_t i = 0; i < f->count; i++) {
        struct followed *seg = &f->list[i];

        if (seg->dirty && rc != FH_OK) {
            rewind_to(seg, seg->booked);
        } else if (seg->dirty) {
            seg->dirty = false;
            shed(seg);
        }
    }
    return rc;
}

/* writer_gone tries to get the lock that the writer of a segment holds while it lives. */
static bool writer_gone(struct followed *seg)
{
    if (!seg->writer_gone && flock(seg->fd, LOCK_EX | LOCK_NB) == 0) {
        seg->writer_gone = true;
    }
    return seg->writer_gone;
}

/* seal_file writes the seal and cuts the file to its content. */
static enum fh_rc seal_file(struct fh_follow *f, struct followed *seg,
                            const struct fh_sha256 *previous)
{
    char name[FH_SEGMENT_NAME_MAX];
    bool whole = seg->damaged || seg->scan.stuck;
    struct fh_segment writable = {
        .size = seg->size, .used = whole ? seg->size & ~(size_t)7 : (size_t)seg->scan.at};
    void *base = mmap(NULL, seg->size, PROT_READ | PROT_WRITE, MAP_SHARED, seg->fd, 0);

    if (base == MAP_FAILED) {
        return blame_errno(f, name_of(seg, name), "seal");
    }
    writable.base = base;
    seg->info.hash = fh_segment_seal(&writable, previous);
    seg->info.previous = *previous;
    seg->info.used = writable.used;
    seg->info.sealed = true;
    (void)munmap(base, seg->size);
    return FH_OK;
}

/* finish seals a segment, or takes note of its seal, and is done with it. */
static enum fh_rc finish(struct fh_follow *f, struct followed *seg)
{
    char name[FH_SEGMENT_NAME_MAX];
    struct fh_ledger_position before = {0};
    enum fh_rc rc = fh_ledger_before(f->ledger, seg->worker, seg->sequence, &before);

    if (rc == FH_E_STORE) {
        return blame_ledger(f);
    }
    if (!seg->info.sealed) {
        FH_TRY(seal_file(f, seg, &before.hash)); /* zeros when there is none */
        f->stats.sealed++;
    }
    if (fdatasync(seg->fd) != 0 ||
        (seg->info.used < seg->size && ftruncate(seg->fd, (off_t)seg->info.used) != 0)) {
        return blame_errno(f, name_of(seg, name), "seal");
    }
    struct fh_ledger_position position = position_of(seg);

    position.finished = true;
    position.hash = seg->info.hash;
    if (fh_ledger_apply(f->ledger, NULL, 0, &position, 1, &f->stats.applied) != FH_OK) {
        return blame_ledger(f);
    }
    let_go(seg);
    f->stats.following--;
    return FH_OK;
}

/* finish_all finishes what can be finished, in the order of the chain. */
static enum fh_rc finish_all(struct fh_follow *f)
{
    const struct followed *waits = NULL; /* an unfinished one: later ones of its slot wait */

    for (size_t i = 0; i < f->count; i++) {
        struct followed *seg = &f->list[i];

        if (seg->progress == FINISHED || (waits != NULL && waits->worker == seg->worker)) {
            continue;
        }
        /* the lock first, then whether there is more: between the two it could have written */
        if (writer_gone(seg) && !fh_segment_has_more(&seg->scan)) {
            FH_TRY(finish(f, seg));
        } else {
            waits = seg;
        }
    }
    return FH_OK;
}

static enum fh_rc expire(struct fh_follow *f, uint64_t now_us, uint64_t calendar_us)
{
    uint64_t deadline_us = f->options.deadline_us;

    if (deadline_us == 0 || calendar_us < deadline_us ||
        now_us < f->expired_at_us + EXPIRE_US) {
        return FH_OK;
    }
    if (fh_ledger_expire(f->ledger, calendar_us - deadline_us, &f->stats.expired) != FH_OK) {
        return blame_ledger(f);
    }
    f->expired_at_us = now_us;
    return FH_OK;
}

static bool has_news(const struct fh_follow *f)
{
    for (size_t i = 0; i < f->count; i++) {
        if (f->list[i].progress == UNFINISHED && fh_segment_has_more(&f->list[i].scan)) {
            return true;
        }
    }
    return false;
}

enum fh_rc fh_follow_tick(struct fh_follow *f, uint64_t now_us, uint64_t calendar_us)
{
    enum fh_rc looked = look(f, now_us);
    bool due = f->behind || now_us >= f->synced_at_us + f->options.sync_us;

    if (due && has_news(f)) {
        FH_TRY(book(f));
        f->synced_at_us = now_us;
    }
    if (f->options.seals) {
        FH_TRY(finish_all(f));
    }
    FH_TRY(expire(f, now_us, calendar_us));
    return looked;
}

bool fh_follow_is_behind(const struct fh_follow *f)
{
    return f->behind;
}

enum fh_rc fh_follow_catch_up(struct fh_follow *f, uint64_t now_us, uint64_t calendar_us)
{
    do {
        f->synced_at_us = 0;
        FH_TRY(fh_follow_tick(f, fh_max(now_us, f->options.sync_us), calendar_us));
    } while (f->behind);
    return FH_OK;
}

const struct fh_follow_stats *fh_follow_stats(const struct fh_follow *f)
{
    return &f->stats;
}

struct fh_slice fh_follow_trouble(const struct fh_follow *f)
{
    return fh_buf_slice(&f->trouble);
}
