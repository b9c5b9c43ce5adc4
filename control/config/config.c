/* config.c: walks the nodes of freehold.yaml by the tables, and goes on after each complaint.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/config/config.h"

#include "control/config/loader.h"
#include "control/config/units.h"
#include "control/file.h"
#include "control/suggest.h"

#include "base/text.h"

#include <errno.h>

enum { FILE_MAX_BYTES = 1 << 20, TEXT_MAX_LEN = 1024, NAME_MAX_LEN = 128, KEY_MAX_LEN = 512 };

/* ---- complaints ---- */

static void print_trail(struct fh_buf *out, const struct fh_trail *trail)
{
    const struct fh_trail *way[16];
    size_t count = 0;

    for (; trail != NULL && count < FH_LEN(way); trail = trail->up) {
        way[count++] = trail;
    }
    while (count-- > 0) {
        if (way[count]->name.len > 0) {
            fh_buf_append(out, out->len > 0 ? FH_LIT(".") : FH_NONE);
            fh_buf_append(out, way[count]->name);
        } else {
            fh_buf_printf(out, "[%zu]", way[count]->index);
        }
    }
}

FH_PRINTF(5, 0)
static void file_finding(struct fh_loader *ld, const struct fh_trail *trail, struct fh_place at,
                         bool is_note, const char *fmt, va_list args)
{
    struct fh_buf key = fh_buf_in_arena(ld->arena, KEY_MAX_LEN);

    print_trail(&key, trail);
    fh_findings_vadd(ld->findings, at, fh_buf_slice(&key), is_note, fmt, args);
}

void fh_loader_complain(struct fh_loader *ld, const struct fh_trail *trail, struct fh_place at,
                        const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    file_finding(ld, trail, at, false, fmt, args);
    va_end(args);
}

void fh_loader_note(struct fh_loader *ld, const struct fh_trail *trail, struct fh_place at,
                    const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    file_finding(ld, trail, at, true, fmt, args);
    va_end(args);
}

/* ---- nodes ---- */

/* first_in gives the first key or element of what has no token of its own. */
static struct fy_node *first_in(struct fy_node *node)
{
    void *at = NULL;

    if (fy_node_is_sequence(node)) {
        return fy_node_sequence_iterate(node, &at);
    }
    struct fy_node_pair *pair = fy_node_mapping_iterate(node, &at);

    return pair == NULL ? NULL : fy_node_pair_key(pair);
}

struct fh_place fh_loader_place(struct fy_node *node, struct fh_place otherwise)
{
    while (node != NULL && !fy_node_is_scalar(node)) {
        node = first_in(node);
    }
    struct fy_token *token = node == NULL ? NULL : fy_node_get_scalar_token(node);
    const struct fy_mark *mark = token == NULL ? NULL : fy_token_start_mark(token);

    if (mark == NULL) {
        return otherwise;
    }
    /* libfyaml counts from 0, and marks a quoted text behind its quote */
    bool quoted = fy_node_get_style(node) == FYNS_SINGLE_QUOTED ||
                  fy_node_get_style(node) == FYNS_DOUBLE_QUOTED;

    return (struct fh_place){(uint32_t)mark->line + 1,
                             (uint32_t)mark->column + (quoted && mark->column > 0 ? 0 : 1)};
}

bool fh_loader_scalar(struct fy_node *node, struct fh_slice *text)
{
    size_t len = 0;

    if (node == NULL || !fy_node_is_scalar(node) || fy_node_is_alias(node)) {
        return false;
    }
    const char *bytes = fy_node_get_scalar(node, &len);

    *text = fh_slice(bytes, bytes == NULL ? 0 : len);
    return true;
}

bool fh_loader_is_absent(struct fy_node *node)
{
    struct fh_slice text = FH_NONE;

    return node == NULL || (fh_loader_scalar(node, &text) && text.len == 0 &&
                            fy_node_get_style(node) == FYNS_PLAIN);
}

bool fh_loader_name(struct fh_loader *ld, const struct fh_trail *trail)
{
    struct fh_slice name = trail->name;
    bool ok = name.len > 0 && name.len <= NAME_MAX_LEN;

    for (size_t i = 0; ok && i < name.len; i++) {
        uint8_t c = name.ptr[i];

        ok = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
             fh_find(FH_LIT("-._:/@+"), c) < 7;
    }
    if (!ok) {
        fh_loader_complain(ld, trail, trail->at,
                           "a name has 1 to %d letters, digits and -._:/@+", NAME_MAX_LEN);
    }
    return ok;
}

