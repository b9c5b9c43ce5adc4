/* store.c: LMDB, one transaction a call.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/store/store.h"

#include "gateway/policy_reader.h"

#include "base/secret.h"

#include <errno.h>
#include <lmdb.h>
#include <stdlib.h>

#define DB_NAMES "names" /* name of a key in use -> SHA-256 of its text; no reader needs it */

enum { KEY_NAME_MAX_LEN = 128 };

struct fh_store {
    MDB_env *env;
    MDB_dbi keys, aws, models, providers, meta, names;
    int error; /* LMDB's, of the last failure */
};

/* ---- transactions ---- */

/* The scope is the transaction: leaving without commit undoes it. */
struct tx {
    struct fh_store *store;
    MDB_txn *txn; /* NULL: ended */
};

static enum fh_rc outcome(struct fh_store *store, int error)
{
    if (error == 0) {
        return FH_OK;
    }
    store->error = error;
    return error == MDB_NOTFOUND ? FH_E_MISSING : FH_E_STORE;
}

static void tx_end(struct tx *tx)
{
    if (tx->txn != NULL) {
        mdb_txn_abort(tx->txn);
        tx->txn = NULL;
    }
}

static enum fh_rc tx_begin(struct tx *tx, struct fh_store *store, bool writes)
{
    tx->store = store;
    return outcome(store, mdb_txn_begin(store->env, NULL, writes ? 0 : MDB_RDONLY, &tx->txn));
}

static enum fh_rc tx_commit(struct tx *tx)
{
    MDB_txn *txn = tx->txn;

    tx->txn = NULL;
    return outcome(tx->store, mdb_txn_commit(txn));
}

/* val_of lends bytes to LMDB, which writes into none that it is given. */
static MDB_val val_of(struct fh_slice s)
{
    /* NOLINTNEXTLINE(performance-no-int-to-ptr): its type has no const */
    return (MDB_val){.mv_size = s.len, .mv_data = (void *)(uintptr_t)s.ptr};
}

static struct fh_slice slice_of(MDB_val val)
{
    return fh_slice(val.mv_data, val.mv_size);
}

static enum fh_rc get(struct tx *tx, MDB_dbi dbi, struct fh_slice name, struct fh_slice *record)
{
    MDB_val key = val_of(name);
    MDB_val value;

    FH_TRY(outcome(tx->store, mdb_get(tx->txn, dbi, &key, &value)));
    *record = slice_of(value);
    return FH_OK;
}

/* put writes what is not already so. */
static enum fh_rc put(struct tx *tx, MDB_dbi dbi, struct fh_slice name, struct fh_slice record)
{
    MDB_val key = val_of(name);
    MDB_val value = val_of(record);
    struct fh_slice old = FH_NONE;
    enum fh_rc rc = get(tx, dbi, name, &old);

    if (rc == FH_OK && fh_eq(old, record)) {
        return FH_OK;
    }
    if (rc != FH_OK && rc != FH_E_MISSING) {
        return rc;
    }
    return outcome(tx->store, mdb_put(tx->txn, dbi, &key, &value, 0));
}

/* ---- opening ---- */

static enum fh_rc open_databases(struct fh_store *store)
{
    const struct {
        const char *name;
        MDB_dbi *dbi;
    } all[] = {
        {FH_POLICY_DB_KEYS, &store->keys},     {FH_POLICY_DB_AWS, &store->aws},
        {FH_POLICY_DB_MODELS, &store->models}, {FH_POLICY_DB_PROVIDERS, &store->providers},
        {FH_POLICY_DB_META, &store->meta},     {DB_NAMES, &store->names},
    };
    FH_AUTO(tx_end) struct tx tx = {0};

    static_assert(FH_LEN(all) == FH_POLICY_DATABASES + 1, "all of them");
    FH_TRY(tx_begin(&tx, store, true));
    for (size_t i = 0; i < FH_LEN(all); i++) {
        FH_TRY(outcome(store, mdb_dbi_open(tx.txn, all[i].name, MDB_CREATE, all[i].dbi)));
    }
    return tx_commit(&tx);
}

