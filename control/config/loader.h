/*
 * loader.h: what the parts of the config reader share: nodes with their places, complaints, and
 * reading a mapping by a table.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "control/config/config.h"
#include "control/config/keys.h"

#include <libfyaml.h>

struct fh_loader {
    struct fh_config *cfg;
    struct fh_findings *findings;
    struct fh_arena *arena;
    const char *state_dir;
};

/* The way from the top of the file to a value, as links on the stack of who reads it. */
struct fh_trail {
    const struct fh_trail *up;
    struct fh_slice name; /* empty: an element of a list */
    size_t index;
    struct fh_place at; /* of the name, or of what is nearest */
};

/* Which keys of a table a mapping had, and where their values stand. */
struct fh_given {
    uint32_t mask; /* bit: row of the table */
    struct fh_place at[FH_CONFIG_KEYS_MAX];
};

/* fh_loader_complain files an error about the value at the end of the trail; _note a note. */
FH_PRINTF(4, 5)
void fh_loader_complain(struct fh_loader *ld, const struct fh_trail *trail, struct fh_place at,
                        const char *fmt, ...);
FH_PRINTF(4, 5)
void fh_loader_note(struct fh_loader *ld, const struct fh_trail *trail, struct fh_place at,
                    const char *fmt, ...);

/* fh_loader_place says where a node begins; `otherwise` when it does not know. */
struct fh_place fh_loader_place(struct fy_node *node, struct fh_place otherwise);

/* fh_loader_scalar borrows a node's text.
 *
 * Returns  false when it is no scalar, or a reference to one (an alias).
 */
FH_NODISCARD bool fh_loader_scalar(struct fy_node *node, struct fh_slice *text);

/* fh_loader_is_absent says whether nothing was written behind the key. */
bool fh_loader_is_absent(struct fy_node *node);

/* fh_loader_map reads a mapping into the struct at `base`; keys that are missing get their normal
 * value. */
void fh_loader_map(struct fh_loader *ld, const struct fh_trail *trail, struct fy_node *node,
                   const struct fh_config_table *table, void *base, struct fh_given *given);

/* fh_loader_name checks the name of a provider or a model, at the end of the trail. */
FH_NODISCARD bool fh_loader_name(struct fh_loader *ld, const struct fh_trail *trail);

/* fh_given_at says where the value of a key stands; false when it was not given. */
FH_NODISCARD bool fh_given_at(const struct fh_given *given, const struct fh_config_table *table,
                              const char *key, struct fh_place *at);

/* Each reads one key of the top level: places.c. */
void fh_loader_providers(struct fh_loader *ld, const struct fh_trail *trail,
                         struct fy_node *node);
void fh_loader_models(struct fh_loader *ld, const struct fh_trail *trail, struct fy_node *node);

/* fh_loader_credentials reads `credentials` of a provider: config_credentials.c.
 *
 * Returns  false when it makes no sense, which was complained of.
 */
FH_NODISCARD bool fh_loader_credentials(struct fh_loader *ld, const struct fh_trail *trail,
                                        struct fy_node *node,
                                        struct fh_credential_settings *out);

/* fh_loader_listens and fh_loader_resolver: addresses.c. */
void fh_loader_listens(struct fh_loader *ld, const struct fh_trail *trail, struct fy_node *node,
                       struct fh_config_listens *out);
void fh_loader_resolver(struct fh_loader *ld, const struct fh_trail *trail,
                        struct fy_node *node, struct fh_config_texts *out);