bool fh_given_at(const struct fh_given *given, const struct fh_config_table *table,
                 const char *key, struct fh_place *at)
{
    for (size_t i = 0; i < table->count; i++) {
        if (strcmp(table->keys[i].name, key) == 0) {
            if ((given->mask >> i & 1U) == 0) {
                return false;
            }
            *at = given->at[i];
            return true;
        }
    }
    FH_ASSERT(false && "the table has such a key");
    return false;
}

/* ---- values ---- */

/* parse reads a number of any kind; bounds and normal values go through it as well. */
static bool parse(enum fh_config_kind kind, struct fh_slice text, uint64_t *value)
{
    if (kind == FH_CONFIG_BYTES) {
        return fh_units_parse_bytes(text, value);
    }
    if (kind == FH_CONFIG_MILLIS) {
        return fh_units_parse_ms(text, value);
    }
    if (kind == FH_CONFIG_WORKERS && fh_eq(text, FH_LIT("auto"))) {
        *value = 0;
        return true;
    }
    return fh_parse_u64(text, value);
}

static uint64_t bound(const char *text, enum fh_config_kind kind)
{
    uint64_t value = 0;
    bool ok = parse(kind, fh_cstr(text), &value);

    FH_ASSERT(ok); /* the tables are ours */
    return value;
}

static void store(const struct fh_config_key *key, void *base, uint64_t value)
{
    uint8_t *field = (uint8_t *)base + key->offset;
    uint32_t narrow = (uint32_t)value;

    if (key->kind == FH_CONFIG_BYTES) {
        memcpy(field, &value, sizeof(value));
    } else {
        FH_ASSERT(value <= UINT32_MAX);
        memcpy(field, &narrow, sizeof(narrow));
    }
}

static void set_number(struct fh_loader *ld, const struct fh_trail *trail, struct fh_place at,
                       const struct fh_config_key *key, struct fh_slice text, void *base)
{
    bool is_auto = key->kind == FH_CONFIG_WORKERS && fh_eq(text, FH_LIT("auto"));
    uint64_t value = 0;

    if (!parse(key->kind, text, &value)) {
        if (key->kind == FH_CONFIG_BYTES || key->kind == FH_CONFIG_MILLIS) {
            fh_loader_complain(
                ld, trail, at, "needs a number and a unit, such as %s (units: %s)", key->normal,
                key->kind == FH_CONFIG_BYTES ? "B, KiB, MiB, GiB" : "ms, s, min, h");
        } else {
            fh_loader_complain(ld, trail, at, "needs a whole number%s, such as %s",
                               key->kind == FH_CONFIG_WORKERS ? " or auto" : "", key->normal);
        }
    } else if (!is_auto &&
               (value < bound(key->min, key->kind) || value > bound(key->max, key->kind))) {
        fh_loader_complain(ld, trail, at, "must lie between %s and %s", key->min, key->max);
    } else {
        store(key, base, value);
    }
}

static void set_text(const struct fh_config_key *key, void *base, struct fh_slice text)
{
    memcpy((uint8_t *)base + key->offset, &text, sizeof(text));
}

/* from_config makes a path that is relative to the config's directory absolute enough. */
static struct fh_slice from_config(struct fh_loader *ld, struct fh_slice path)
{
    struct fh_slice file = ld->findings->file;
    size_t dir = file.len;

    while (dir > 0 && file.ptr[dir - 1] != '/') {
        dir--;
    }
    struct fh_slice parts[] = {fh_head(file, dir), path};

    return path.len > 0 && path.ptr[0] == '/' ? fh_dup(ld->arena, path)
                                              : fh_concat(ld->arena, parts, FH_LEN(parts));
}

static bool is_variable(struct fh_slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.ptr[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
              (i > 0 && c >= '0' && c <= '9'))) {
            return false;
        }
    }
    return name.len > 0;
}

/* set_secret takes a reference only. What else may stand there is not repeated: it is a secret. */
static void set_secret(struct fh_loader *ld, const struct fh_trail *trail, struct fh_place at,
                       const struct fh_config_key *key, struct fh_slice text, void *base)
{
    struct fh_slice rest = text;

    if (fh_take(&rest, FH_LIT("env:"))) {
        if (!is_variable(rest)) {
            fh_loader_complain(ld, trail, at,
                               "needs the name of a variable behind env:, such as "
                               "env:PROVIDER_API_KEY");
            return;
        }
        set_text(key, base, fh_dup(ld->arena, text));
    } else if (fh_take(&rest, FH_LIT("file:"))) {
        struct fh_slice parts[] = {FH_LIT("file:"), from_config(ld, rest)};

        if (rest.len == 0) {
            fh_loader_complain(ld, trail, at,
                               "needs a path behind file:, such as file:/etc/freehold/x.key");
            return;
        }
        set_text(key, base, fh_concat(ld->arena, parts, FH_LEN(parts)));
    } else {
        fh_loader_complain(ld, trail, at,
                           "a secret must not stand in the config (what stands here is not "
                           "repeated); say where it is: \"env:NAME\" or \"file:PATH\"");
    }
}

