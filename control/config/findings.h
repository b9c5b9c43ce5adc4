/*
 * findings.h: what is wrong with a config, all of it, each with its place.
 *
 *     freehold.yaml:14:22: limits.body_max: must lie between 1KiB and 256MiB
 *
 * A finding says what is wrong and what would be right. A note is a finding that stops nothing.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/base.h"

/* Where a value was written; both count from 1. */
struct fh_place {
    uint32_t line, column;
};

struct fh_finding {
    struct fh_finding *next;
    struct fh_place at;
    struct fh_slice key; /* such as "models.smollm2.routes[0].provider" */
    struct fh_slice text;
    bool is_note;
};

struct fh_findings {
    struct fh_arena *arena;
    struct fh_slice file;     /* as it is to be named */
    struct fh_finding *first; /* in the order of the file */
    uint32_t errors, notes;
};

/* fh_findings_add files one finding. Copies `key`. */
FH_PRINTF(5, 6)
void fh_findings_add(struct fh_findings *list, struct fh_place at, struct fh_slice key,
                     bool is_note, const char *fmt, ...);
FH_PRINTF(5, 0)
void fh_findings_vadd(struct fh_findings *list, struct fh_place at, struct fh_slice key,
                      bool is_note, const char *fmt, va_list args);

/* fh_findings_print appends one line each. */
void fh_findings_print(const struct fh_findings *list, struct fh_buf *out);
