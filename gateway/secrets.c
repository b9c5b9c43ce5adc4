/* secrets.c: environment and files, and what was fetched from them.
 * SPDX-License-Identifier: Apache-2.0 */
#include "gateway/secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECRET_MAX_LEN = 8192, NAME_MAX_LEN = 4096 };

struct kept {
    struct kept *next;
    struct fh_slice ref;
    struct fh_secret secret;
};

struct fh_secrets {
    uint64_t generation;
    struct fh_arena *arena; /* references and links */
    struct kept *first;
};

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

/* read_line reads a small file without the line end behind its text. */
static enum fh_rc read_line(int fd, struct fh_slice ref, uint8_t *bytes, struct fh_slice *line,
                            struct fh_buf *why)
{
    size_t len = 0;

    for (ssize_t n = 1; n != 0 && len < SECRET_MAX_LEN; len += (size_t)n) {
        n = TEMP_FAILURE_RETRY(read(fd, bytes + len, SECRET_MAX_LEN - len));
        if (n < 0) {
            fh_buf_printf(why, "%.*s cannot be read: %s", FH_ARG(ref), strerrordesc_np(errno));
            return FH_E_SYSTEM;
        }
    }
    if (len == SECRET_MAX_LEN) {
        fh_buf_printf(why, "%.*s is too long for a key (%d bytes or more)", FH_ARG(ref),
                      SECRET_MAX_LEN);
        return FH_E_LIMIT;
    }
    *line = fh_slice(bytes, len);
    if (fh_ends(*line, FH_LIT("\n"))) {
        *line = fh_head(*line, line->len - 1);
        if (fh_ends(*line, FH_LIT("\r"))) {
            *line = fh_head(*line, line->len - 1);
        }
    }
    return FH_OK;
}

static enum fh_rc from_file(struct fh_secret *out, struct fh_slice ref, const char *path,
                            struct fh_buf *why)
{
    FH_AUTO(close_file) struct file file = {open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    uint8_t bytes[SECRET_MAX_LEN];
    struct fh_slice line = FH_NONE;
    struct stat st;

    if (file.fd < 0 || fstat(file.fd, &st) != 0) {
        fh_buf_printf(why, "%.*s cannot be opened: %s", FH_ARG(ref), strerrordesc_np(errno));
        return errno == ENOENT ? FH_E_MISSING : FH_E_SYSTEM;
    }
    if (!S_ISREG(st.st_mode)) {
        fh_buf_printf(why, "%.*s is no file", FH_ARG(ref));
        return FH_E_SYSTEM;
    }
    if ((st.st_mode & (S_IROTH | S_IWOTH)) != 0) {
        fh_buf_printf(why, "%.*s can be read by everybody on this machine: chmod 600 %s",
                      FH_ARG(ref), path);
        return FH_E_SYSTEM;
    }
    enum fh_rc rc = read_line(file.fd, ref, bytes, &line, why);

    if (rc == FH_OK) {
        rc = check(line, ref, why);
    }
    if (rc == FH_OK) {
        *out = fh_secret_copy(line);
    }
    fh_wipe(bytes, sizeof(bytes));
    return rc;
}

enum fh_rc fh_secrets_resolve(struct fh_secret *out, struct fh_slice ref, struct fh_buf *why)
{
    char name[NAME_MAX_LEN];
    struct fh_slice rest = ref;
    bool is_env = fh_take(&rest, FH_LIT("env:"));

    if (!is_env && !fh_take(&rest, FH_LIT("file:"))) {
        fh_buf_append(why, FH_LIT("a secret is referred to as env:NAME or file:PATH"));
        return FH_E_SYNTAX;
    }
    if (rest.len == 0 || rest.len >= sizeof(name) || fh_find(rest, '\0') < rest.len) {
        fh_buf_append(why,
                      FH_LIT("a reference to a secret needs a name, and not an endless one"));
        return FH_E_SYNTAX;
    }
    memcpy(name, rest.ptr, rest.len);
    name[rest.len] = '\0';
    return is_env ? from_environment(out, ref, name, why) : from_file(out, ref, name, why);
}

struct fh_secrets *fh_secrets_new(void)
{
    struct fh_secrets *secrets = calloc(1, sizeof(*secrets));

    FH_ASSERT(secrets != NULL);
    secrets->arena = fh_arena_new(1 << 20);
    return secrets;
}

static void forget(struct fh_secrets *secrets)
{
    for (struct kept *k = secrets->first; k != NULL; k = k->next) {
        fh_secret_fini(&k->secret);
    }
    secrets->first = NULL;
    fh_arena_reset(secrets->arena);
}

void fh_secrets_free(struct fh_secrets **secrets)
{
    if (*secrets != NULL) {
        forget(*secrets);
        fh_arena_free(&(*secrets)->arena);
        free(*secrets);
        *secrets = NULL;
    }
}

enum fh_rc fh_secrets_get(struct fh_secrets *secrets, uint64_t generation, struct fh_slice ref,
                          struct fh_slice *out, struct fh_buf *why)
{
    struct fh_secret fresh = FH_SECRET_NONE;

    if (secrets->generation != generation) {
        forget(secrets);
        secrets->generation = generation;
    }
    for (struct kept *k = secrets->first; k != NULL; k = k->next) {
        if (fh_eq(k->ref, ref)) {
            *out = fh_secret_lend(&k->secret);
            return FH_OK;
        }
    }
    FH_TRY(fh_secrets_resolve(&fresh, ref, why));
    struct kept *k = fh_new(secrets->arena, struct kept);

    *k = (struct kept){secrets->first, fh_dup(secrets->arena, ref), fresh};
    secrets->first = k;
    *out = fh_secret_lend(&k->secret);
    return FH_OK;
}
