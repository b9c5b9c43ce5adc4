/* secrets.c: environment and files, and what was fetched from them.
 * SPDX-License-Identifier: Apache-2.0 */
#include "gateway/secrets.h"

#include "provider/credential.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SECRET_MAX_LEN = 8192,
    NAME_MAX_LEN = 4096,
    FILE_MAX_LEN = FH_CREDENTIAL_MAX_BYTES + 1, /* so that what is too long shows */
    LOOK_US = 1000000, /* between two looks at the files behind state: */
};
static_assert((int)SECRET_MAX_LEN < (int)FILE_MAX_LEN, "a key is shorter than a credential");

/* By which a file is seen to be another one. All zero: it is not there. */
struct stamp {
    struct timespec mtime, ctime;
    ino_t inode;
    off_t size;
};

struct kept {
    struct kept *next;
    struct fh_slice ref;
    struct fh_secret secret;
};

/* A file that control renews. */
struct watched {
    struct watched *next;
    struct fh_slice ref;
    const char *path;
    struct stamp seen;
};

struct fh_secrets {
    struct fh_arena *arena; /* references and links */
    struct kept *kept;
    struct watched *watched;
    uint64_t look_due_us;
};

enum form {
    FORM_ENV,
    FORM_FILE,
    FORM_STATE,
    FORMS,
};

static const struct fh_slice prefixes[] = {
    [FORM_ENV] = FH_LIT_INIT("env:"),
    [FORM_FILE] = FH_LIT_INIT("file:"),
    [FORM_STATE] = FH_LIT_INIT("state:"),
};
static_assert(FH_LEN(prefixes) == FORMS, "each has one");

/* check sees to it that the secret can stand in a header line. */
static enum fh_rc check(struct fh_slice secret, struct fh_slice ref, struct fh_buf *why)
{
    if (secret.len == 0) {
        fh_buf_printf(why, "%.*s is empty", FH_ARG(ref));
        return FH_E_MISSING;
    }
    for (size_t i = 0; i < secret.len; i++) {
        if (secret.ptr[i] < 0x21 || secret.ptr[i] > 0x7E) {
            fh_buf_printf(why,
                          "%.*s holds something that is no key: it must be one line, without "
                          "blanks",
                          FH_ARG(ref));
            return FH_E_SYNTAX;
        }
    }
    return FH_OK;
}

static enum fh_rc from_environment(struct fh_secret *out, struct fh_slice ref, const char *name,
                                   struct fh_buf *why)
{
    const char *value = getenv(name); /* NOLINT(concurrency-mt-unsafe): there is one thread */

    if (value == NULL) {
        fh_buf_printf(why, "%.*s is not set in the environment", FH_ARG(ref));
        return FH_E_MISSING;
    }
    FH_TRY(check(fh_cstr(value), ref, why));
    *out = fh_secret_copy(fh_cstr(value));
    return FH_OK;
}

struct file {
    int fd; /* -1: none */
};

static void close_file(struct file *file)
{
    if (file->fd >= 0) {
        (void)close(file->fd);
    }
}

/* read_all reads a small file. */
static enum fh_rc read_all(int fd, struct fh_slice ref, uint8_t *bytes, struct fh_slice *text,
                           struct fh_buf *why)
{
    size_t len = 0;

    for (ssize_t n = 1; n != 0 && len < FILE_MAX_LEN; len += (size_t)n) {
        n = TEMP_FAILURE_RETRY(read(fd, bytes + len, FILE_MAX_LEN - len));
        if (n < 0) {
            fh_buf_printf(why, "%.*s cannot be read: %s", FH_ARG(ref), strerrordesc_np(errno));
            return FH_E_SYSTEM;
        }
    }
    *text = fh_slice(bytes, len);
    return FH_OK;
}

/* check_line takes the line end off a key, and sees to it that it is one. */
static enum fh_rc check_line(struct fh_slice *line, struct fh_slice ref, struct fh_buf *why)
{
    if (line->len >= SECRET_MAX_LEN) {
        fh_buf_printf(why, "%.*s is too long for a key (%d bytes or more)", FH_ARG(ref),
                      SECRET_MAX_LEN);
        return FH_E_LIMIT;
    }
    if (fh_ends(*line, FH_LIT("\n"))) {
        *line = fh_head(*line, line->len - 1);
        if (fh_ends(*line, FH_LIT("\r"))) {
            *line = fh_head(*line, line->len - 1);
        }
    }
    return check(*line, ref, why);
}

/* check_credential looks whether the text is one, so that nothing else is lent. */
static enum fh_rc check_credential(struct fh_slice text, struct fh_slice ref,
                                   struct fh_buf *why)
{
    struct fh_credential credential;
    enum fh_rc rc = fh_credential_parse(&credential, text);

    if (rc != FH_OK) {
        fh_buf_printf(why, "%.*s holds no credential (%s); control writes it", FH_ARG(ref),
                      fh_rc_name(rc));
    }
    return rc;
}

static struct stamp stamp_of(const struct stat *st)
{
    return (struct stamp){st->st_mtim, st->st_ctim, st->st_ino, st->st_size};
}

/* look gives the stamp of the file that is there now. */
static struct stamp look(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 ? stamp_of(&st) : (struct stamp){0};
}