static void set_provider_kind(struct fh_loader *ld, const struct fh_trail *trail,
                              struct fh_place at, const struct fh_config_key *key,
                              struct fh_slice text, void *base)
{
    struct fh_suggest suggest = fh_suggest_for(text);
    enum fh_provider_kind kind = FH_PROVIDER_KINDS;
    struct fh_buf known = fh_buf_in_arena(ld->arena, TEXT_MAX_LEN);

    if (fh_provider_kind_by_name(text, &kind)) {
        set_text(key, base, fh_dup(ld->arena, text));
        return;
    }
    for (unsigned i = 0; i < FH_PROVIDER_KINDS; i++) {
        struct fh_slice name = fh_provider_preset((enum fh_provider_kind)i)->name;

        fh_suggest_offer(&suggest, name);
        fh_buf_append(&known, i == 0 ? FH_NONE : FH_LIT(", "));
        fh_buf_append(&known, name);
    }
    if (suggest.best.len > 0) {
        fh_loader_complain(ld, trail, at, "there is no such kind; did you mean %.*s?",
                           FH_ARG(suggest.best));
    } else {
        fh_loader_complain(ld, trail, at, "there is no such kind; there are %.*s",
                           FH_ARG(fh_buf_slice(&known)));
    }
}

static void set_scalar(struct fh_loader *ld, const struct fh_trail *trail, struct fy_node *node,
                       const struct fh_config_key *key, void *base)
{
    struct fh_place at = fh_loader_place(node, trail->at);
    struct fh_slice text = FH_NONE;

    if (!fh_loader_scalar(node, &text)) {
        fh_loader_complain(ld, trail, at, "needs a single value (%s)",
                           fh_config_kind_doc(key->kind));
        return;
    }
    if (text.len == 0 || text.len > TEXT_MAX_LEN || fh_find(text, '\n') < text.len) {
        fh_loader_complain(ld, trail, at, "needs one line of 1 to %d bytes", TEXT_MAX_LEN);
        return;
    }
    switch (key->kind) {
    case FH_CONFIG_BYTES:
    case FH_CONFIG_MILLIS:
    case FH_CONFIG_COUNT:
    case FH_CONFIG_WORKERS:
        set_number(ld, trail, at, key, text, base);
        break;
    case FH_CONFIG_TEXT:
    case FH_CONFIG_URL:
        set_text(key, base, fh_dup(ld->arena, text));
        break;
    case FH_CONFIG_FILE:
        set_text(key, base, from_config(ld, text));
        break;
    case FH_CONFIG_SECRET:
        set_secret(ld, trail, at, key, text, base);
        break;
    case FH_CONFIG_PROVIDER:
        set_provider_kind(ld, trail, at, key, text, base);
        break;
    case FH_CONFIG_LISTENS:
    case FH_CONFIG_RESOLVER:
    case FH_CONFIG_SECTION:
    case FH_CONFIG_PROVIDERS:
    case FH_CONFIG_MODELS:
    case FH_CONFIG_CREDENTIALS:
    case FH_CONFIG_ROUTES:
    case FH_CONFIG_KINDS:
        FH_ASSERT(false && "these are no scalars");
    }
}

static void set(struct fh_loader *ld, const struct fh_trail *trail, struct fy_node *node,
                const struct fh_config_key *key, void *base)
{
    struct fh_given given = {0};
    void *field = (uint8_t *)base + key->offset;

    switch (key->kind) {
    case FH_CONFIG_LISTENS:
        fh_loader_listens(ld, trail, node, field);
        break;
    case FH_CONFIG_RESOLVER:
        fh_loader_resolver(ld, trail, node, field);
        break;
    case FH_CONFIG_SECTION:
        fh_loader_map(ld, trail, node, key->table, base, &given);
        break;
    case FH_CONFIG_PROVIDERS:
    case FH_CONFIG_MODELS:
    case FH_CONFIG_CREDENTIALS:
    case FH_CONFIG_ROUTES:
        break; /* read in their own order: models name providers, routes name both */
    case FH_CONFIG_BYTES:
    case FH_CONFIG_MILLIS:
    case FH_CONFIG_COUNT:
    case FH_CONFIG_WORKERS:
    case FH_CONFIG_TEXT:
    case FH_CONFIG_FILE:
    case FH_CONFIG_SECRET:
    case FH_CONFIG_URL:
    case FH_CONFIG_PROVIDER:
        set_scalar(ld, trail, node, key, base);
        break;
    case FH_CONFIG_KINDS:
        FH_ASSERT(false && "a row has a kind");
    }
}