enum fh_rc fh_store_open(struct fh_store **out, const char *dir, const char **why)
{
    struct fh_store *store = calloc(1, sizeof(*store));

    FH_ASSERT(store != NULL);
    int error = mdb_env_create(&store->env);

    FH_ASSERT(error == 0);
    /* these can only be refused for arguments that are wrong */
    error = mdb_env_set_maxdbs(store->env, FH_POLICY_DATABASES + 1);
    FH_ASSERT(error == 0);
    error = mdb_env_set_maxreaders(store->env, FH_POLICY_READERS_MAX);
    FH_ASSERT(error == 0);
    error = mdb_env_set_mapsize(store->env, FH_POLICY_MAP_BYTES);
    FH_ASSERT(error == 0);
    enum fh_rc rc = outcome(store, mdb_env_open(store->env, dir, 0, 0600));

    if (rc == FH_OK) {
        rc = open_databases(store);
    }
    if (rc != FH_OK) {
        *why = mdb_strerror(store->error);
        fh_store_close(&store);
        return FH_E_STORE;
    }
    *out = store;
    return FH_OK;
}

void fh_store_close(struct fh_store **store)
{
    if (*store != NULL) {
        mdb_env_close((*store)->env);
        free(*store);
        *store = NULL;
    }
}

const char *fh_store_error(const struct fh_store *store)
{
    return mdb_strerror(store->error);
}

/* ---- models and providers ---- */

static bool has_provider(const struct fh_config *cfg, struct fh_slice name)
{
    return fh_config_provider(cfg, name) != NULL;
}

static bool has_model(const struct fh_config *cfg, struct fh_slice name)
{
    for (size_t i = 0; i < cfg->models.count; i++) {
        if (fh_eq(cfg->models.list[i].serves.name, name)) {
            return true;
        }
    }
    return false;
}

/* prune deletes the records whose names the config no longer has. */
static enum fh_rc prune(struct tx *tx, MDB_dbi dbi, const struct fh_config *cfg,
                        bool (*has)(const struct fh_config *, struct fh_slice))
{
    MDB_cursor *cursor = NULL;
    MDB_val key;
    MDB_val value;

    FH_TRY(outcome(tx->store, mdb_cursor_open(tx->txn, dbi, &cursor)));
    int error = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);

    while (error == 0) {
        if (!has(cfg, slice_of(key))) {
            error = mdb_cursor_del(cursor, 0);
        }
        if (error == 0) {
            error = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
        }
    }
    mdb_cursor_close(cursor);
    return error == MDB_NOTFOUND ? FH_OK : outcome(tx->store, error);
}

/* take_state copies how a provider fares. */
static void take_state(struct fh_provider *provider, const struct fh_provider *how)
{
    provider->state = how->state;
    provider->state_line = how->state_line;
    provider->retry_after_s = how->retry_after_s;
    provider->call_prefix = how->call_prefix;
}

/* keep_state lets the recorded state of a local engine, or of credentials that are renewed, live
 * on in the new record. */
static void keep_state(struct tx *tx, struct fh_provider *provider)
{
    struct fh_slice record = FH_NONE;
    struct fh_provider old;

    bool has_one =
        provider->kind == FH_PROVIDER_LOCAL || provider->source != FH_CREDENTIALS_NONE;

    if (has_one && get(tx, tx->store->providers, provider->name, &record) == FH_OK &&
        fh_policy_decode_provider(&old, record) == FH_OK && old.source == provider->source &&
        (old.kind == FH_PROVIDER_LOCAL) == (provider->kind == FH_PROVIDER_LOCAL)) {
        take_state(provider, &old);
    }
}

static enum fh_rc put_provider(struct tx *tx, struct fh_provider provider, bool fresh)
{
    FH_AUTO(fh_buf_fini) struct fh_buf record = fh_buf_on_heap(FH_POLICY_RECORD_MAX);