/* from_file also notes which file it read, or could not read. */
static enum fh_rc from_file(struct fh_secret *out, struct fh_slice ref, const char *path,
                            struct stamp *seen, struct fh_buf *why)
{
    FH_AUTO(close_file) struct file file = {open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    uint8_t bytes[FILE_MAX_LEN];
    struct fh_slice text = FH_NONE;
    struct stat st;

    if (file.fd < 0 || fstat(file.fd, &st) != 0) {
        int error = errno;

        fh_buf_printf(why, "%.*s cannot be opened: %s", FH_ARG(ref), strerrordesc_np(error));
        *seen = look(path);
        return error == ENOENT ? FH_E_MISSING : FH_E_SYSTEM;
    }
    *seen = stamp_of(&st);
    if (!S_ISREG(st.st_mode)) {
        fh_buf_printf(why, "%.*s is no file", FH_ARG(ref));
        return FH_E_SYSTEM;
    }
    if ((st.st_mode & (S_IROTH | S_IWOTH)) != 0) {
        fh_buf_printf(why, "%.*s can be read by everybody on this machine: chmod 600 %s",
                      FH_ARG(ref), path);
        return FH_E_SYSTEM;
    }
    enum fh_rc rc = read_all(file.fd, ref, bytes, &text, why);

    if (rc == FH_OK) {
        rc = fh_starts(ref, prefixes[FORM_STATE]) ? check_credential(text, ref, why)
                                                  : check_line(&text, ref, why);
    }
    if (rc == FH_OK) {
        *out = fh_secret_copy(text);
    }
    fh_wipe(bytes, sizeof(bytes));
    return rc;
}

/* take_apart gives the name behind a known prefix as a C string. */
static enum fh_rc take_apart(struct fh_slice ref, char name[NAME_MAX_LEN], struct fh_buf *why)
{
    struct fh_slice rest = ref;
    unsigned i = 0;

    while (i < FORMS && !fh_take(&rest, prefixes[i])) {
        i++;
    }
    if (i == FORMS) {
        fh_buf_append(why, FH_LIT("a secret is referred to as env:NAME or file:PATH"));
        return FH_E_SYNTAX;
    }
    if (rest.len == 0 || rest.len >= NAME_MAX_LEN || fh_find(rest, '\0') < rest.len) {
        fh_buf_append(why,
                      FH_LIT("a reference to a secret needs a name, and not an endless one"));
        return FH_E_SYNTAX;
    }
    memcpy(name, rest.ptr, rest.len);
    name[rest.len] = '\0';
    return FH_OK;
}

static enum fh_rc fetch(struct fh_secret *out, struct fh_slice ref, const char *name,
                        struct stamp *seen, struct fh_buf *why)
{
    return fh_starts(ref, prefixes[FORM_ENV]) ? from_environment(out, ref, name, why)
                                              : from_file(out, ref, name, seen, why);
}

enum fh_rc fh_secrets_resolve(struct fh_secret *out, struct fh_slice ref, struct fh_buf *why)
{
    char name[NAME_MAX_LEN];
    struct stamp seen;

    FH_TRY(take_apart(ref, name, why));
    return fetch(out, ref, name, &seen, why);
}

struct fh_secrets *fh_secrets_new(void)
{
    struct fh_secrets *secrets = calloc(1, sizeof(*secrets));

    FH_ASSERT(secrets != NULL);
    secrets->arena = fh_arena_new(1 << 20);
    return secrets;
}

void fh_secrets_free(struct fh_secrets **secrets)
{
    if (*secrets == NULL) {
        return;
    }
    for (struct kept *k = (*secrets)->kept; k != NULL; k = k->next) {
        fh_secret_fini(&k->secret);
    }
    fh_arena_free(&(*secrets)->arena);
    free(*secrets);
    *secrets = NULL;
}

/* watch begins to look after the file of a reference, or finds it again. */
static struct watched *watch(struct fh_secrets *secrets, struct fh_slice ref, const char *path)
{
    struct watched *w = secrets->watched;

    while (w != NULL && !fh_eq(w->ref, ref)) {
        w = w->next;
    }
    if (w == NULL) {
        w = fh_new(secrets->arena, struct watched);
        *w = (struct watched){
            .next = secrets->watched,
            .ref = fh_dup(secrets->arena, ref),
            .path = fh_dup_cstr(secrets->arena, fh_cstr(path)),
        };
        secrets->watched = w;
    }
    return w;
}

enum fh_rc fh_secrets_get(struct fh_secrets *secrets, struct fh_slice ref, struct fh_slice *out,
                          struct fh_buf *why)
{
    char name[NAME_MAX_LEN];
    struct fh_secret fresh = FH_SECRET_NONE;
    struct stamp seen = {0};

    for (struct kept *k = secrets->kept; k != NULL; k = k->next) {
        if (fh_eq(k->ref, ref)) {
            *out = fh_secret_lend(&k->secret);
            return FH_OK;
        }
    }
    FH_TRY(take_apart(ref, name, why));
    enum fh_rc rc = fetch(&fresh, ref, name, &seen, why);

    if (fh_starts(ref, prefixes[FORM_STATE])) {
        watch(secrets, ref, name)->seen = seen;
    }
    FH_TRY(rc);
    struct kept *k = fh_new(secrets->arena, struct kept);

    *k = (struct kept){secrets->kept, fh_dup(secrets->arena, ref), fresh};
    secrets->kept = k;
    *out = fh_secret_lend(&k->secret);
    return FH_OK;
}

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool fh_secrets_are_old(struct fh_secrets *secrets, uint64_t now_us)
{
    if (secrets->watched == NULL || now_us < secrets->look_due_us) {
        return false;
    }
    secrets->look_due_us = now_us + LOOK_US;
    for (const struct watched *w = secrets->watched; w != NULL; w = w->next) {
        struct stamp now = look(w->path);

        if (now.inode != w->seen.inode || now.size != w->seen.size ||
            !same_time(now.mtime, w->seen.mtime) || !same_time(now.ctime, w->seen.ctime)) {
            return true;
        }
    }
    return false;
}
