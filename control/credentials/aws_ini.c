/* aws_ini.c: lines, one after the other, each time something is looked for: the files are small.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/credentials/aws_ini.h"

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

/* cut_comment ends the text before a "#" or ";" that has a blank in front of it. */
static struct fh_slice cut_comment(struct fh_slice text)
{
    for (size_t i = 1; i < text.len; i++) {
        if ((text.ptr[i] == '#' || text.ptr[i] == ';') && is_blank(text.ptr[i - 1])) {
            return fh_trim(fh_head(text, i));
        }
    }
    return fh_trim(text);
}

/* unquote takes the quotes off a name that is written with blanks in it. */
static struct fh_slice unquote(struct fh_slice name)
{
    static const uint8_t quotes[] = {'"', '\''};

    for (size_t i = 0; i < FH_LEN(quotes); i++) {
        if (name.len >= 2 && name.ptr[0] == quotes[i] && name.ptr[name.len - 1] == quotes[i]) {
            return fh_sub(name, 1, name.len - 2);
        }
    }
    return name;
}

/* profile_of gives the profile that a section line begins; empty: it begins something else.
 *
 * `prefixed` says whether the word "profile" stood before it. */
static struct fh_slice profile_of(struct fh_slice line, enum fh_aws_file file, bool *prefixed)
{
    size_t end = fh_find(line, ']');

    *prefixed = false;
    if (end == line.len) {
        return FH_NONE;
    }
    struct fh_slice name = fh_trim(fh_sub(line, 1, end - 1));
    struct fh_slice rest = name;

    if (fh_take(&rest, FH_LIT("profile")) && rest.len > 0 && is_blank(rest.ptr[0])) {
        *prefixed = true;
        return file == FH_AWS_FILE_CONFIG ? unquote(fh_trim(rest)) : FH_NONE;
    }
    return file == FH_AWS_FILE_CREDENTIALS || fh_eq(name, FH_LIT("default")) ? unquote(name)
                                                                             : FH_NONE;
}

/* A walk over the keys of one profile. */
struct walk {
    struct fh_slice rest, profile;
    enum fh_aws_file file;
    bool inside;     /* the section at hand is the profile's */
    bool prefixed;   /* it is called [profile default], which counts more than [default] */
    bool is_section; /* the last step came to a section of the profile, not to a key */
    struct fh_slice key, value;
};

static bool take_key(struct walk *w, struct fh_slice line)
{
    size_t at = fh_find(line, '=');

    if (at == line.len) {
        return false;
    }
    w->key = fh_trim(fh_head(line, at));
    w->value = cut_comment(fh_tail(line, at + 1));
    return w->key.len > 0;
}

/* next steps to the next section of the profile, or the next key in one. */
static bool next(struct walk *w)
{
    struct fh_slice line = FH_NONE;

    while (fh_split(&w->rest, '\n', &line)) {
        if (fh_ends(line, FH_LIT("\r"))) {
            line = fh_head(line, line.len - 1);
        }
        if (fh_starts(line, FH_LIT("["))) {
            struct fh_slice name = profile_of(line, w->file, &w->prefixed);

            w->inside = name.len > 0 && fh_eq(name, w->profile);
            w->is_section = w->inside;
            if (w->inside) {
                return true;
            }
        } else if (w->inside && line.len > 0 && !is_blank(line.ptr[0]) && line.ptr[0] != '#' &&
                   line.ptr[0] != ';' && take_key(w, line)) {
            w->is_section = false;
            return true;
        }
    }
    return false;
}

bool fh_aws_ini_get(struct fh_slice text, enum fh_aws_file file, struct fh_slice profile,
                    struct fh_slice key, struct fh_slice *value)
{
    struct walk w = {.rest = text, .profile = profile, .file = file};
    struct fh_slice found = FH_NONE;
    bool from_prefixed = false;

    while (next(&w)) {
        if (!w.is_section && fh_eq_nocase(w.key, key) && (w.prefixed || !from_prefixed)) {
            found = w.value;
            from_prefixed = w.prefixed;
        }
    }
    if (found.len > 0) {
        *value = found;
    }
    return found.len > 0;
}

bool fh_aws_ini_has(struct fh_slice text, enum fh_aws_file file, struct fh_slice profile)
{
    struct walk w = {.rest = text, .profile = profile, .file = file};

    return next(&w);
}