/* ---- mappings ---- */

/* set_normals gives every field of the table its normal value, sections included. */
static void set_normals(struct fh_loader *ld, const struct fh_config_table *table, void *base)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct fh_config_key *key = &table->keys[i];

        if (key->kind == FH_CONFIG_SECTION) {
            set_normals(ld, key->table, base);
        } else if (key->normal == NULL || key->kind == FH_CONFIG_RESOLVER) {
            continue;
        } else if (key->kind == FH_CONFIG_LISTENS) {
            struct fh_config_listens *out = (void *)((uint8_t *)base + key->offset);

            out->list = fh_new(ld->arena, struct fh_config_listen);
            out->list[0] =
                (struct fh_config_listen){fh_cstr(key->normal), FH_LIT("127.0.0.1"), 8080};
            out->count = 1;
        } else if (key->kind == FH_CONFIG_TEXT) {
            set_text(key, base, fh_cstr(key->normal));
        } else {
            store(key, base, bound(key->normal, key->kind));
        }
    }
}

static const struct fh_config_key *find_key(struct fh_loader *ld, const struct fh_trail *trail,
                                            const struct fh_config_table *table)
{
    struct fh_suggest suggest = fh_suggest_for(trail->name);
    struct fh_buf known = fh_buf_in_arena(ld->arena, TEXT_MAX_LEN);

    for (size_t i = 0; i < table->count; i++) {
        if (fh_eq(fh_cstr(table->keys[i].name), trail->name)) {
            return &table->keys[i];
        }
        fh_suggest_offer(&suggest, fh_cstr(table->keys[i].name));
        fh_buf_printf(&known, "%s%s", i == 0 ? "" : ", ", table->keys[i].name);
    }
    if (suggest.best.len > 0) {
        fh_loader_complain(ld, trail, trail->at, "there is no such key; did you mean %.*s?",
                           FH_ARG(suggest.best));
    } else {
        fh_loader_complain(ld, trail, trail->at, "there is no such key; there are %.*s",
                           FH_ARG(fh_buf_slice(&known)));
    }
    return NULL;
}

void fh_loader_map(struct fh_loader *ld, const struct fh_trail *trail, struct fy_node *node,
                   const struct fh_config_table *table, void *base, struct fh_given *given)
{
    struct fh_trail end = {.up = trail};
    void *at = NULL;

    if (trail != NULL) {
        set_normals(ld, table, base);
    }
    if (fh_loader_is_absent(node)) {
        return;
    }
    if (!fy_node_is_mapping(node)) {
        fh_loader_complain(ld, trail,
                           fh_loader_place(node,
                                           trail == NULL ? (struct fh_place){1, 1} : trail->at),
                           "needs keys and values, such as %s: …", table->keys[0].name);
        return;
    }
    for (struct fy_node_pair *pair; (pair = fy_node_mapping_iterate(node, &at)) != NULL;) {
        struct fy_node *value = fy_node_pair_value(pair);

        end.at = fh_loader_place(fy_node_pair_key(pair),
                                 trail == NULL ? (struct fh_place){1, 1} : trail->at);
        if (!fh_loader_scalar(fy_node_pair_key(pair), &end.name)) {
            end.name = FH_NONE;
            fh_loader_complain(ld, trail, end.at, "a key is a plain word");
            continue;
        }
        const struct fh_config_key *key = find_key(ld, &end, table);

        if (key == NULL) {
            continue;
        }
        size_t row = (size_t)(key - table->keys);

        if ((given->mask >> row & 1U) != 0) {
            fh_loader_complain(ld, &end, end.at, "stands here twice, first in line %u",
                               given->at[row].line);
            continue;
        }
        if (fh_loader_is_absent(value)) {
            continue;
        }
        given->mask |= 1U << row;
        given->at[row] = fh_loader_place(value, end.at);
        set(ld, &end, value, key, base);
    }
}

/* ---- the file ---- */

static void check_usage(struct fh_loader *ld)
{
    const struct fh_config *cfg = ld->cfg;
    struct fh_trail top = {.name = FH_LIT("models"), .at = {1, 1}};

    if (cfg->models.count == 0 && ld->findings->errors == 0) {
        fh_loader_note(ld, &top, top.at, "there are none, so every request will be refused");
    }
    for (size_t i = 0; i < cfg->providers.count; i++) {
        const struct fh_config_provider *p = &cfg->providers.list[i];
        struct fh_trail up = {.name = FH_LIT("providers")};
        struct fh_trail end = {.up = &up, .name = p->to.name};

        if (!p->used && ld->findings->errors == 0) {
            fh_loader_note(ld, &end, p->at, "no model has a route to it");
        }
    }
}

