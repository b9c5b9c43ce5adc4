/*
 * verify.h: is the journal what was written? Every checksum, every seal, the chain.
 *
 * Reads copies of the files, so a journal can be verified while it is written and followed. What is
 * wrong is told apart from what is worth a note: a killed writer leaves a torn record, and an
 * archived segment a gap; neither is damage.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "journal/segment.h"

/* A file of the journal, by name. */
struct fh_journal_entry {
    char name[FH_SEGMENT_NAME_MAX];
    uint32_t worker;
    uint64_t sequence;
};

/* fh_journal_list gives the segments of a directory, sorted by worker and sequence. A directory
 * that is not there has none.
 *
 * Returns  FH_E_SYSTEM with errno.
 */
enum fh_rc fh_journal_list(struct fh_arena *arena, const char *dir,
                           struct fh_journal_entry **list, size_t *count);

/* fh_journal_read reads a file into `arena`, aligned as a segment must be. `writer_lives` says
 * whether its lock is held.
 *
 * Returns  FH_E_SYSTEM with errno.
 */
enum fh_rc fh_journal_read(struct fh_arena *arena, const char *dir, const char *name,
                           struct fh_slice *bytes, bool *writer_lives);

enum fh_verify_state {
    FH_VERIFY_OPEN,    /* its writer lives */
    FH_VERIFY_LEFT,    /* its writer is gone, it is not sealed yet */
    FH_VERIFY_SEALED,  /* and the seal holds */
    FH_VERIFY_DAMAGED, /* something in it is wrong */
};

struct fh_verify_segment {
    const char *name;
    enum fh_verify_state state;
    uint64_t records, bytes; /* bytes: of header and records */
    bool sealed;
    struct fh_sha256 hash; /* of a sealed one */
};

struct fh_verify_finding {
    const char *name; /* of the file */
    uint64_t at;      /* offset in it */
    bool wrong;       /* else a note */
    const char *what; /* static */
};

struct fh_verify_report {
    struct fh_verify_segment *segment;
    size_t segments;
    struct fh_verify_finding *finding;
    size_t findings, findings_room;
    uint64_t records, wrong;
};

/* fh_verify looks at all segments of a directory.
 *
 * Returns  FH_OK, and the report says what was found; FH_E_SYSTEM, with errno, when a file
 *          could not be read; then `which` names it.
 */
enum fh_rc fh_verify(struct fh_arena *arena, const char *dir, struct fh_verify_report *report,
                     const char **which);
