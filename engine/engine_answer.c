/* engine_answer.c: reads what `obtain` found.
 * SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine_answer.h"

/* finish makes a C string of what was gathered. */
static char *finish(struct fh_buf *text)
{
    fh_buf_byte(text, '\0');
    FH_ASSERT(!text->failed); /* its max is what it is made from, and one more */
    return (char *)text->ptr;
}

static char *copy(struct fh_arena *arena, struct fh_slice s)
{
    struct fh_buf text = fh_buf_in_arena(arena, s.len + 1);

    fh_buf_append(&text, s);
    return finish(&text);
}

/* take_word moves one word of a command line out of `line`. Quotes may stand anywhere in it, and a
 * backslash outside them takes the next byte as it is: 'it'\''s'. */
static enum fh_rc take_word(struct fh_slice *line, struct fh_arena *arena, char **word)
{
    struct fh_buf text = fh_buf_in_arena(arena, line->len + 1);
    bool in_quotes = false;
    uint8_t c = 0;

    while (fh_read_u8(line, &c)) {
        if (c == '\'') {
            in_quotes = !in_quotes;
        } else if (c == ' ' && !in_quotes) {
            break;
        } else {
            if (c == '\\' && !in_quotes && !fh_read_u8(line, &c)) {
                return FH_E_SYNTAX;
            }
            fh_buf_byte(&text, c);
        }
    }
    *word = finish(&text);
    return in_quotes ? FH_E_SYNTAX : FH_OK;
}

static enum fh_rc take_words(struct fh_slice line, struct fh_arena *arena,
                             struct fh_engine_answer *answer)
{
    answer->word_count = 0;
    while (line.len > 0) {
        if (answer->word_count == FH_ENGINE_WORDS_MAX) {
            return FH_E_LIMIT;
        }
        FH_TRY(take_word(&line, arena, &answer->words[answer->word_count]));
        answer->word_count++;
    }
    return FH_OK;
}

enum fh_rc fh_engine_answer_parse(struct fh_slice lines, struct fh_arena *arena,
                                  struct fh_engine_answer *answer)
{
    struct fh_slice line;

    *answer = (struct fh_engine_answer){0};
    while (fh_split(&lines, '\n', &line)) {
        if (fh_take(&line, FH_LIT("server "))) {
            enum fh_rc rc = take_words(line, arena, answer);

            if (rc != FH_OK) {
                return rc;
            }
        } else if (fh_take(&line, FH_LIT("model "))) {
            answer->model = copy(arena, line);
        } else if (fh_take(&line, FH_LIT("template "))) {
            answer->template = copy(arena, line);
        }
    }
    return answer->word_count > 0 && answer->model != NULL ? FH_OK : FH_E_MISSING;
}