static void read_root(struct fh_loader *ld, struct fy_node *root)
{
    struct fh_given given = {0};

    set_normals(ld, &fh_config_root, ld->cfg);
    fh_loader_map(ld, NULL, root, &fh_config_root, ld->cfg, &given);

    static const struct {
        const char *name;
        void (*read)(struct fh_loader *, const struct fh_trail *, struct fy_node *);
    } in_order[] = {{"providers", fh_loader_providers}, {"models", fh_loader_models}};

    for (size_t i = 0; i < FH_LEN(in_order); i++) {
        struct fh_trail end = {.name = fh_cstr(in_order[i].name)};

        if (fh_given_at(&given, &fh_config_root, in_order[i].name, &end.at)) {
            in_order[i].read(ld, &end,
                             fy_node_mapping_lookup_by_string(root, in_order[i].name, FY_NT));
        }
    }
    check_usage(ld);
}

static void report_diagnostics(struct fh_findings *findings, struct fy_diag *diag)
{
    void *at = NULL;
    uint32_t before = findings->errors;

    for (struct fy_diag_error *e; (e = fy_diag_errors_iterate(diag, &at)) != NULL;) {
        struct fh_place place = {e->line < 1 ? 1 : (uint32_t)e->line,
                                 e->column < 1 ? 1 : (uint32_t)e->column};

        fh_findings_add(findings, place, FH_NONE, false, "this is no YAML: %s", e->msg);
    }
    if (findings->errors == before) {
        fh_findings_add(findings, (struct fh_place){1, 1}, FH_NONE, false,
                        "the file is empty; examples/freehold.yaml is a beginning");
    }
}

/* check_text finds what YAML would pass over in silence: bytes that are no UTF-8, and NULs. */
static bool check_text(struct fh_findings *findings, struct fh_slice text)
{
    struct fh_slice line = FH_NONE;

    for (uint32_t number = 1; fh_split(&text, '\n', &line); number++) {
        if (!fh_utf8_ok(line) || fh_find(line, '\0') < line.len) {
            fh_findings_add(findings, (struct fh_place){number, 1}, FH_NONE, false,
                            "there are bytes in this line that are no text (UTF-8)");
            return false;
        }
    }
    return true;
}

enum fh_rc fh_config_read(struct fh_config *cfg, struct fh_findings *findings,
                          struct fh_slice text, const char *state_dir)
{
    struct fh_loader ld = {cfg, findings, findings->arena, state_dir};

    *cfg = (struct fh_config){0};
    if (!check_text(findings, text)) {
        return FH_E_SYNTAX;
    }
    struct fy_diag_cfg quiet;

    fy_diag_cfg_default(&quiet);
    quiet.fp = NULL;
    struct fy_diag *diag = fy_diag_create(&quiet);

    FH_ASSERT(diag != NULL);
    fy_diag_set_collect_errors(diag, true);
    struct fy_parse_cfg how = {
        .flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_ALLOW_DUPLICATE_KEYS,
        .diag = diag,
    };
    struct fy_document *doc =
        fy_document_build_from_string(&how, text.len == 0 ? "" : (const char *)text.ptr,
                                      text.len);

    if (doc == NULL || fy_document_root(doc) == NULL) {
        report_diagnostics(findings, diag);
    } else {
        read_root(&ld, fy_document_root(doc));
    }
    fy_document_destroy(doc);
    fy_diag_destroy(diag);
    return findings->errors == 0 ? FH_OK : FH_E_SYNTAX;
}

enum fh_rc fh_config_load(struct fh_config *cfg, struct fh_findings *findings,
                          struct fh_arena *arena, const char *path, const char *state_dir)
{
    struct fh_slice text = FH_NONE;

    *findings = (struct fh_findings){.arena = arena, .file = fh_dup(arena, fh_cstr(path))};
    if (fh_file_read(path, arena, FILE_MAX_BYTES, &text) != FH_OK) {
        fh_findings_add(
            findings, (struct fh_place){1, 1}, FH_NONE, false, "it cannot be read: %s",
            strerror(errno)); /* NOLINT(concurrency-mt-unsafe): there is one thread */
        return FH_E_SYSTEM;
    }
    return fh_config_read(cfg, findings, text, state_dir);
}
