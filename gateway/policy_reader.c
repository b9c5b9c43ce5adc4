/* policy_reader.c: one read transaction, reset and renewed for each use.
 * SPDX-License-Identifier: Apache-2.0 */
#include "gateway/policy_reader.h"

#include <errno.h>
#include <lmdb.h>
#include <stdlib.h>
#include <string.h>

struct fh_policy_reader {
    char *dir;
    MDB_env *env; /* NULL: not open yet */
    MDB_txn *txn;
    MDB_dbi keys, aws, models, providers, meta;
    bool open; /* between begin and end */
    int error; /* LMDB's, of the last failure */
};

struct fh_policy_reader *fh_policy_reader_new(const char *dir)
{
    struct fh_policy_reader *reader = calloc(1, sizeof(*reader));

    FH_ASSERT(reader != NULL);
    reader->dir = strdup(dir);
    FH_ASSERT(reader->dir != NULL);
    return reader;
}

static void close_env(struct fh_policy_reader *reader)
{
    if (reader->txn != NULL) {
        mdb_txn_abort(reader->txn);
        reader->txn = NULL;
    }
    if (reader->env != NULL) {
        mdb_env_close(reader->env);
        reader->env = NULL;
    }
}

void fh_policy_reader_free(struct fh_policy_reader **reader)
{
    if (*reader != NULL) {
        close_env(*reader);
        free((*reader)->dir);
        free(*reader);
        *reader = NULL;
    }
}

static enum fh_rc outcome(struct fh_policy_reader *reader, int error)
{
    if (error == 0) {
        return FH_OK;
    }
    reader->error = error;
    return error == MDB_NOTFOUND || error == ENOENT ? FH_E_MISSING : FH_E_STORE;
}

/* open_databases takes the handles in a transaction of their own, which then lives on as the one
 * that is reset and renewed. */
static int open_databases(struct fh_policy_reader *reader)
{
    const struct {
        const char *name;
        MDB_dbi *dbi;
    } all[] = {
        {FH_POLICY_DB_KEYS, &reader->keys},     {FH_POLICY_DB_AWS, &reader->aws},
        {FH_POLICY_DB_MODELS, &reader->models}, {FH_POLICY_DB_PROVIDERS, &reader->providers},
        {FH_POLICY_DB_META, &reader->meta},
    };
    MDB_txn *txn = NULL;
    int error = mdb_txn_begin(reader->env, NULL, MDB_RDONLY, &txn);

    static_assert(FH_LEN(all) == FH_POLICY_DATABASES, "all of them");
    for (size_t i = 0; i < FH_LEN(all) && error == 0; i++) {
        error = mdb_dbi_open(txn, all[i].name, 0, all[i].dbi);
    }
    if (error != 0) {
        mdb_txn_abort(txn);
        return error;
    }
    error = mdb_txn_commit(txn); /* which is what makes the handles lasting */
    if (error == 0) {
        error = mdb_txn_begin(reader->env, NULL, MDB_RDONLY, &reader->txn);
    }
    if (error == 0) {
        mdb_txn_reset(reader->txn);
    }
    return error;
}

static int open_env(struct fh_policy_reader *reader)
{
    int error = mdb_env_create(&reader->env);

    FH_ASSERT(error == 0);
    /* both can only be refused for arguments that are wrong */
    error = mdb_env_set_maxdbs(reader->env, FH_POLICY_DATABASES);
    FH_ASSERT(error == 0);
    error = mdb_env_set_maxreaders(reader->env, FH_POLICY_READERS_MAX);
    FH_ASSERT(error == 0);
    error = mdb_env_set_mapsize(reader->env, FH_POLICY_MAP_BYTES);
    FH_ASSERT(error == 0);
    error = mdb_env_open(reader->env, reader->dir, MDB_RDONLY | MDB_NOTLS, 0600);
    if (error == 0) {
        error = open_databases(reader);
    }
    if (error != 0) {
        close_env(reader);
    }
    return error;
}

enum fh_rc fh_policy_reader_begin(struct fh_policy_reader *reader)
{
    FH_ASSERT(!reader->open);
    if (reader->env == NULL) {
        FH_TRY(outcome(reader, open_env(reader)));
    }
    int error = mdb_txn_renew(reader->txn);

    if (error == MDB_MAP_RESIZED) {
        /* the writer of a later version uses a larger map */
        error = mdb_env_set_mapsize(reader->env, 0);
        if (error == 0) {
            error = mdb_txn_renew(reader->txn);
        }
    }
    FH_TRY(outcome(reader, error));
    reader->open = true;
    return FH_OK;
}