    if (!fresh) {
        keep_state(tx, &provider);
    }
    fh_policy_encode_provider(&record, &provider);
    FH_ASSERT(!record.failed); /* its texts are a few, and bounded */
    return put(tx, tx->store->providers, provider.name, fh_buf_slice(&record));
}

static enum fh_rc put_model(struct tx *tx, const struct fh_policy_model *model)
{
    FH_AUTO(fh_buf_fini) struct fh_buf record = fh_buf_on_heap(FH_POLICY_RECORD_MAX);

    fh_policy_encode_model(&record, model);
    FH_ASSERT(!record.failed);
    return put(tx, tx->store->models, model->name, fh_buf_slice(&record));
}

/* put_order keeps the order of the providers, which the records themselves do not have. */
static enum fh_rc put_order(struct tx *tx, const struct fh_config *cfg)
{
    FH_AUTO(fh_buf_fini)
    struct fh_buf names = fh_buf_on_heap(cfg->providers.count * (FH_POLICY_TEXT_MAX + 2));

    for (size_t i = 0; i < cfg->providers.count; i++) {
        fh_policy_encode_names(&names, &cfg->providers.list[i].to.name, 1);
    }
    FH_ASSERT(!names.failed);
    return put(tx, tx->store->meta, FH_LIT("providers"), fh_buf_slice(&names));
}

enum fh_rc fh_store_publish(struct fh_store *store, const struct fh_config *cfg, bool fresh)
{
    FH_AUTO(fh_buf_fini) struct fh_buf limits = fh_buf_on_heap(FH_POLICY_RECORD_MAX);
    FH_AUTO(tx_end) struct tx tx = {0};

    FH_TRY(tx_begin(&tx, store, true));
    FH_TRY(prune(&tx, store->providers, cfg, has_provider));
    FH_TRY(prune(&tx, store->models, cfg, has_model));
    for (size_t i = 0; i < cfg->providers.count; i++) {
        FH_TRY(put_provider(&tx, cfg->providers.list[i].to, fresh));
    }
    for (size_t i = 0; i < cfg->models.count; i++) {
        FH_TRY(put_model(&tx, &cfg->models.list[i].serves));
    }
    FH_TRY(put_order(&tx, cfg));
    fh_policy_encode_limits(&limits, &cfg->limits);
    FH_TRY(put(&tx, store->meta, FH_LIT("limits"), fh_buf_slice(&limits)));
    return tx_commit(&tx);
}

enum fh_rc fh_store_provider_state(struct fh_store *store, struct fh_slice name,
                                   const struct fh_provider *how)
{
    FH_AUTO(fh_buf_fini) struct fh_buf out = fh_buf_on_heap(FH_POLICY_RECORD_MAX);
    FH_AUTO(tx_end) struct tx tx = {0};
    struct fh_slice record = FH_NONE;
    struct fh_provider provider;

    FH_TRY(tx_begin(&tx, store, true));
    FH_TRY(get(&tx, store->providers, name, &record));
    FH_TRY(fh_policy_decode_provider(&provider, record));
    take_state(&provider, how);
    provider.state_line =
        fh_head(how->state_line, fh_min(how->state_line.len, FH_POLICY_TEXT_MAX));
    fh_policy_encode_provider(&out, &provider);
    FH_ASSERT(!out.failed);
    FH_TRY(put(&tx, store->providers, name, fh_buf_slice(&out)));
    return tx_commit(&tx);
}

/* ---- keys ---- */

/* A walk over all keys; the record borrows from the transaction. */
struct walk {
    MDB_cursor *cursor;
    struct fh_slice hash;
    struct fh_policy_key key;
};

static void walk_end(struct walk *walk)
{
    if (walk->cursor != NULL) {
        mdb_cursor_close(walk->cursor);
        walk->cursor = NULL;
    }
}

/* walk_next steps on. FH_E_MISSING at the end. */
static enum fh_rc walk_next(struct tx *tx, struct walk *walk)
{
    MDB_val key;
    MDB_val value;

