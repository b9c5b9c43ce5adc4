/*
 * mistral.h: what the files of Mistral's dialect share. It is a flavour of OpenAI's Chat
 * Completions (openai_chat/openai_chat.h); here is what differs.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "dialect/openai_chat/openai_chat.h"

/* mistral_ledger.c: the cells of mistral_ledger.def. */
extern const struct fh_cell fh_mistral_cells[FH_FIELDS];

/* mistral_part.c: kinds of parts that OpenAI does not have, or has in another form. */
enum { FH_MISTRAL_PARTS = 4 };
extern const struct fh_openai_chat_part fh_mistral_parts[FH_MISTRAL_PARTS];
bool fh_mistral_write_part(struct fh_writer *w, const struct fh_block *block,
                           yyjson_mut_val *parts);

/* fh_mistral_call_id gives the id under which Mistral's API takes a call: nine letters and digits.
 * An id that is none becomes one, the same each time. */
struct fh_slice fh_mistral_call_id(struct fh_arena *arena, struct fh_slice id);

/* mistral_fault.c: errors and models, as its clients expect them. */
void fh_mistral_encode_fault(struct fh_buf *out, struct fh_arena *scratch,
                             struct fh_slice request_id, const struct fh_fault *fault,
                             enum fh_framing framing);
void fh_mistral_encode_models(struct fh_buf *out, struct fh_arena *scratch,
                              const struct fh_listing *list);
