/*
 * journal_file.h: a worker's end of the journal: segments as files, mapped and appended to.
 *
 *     DIR/journal/w03-0000000017.seg    slot 3, seventeenth segment
 *
 * A segment is preallocated, so that a full disk shows when one is made and never as a fault within
 * an append; it gets its name only when it is locked and has its header; a file is never used
 * again. The lock (flock, exclusive) says that its writer lives: when it can be had, the segment is
 * finished. A worker that was killed leaves a segment that its successor does not touch; the
 * successor goes on with the next number. Two processes of one slot, an old worker that drains and
 * a new one, simply take turns with the numbers.
 *
 * Every accepted intent has room for its settle: an intent is refused when the segments in hand
 * could not take the settles of all that are open as well, and no further segment can be made. So a
 * full disk refuses new work and does not lose the books of what is under way.
 *
 * Plain C and POSIX; knows nothing of nginx. Syncing is the follower's business (control/follow.h).
 * On file systems that copy on write, preallocation promises nothing: do not keep state there.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "journal/record.h"

enum {
    FH_JOURNAL_SEGMENT_BYTES = 8 << 20, /* the usual size */
    FH_JOURNAL_SEGMENT_BYTES_MIN = 64 << 10,
    FH_JOURNAL_SETTLE_ROOM = 512, /* kept for each open request; few settles are longer */
};

struct fh_journal_file;

/* fh_journal_file_open makes the first segment of this process, and DIR/journal if need be.
 *
 * Requires to be called after the fork: once per process.
 * Returns  FH_E_SYSTEM, with errno, when no segment can be made.
 * Limits   `segment_bytes` is raised to FH_JOURNAL_SEGMENT_BYTES_MIN and to whole pages.
 * Cost     the file is preallocated, the mapping is not touched: some 8 KiB resident.
 */
enum fh_rc fh_journal_file_open(struct fh_journal_file **journal, const char *state_dir,
                                uint32_t worker, size_t segment_bytes);

/* fh_journal_file_close gives the lock back; the rest of the segment stays unused. Takes NULL. */
void fh_journal_file_close(struct fh_journal_file **journal);

/* fh_journal_file_append commits one encoded record.
 *
 * Returns  FH_OK: no death of this process takes it away. FH_E_SYSTEM, with errno, when a
 *          segment is needed and cannot be made (it is tried again at most every 100 ms);
 *          FH_E_LIMIT when too many requests are open for two segments to hold their settles.
 *          Then nothing was written, and what the record announced must not happen.
 */
enum fh_rc fh_journal_file_append(struct fh_journal_file *journal, enum fh_record_type type,
                                  struct fh_slice payload);
