/* suggest.c: the distance of Damerau and Levenshtein (optimal string alignment) over short words.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/suggest.h"

enum { WORD_MAX_LEN = 40 };

struct fh_suggest fh_suggest_for(struct fh_slice word)
{
    /* a word may be wrong in a third of its letters and still be that word */
    return (struct fh_suggest){.word = word, .distance = word.len / 3 + 2};
}

static uint8_t fold(uint8_t c)
{
    if (c >= 'A' && c <= 'Z') {
        return (uint8_t)(c | 0x20);
    }
    return c == '-' ? '_' : c;
}

/* distance counts the letters that are missing, too many, wrong, or swapped with the next. */
static size_t distance(struct fh_slice a, struct fh_slice b)
{
    size_t row[3][WORD_MAX_LEN + 1] = {0};

    for (size_t j = 0; j <= b.len; j++) {
        row[0][j] = j;
    }
    for (size_t i = 1; i <= a.len; i++) {
        size_t *now = row[i % 3];
        size_t *last = row[(i + 2) % 3];
        size_t *before = row[(i + 1) % 3];

        now[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            uint8_t x = fold(a.ptr[i - 1]);
            uint8_t y = fold(b.ptr[j - 1]);

            now[j] = fh_min(fh_min(last[j], now[j - 1]) + 1, last[j - 1] + (x == y ? 0 : 1));
            if (i > 1 && j > 1 && x == fold(b.ptr[j - 2]) && y == fold(a.ptr[i - 2])) {
                now[j] = fh_min(now[j], before[j - 2] + 1);
            }
        }
    }
    return row[a.len % 3][b.len];
}

void fh_suggest_offer(struct fh_suggest *s, struct fh_slice candidate)
{
    if (s->word.len > WORD_MAX_LEN || candidate.len > WORD_MAX_LEN) {
        return;
    }
    size_t d = distance(s->word, candidate);

    if (d < s->distance) {
        s->distance = d;
        s->best = candidate;
    }
}