    if (walk->cursor == NULL) {
        FH_TRY(outcome(tx->store, mdb_cursor_open(tx->txn, tx->store->keys, &walk->cursor)));
    }
    FH_TRY(outcome(tx->store, mdb_cursor_get(walk->cursor, &key, &value, MDB_NEXT)));
    walk->hash = slice_of(key);
    return fh_policy_decode_key(&walk->key, slice_of(value));
}

enum fh_rc fh_store_key_create(struct fh_store *store, struct fh_slice name,
                               struct fh_slice plan, struct fh_config_texts models,
                               uint64_t created_us, struct fh_key_text *text)
{
    FH_AUTO(fh_buf_fini) struct fh_buf record = fh_buf_on_heap(FH_POLICY_RECORD_MAX);
    FH_AUTO(fh_buf_fini) struct fh_buf names = fh_buf_on_heap(FH_POLICY_RECORD_MAX / 2);
    FH_AUTO(tx_end) struct tx tx = {0};
    struct fh_slice taken = FH_NONE;
    struct fh_key_text drawn;

    if (name.len == 0 || name.len > KEY_NAME_MAX_LEN || plan.len > KEY_NAME_MAX_LEN) {
        return FH_E_LIMIT;
    }
    FH_TRY(tx_begin(&tx, store, true));
    enum fh_rc rc = get(&tx, store->names, name, &taken);

    if (rc != FH_E_MISSING) {
        return rc == FH_OK ? FH_E_CONFLICT : rc;
    }
    fh_policy_encode_names(&names, models.list, models.count);
    if (names.failed || models.count > UINT16_MAX) {
        return FH_E_LIMIT;
    }
    fh_key_text_draw(&drawn);
    struct fh_sha256 hash = fh_key_text_hash(&drawn);
    struct fh_policy_key key = {
        .id = fh_cstr(drawn.id),
        .name = name,
        .plan = plan,
        .created_us = created_us,
        .models = fh_buf_slice(&names),
        .model_count = (uint16_t)models.count,
        .aws_id = fh_cstr(drawn.aws_id),
        .aws_secret = fh_cstr(drawn.aws_secret),
    };

    struct fh_slice at = fh_slice(hash.bytes, sizeof(hash.bytes));

    fh_policy_encode_key(&record, &key);
    FH_ASSERT(!record.failed);
    rc = put(&tx, store->keys, at, fh_buf_slice(&record));
    if (rc == FH_OK) {
        rc = put(&tx, store->aws, key.aws_id, at);
    }
    if (rc == FH_OK) {
        rc = put(&tx, store->names, name, at);
    }
    if (rc == FH_OK) {
        rc = tx_commit(&tx);
    }
    if (rc == FH_OK) {
        *text = drawn;
    }
    fh_wipe(record.ptr, record.len);
    fh_wipe(&drawn, sizeof(drawn));
    return rc;
}

/* mark_revoked writes the key under `hash` as revoked, and frees its name. */
static enum fh_rc mark_revoked(struct tx *tx, const struct fh_sha256 *hash)
{
    FH_AUTO(fh_buf_fini) struct fh_buf record = fh_buf_on_heap(FH_POLICY_RECORD_MAX);
    struct fh_slice at = fh_slice(hash->bytes, sizeof(hash->bytes));
    struct fh_slice old = FH_NONE;
    struct fh_policy_key key;

    FH_TRY(get(tx, tx->store->keys, at, &old));
    FH_TRY(fh_policy_decode_key(&key, old));
    MDB_val name = val_of(key.name);

    key.revoked = true;
    fh_policy_encode_key(&record, &key);
    FH_ASSERT(!record.failed);
    FH_TRY(outcome(tx->store, mdb_del(tx->txn, tx->store->names, &name, NULL)));
    enum fh_rc rc = put(tx, tx->store->keys, at, fh_buf_slice(&record));

    fh_wipe(record.ptr, record.len);
    return rc;
}

