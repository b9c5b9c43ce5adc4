/*
 * engine_answer.h: what `obtain` found, from the lines on its standard output.
 *
 *     server WORD...    words are bare, or in single quotes as a shell reads them
 *     model PATH        to the end of the line
 *     template PATH     may be absent
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/base.h"

enum { FH_ENGINE_WORDS_MAX = 16 };

struct fh_engine_answer {
    char *words[FH_ENGINE_WORDS_MAX]; /* the command, C strings */
    size_t word_count;
    char *model;
    char *template; /* NULL: the one in the weights */
};

/* fh_engine_answer_parse reads the lines; those it does not know it passes over.
 *
 * Owns     strings in `arena`.
 * Returns  FH_E_MISSING without a server or a model, FH_E_SYNTAX for a quote that does not end,
 *          FH_E_LIMIT for too many words.
 */
enum fh_rc fh_engine_answer_parse(struct fh_slice lines, struct fh_arena *arena,
                                  struct fh_engine_answer *answer);