void fh_policy_reader_end(struct fh_policy_reader *reader)
{
    FH_ASSERT(reader->open);
    mdb_txn_reset(reader->txn);
    reader->open = false;
}

uint64_t fh_policy_reader_generation(const struct fh_policy_reader *reader)
{
    FH_ASSERT(reader->open);
    return mdb_txn_id(reader->txn);
}

/* val_of lends bytes to LMDB, which writes into none that it is given. */
static MDB_val val_of(struct fh_slice s)
{
    /* NOLINTNEXTLINE(performance-no-int-to-ptr): its type has no const */
    return (MDB_val){.mv_size = s.len, .mv_data = (void *)(uintptr_t)s.ptr};
}

static enum fh_rc get(struct fh_policy_reader *reader, MDB_dbi dbi, struct fh_slice name,
                      struct fh_slice *record)
{
    MDB_val key = val_of(name);
    MDB_val value;

    FH_ASSERT(reader->open);
    if (name.len == 0 || name.len > (size_t)mdb_env_get_maxkeysize(reader->env)) {
        reader->error = MDB_NOTFOUND; /* nothing can have such a name */
        return FH_E_MISSING;
    }
    FH_TRY(outcome(reader, mdb_get(reader->txn, dbi, &key, &value)));
    *record = fh_slice(value.mv_data, value.mv_size);
    return FH_OK;
}

enum fh_rc fh_policy_reader_key(struct fh_policy_reader *reader, const struct fh_sha256 *hash,
                                struct fh_policy_key *out)
{
    struct fh_slice record = FH_NONE;

    FH_TRY(get(reader, reader->keys, fh_slice(hash->bytes, sizeof(hash->bytes)), &record));
    return fh_policy_decode_key(out, record);
}

enum fh_rc fh_policy_reader_aws(struct fh_policy_reader *reader, struct fh_slice access_key_id,
                                struct fh_policy_key *out)
{
    struct fh_slice hash = FH_NONE;
    struct fh_slice record = FH_NONE;

    FH_TRY(get(reader, reader->aws, access_key_id, &hash));
    FH_TRY(get(reader, reader->keys, hash, &record));
    return fh_policy_decode_key(out, record);
}

enum fh_rc fh_policy_reader_model(struct fh_policy_reader *reader, struct fh_slice name,
                                  struct fh_policy_model *out)
{
    struct fh_slice record = FH_NONE;

    FH_TRY(get(reader, reader->models, name, &record));
    return fh_policy_decode_model(out, record);
}

enum fh_rc fh_policy_reader_provider(struct fh_policy_reader *reader, struct fh_slice name,
                                     struct fh_provider *out)
{
    struct fh_slice record = FH_NONE;

    FH_TRY(get(reader, reader->providers, name, &record));
    return fh_policy_decode_provider(out, record);
}

enum fh_rc fh_policy_reader_limits(struct fh_policy_reader *reader,
                                   struct fh_policy_limits *out)
{
    struct fh_slice record = FH_NONE;

    FH_TRY(get(reader, reader->meta, FH_LIT("limits"), &record));
    return fh_policy_decode_limits(out, record);
}

enum fh_rc fh_policy_reader_next_model(struct fh_policy_reader *reader, struct fh_slice after,
                                       struct fh_policy_model *out)
{
    MDB_val key = val_of(after);
    MDB_val value;
    MDB_cursor *cursor = NULL;

    FH_ASSERT(reader->open);
    FH_TRY(outcome(reader, mdb_cursor_open(reader->txn, reader->models, &cursor)));
    int error =
        mdb_cursor_get(cursor, &key, &value, after.len == 0 ? MDB_FIRST : MDB_SET_RANGE);

    if (error == 0 && after.len > 0 && fh_eq(fh_slice(key.mv_data, key.mv_size), after)) {
        error = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    FH_TRY(outcome(reader, error));
    return fh_policy_decode_model(out, fh_slice(value.mv_data, value.mv_size));
}

enum fh_rc fh_policy_reader_providers(struct fh_policy_reader *reader, struct fh_slice *names)
{
    return get(reader, reader->meta, FH_LIT("providers"), names);
}

const char *fh_policy_reader_error(const struct fh_policy_reader *reader)
{
    return mdb_strerror(reader->error);
}
