/*
 * embeddings_table.h: what reading and writing look up in the rows of embeddings_fields.def.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "dialect/embeddings/embeddings.h"

enum { FH_EMBED_DEPTH_MAX = 64 }; /* of JSON inside one another */

/* How a member's value looks. */
enum fh_embed_look {
    FH_EMBED_LOOK_NUMBER,
    FH_EMBED_LOOK_TEXT,
    FH_EMBED_LOOK_WORD, /* a string, true or false, or a list with one string in it */
};

enum fh_embed_look fh_embed_look(enum fh_embed_slot slot);

/* fh_embed_slot_at finds the slot that a shape has at a path; FH_EMBED_SLOT_NONE when it has
 * none. */
enum fh_embed_slot fh_embed_slot_at(enum fh_embed_shape shape, const struct fh_path *at);

/* fh_embed_leads_on says whether a slot's place lies inside the object at `at`. */
FH_NODISCARD bool fh_embed_leads_on(enum fh_embed_shape shape, const struct fh_path *at);

/* fh_embed_place gives where a provider's model is told of a slot: a pointer into the object that
 * asks for one text, or the body. Empty: nowhere. */
struct fh_slice fh_embed_place(enum fh_embed_shape shape, enum fh_embed_slot slot,
                               struct fh_slice model);

/* fh_embed_field_of finds which row of a slot a client means. */
enum fh_embed_field fh_embed_field_of(enum fh_embed_shape shape, enum fh_embed_slot slot,
                                      yyjson_val *value);

/* fh_embed_word gives how a shape spells a field; empty when it has no word for it. */
struct fh_slice fh_embed_word(enum fh_embed_shape shape, enum fh_embed_field field);

/* fh_embed_is_listed says whether the words of a slot stand in a list. */
FH_NODISCARD bool fh_embed_is_listed(enum fh_embed_shape shape, enum fh_embed_slot slot);

/* fh_embed_is_gemini says whether a request is made of EmbedContentRequests. */
static inline bool fh_embed_is_gemini(enum fh_embed_shape shape)
{
    return shape == FH_EMBED_GEMINI || shape == FH_EMBED_GEMINI_ONE;
}

/* Room for what lies between two forms of a vector, used again for each. */
struct fh_embed_draft {
    struct fh_buf bytes, text; /* in the arena in which the vectors are to live */
};

/* fh_embed_unpack turns base64 of packed numbers into the text of a list, fh_embed_pack a list
 * into base64.
 *
 * Returns  FH_E_TYPE when it is not that, or a number has no counterpart.
 */
enum fh_rc fh_embed_unpack(struct fh_slice packed, struct fh_embed_draft *draft,
                           struct fh_slice *list);
enum fh_rc fh_embed_pack(struct fh_slice list, struct fh_embed_draft *draft,
                         struct fh_slice *packed);

/* fh_embed_read_usage reads the object, or Titan's number, in which a shape counts tokens. */
void fh_embed_read_usage(struct fh_usage *usage, enum fh_embed_shape shape, yyjson_val *value);