static void copy_hash(struct fh_sha256 *hash, struct fh_slice from)
{
    FH_ASSERT(from.len == sizeof(hash->bytes));
    memcpy(hash->bytes, from.ptr, sizeof(hash->bytes));
}

/* find_by_id walks over all keys. A name that turns up on the way is one that was in use:
 * FH_E_CONFLICT. */
static enum fh_rc find_by_id(struct tx *tx, struct fh_slice id, struct fh_sha256 *hash)
{
    FH_AUTO(walk_end) struct walk walk = {0};
    bool was_revoked = false;
    enum fh_rc rc;

    while ((rc = walk_next(tx, &walk)) == FH_OK) {
        if (fh_eq(walk.key.id, id)) {
            copy_hash(hash, walk.hash);
            return walk.key.revoked ? FH_E_CONFLICT : FH_OK;
        }
        was_revoked = was_revoked || fh_eq(walk.key.name, id);
    }
    return rc == FH_E_MISSING && was_revoked ? FH_E_CONFLICT : rc;
}

static enum fh_rc find_key(struct tx *tx, struct fh_slice id_or_name, struct fh_sha256 *hash)
{
    struct fh_slice at = FH_NONE;

    if (id_or_name.len == 0 || id_or_name.len > KEY_NAME_MAX_LEN) {
        return FH_E_MISSING;
    }
    enum fh_rc rc = get(tx, tx->store->names, id_or_name, &at);

    if (rc == FH_OK) {
        copy_hash(hash, at);
    }
    return rc == FH_E_MISSING ? find_by_id(tx, id_or_name, hash) : rc;
}

enum fh_rc fh_store_key_revoke(struct fh_store *store, struct fh_slice id_or_name)
{
    FH_AUTO(tx_end) struct tx tx = {0};
    struct fh_sha256 hash;

    FH_TRY(tx_begin(&tx, store, true));
    FH_TRY(find_key(&tx, id_or_name, &hash));
    FH_TRY(mark_revoked(&tx, &hash));
    return tx_commit(&tx);
}

static int by_creation(const void *a, const void *b)
{
    const struct fh_policy_key *x = a;
    const struct fh_policy_key *y = b;

    if (x->created_us != y->created_us) {
        return x->created_us < y->created_us ? -1 : 1;
    }
    return fh_compare(x->id, y->id);
}

enum fh_rc fh_store_keys(struct fh_store *store, struct fh_arena *arena,
                         struct fh_store_keys *out)
{
    FH_AUTO(tx_end) struct tx tx = {0};
    FH_AUTO(walk_end) struct walk walk = {0};
    struct fh_store_keys keys = {0};
    MDB_stat stat;
    enum fh_rc rc;

    FH_TRY(tx_begin(&tx, store, false));
    FH_TRY(outcome(store, mdb_stat(tx.txn, store->keys, &stat)));
    keys.list = fh_arena_alloc(arena, fh_max(stat.ms_entries, 1) * sizeof(keys.list[0]));
    while ((rc = walk_next(&tx, &walk)) == FH_OK) {
        struct fh_policy_key *key = &keys.list[keys.count++];

        *key = walk.key;
        key->id = fh_dup(arena, key->id);
        key->name = fh_dup(arena, key->name);
        key->plan = fh_dup(arena, key->plan);
        key->models = fh_dup(arena, key->models);
        key->aws_id = fh_dup(arena, key->aws_id);
        key->aws_secret = FH_NONE;
    }
    if (rc != FH_E_MISSING) {
        return rc;
    }
    qsort(keys.list, keys.count, sizeof(keys.list[0]), by_creation);
    *out = keys;
    return FH_OK;
}

int fh_store_sweep(struct fh_store *store)
{
    int dead = 0;

    return mdb_reader_check(store->env, &dead) == 0 ? dead : 0;
}

uint64_t fh_store_generation(const struct fh_store *store)
{
    MDB_envinfo info;
    int error = mdb_env_info(store->env, &info);

    FH_ASSERT(error == 0);
    return info.me_last_txnid;
}
