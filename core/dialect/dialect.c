/* dialect.c: all dialects, by number and by name.
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/dialect.h"

static const struct fh_dialect *const all[FH_DIALECTS] = {
    [FH_DIALECT_ANTHROPIC] = &fh_dialect_anthropic,
    [FH_DIALECT_OPENAI_CHAT] = &fh_dialect_openai_chat,
    [FH_DIALECT_OPENAI_RESPONSES] = &fh_dialect_openai_responses,
    [FH_DIALECT_BEDROCK] = &fh_dialect_bedrock,
    [FH_DIALECT_GEMINI] = &fh_dialect_gemini,
    [FH_DIALECT_MISTRAL] = &fh_dialect_mistral,
};

const struct fh_dialect *fh_dialect(enum fh_dialect_id id)
{
    FH_ASSERT(id < FH_DIALECTS);
    return all[id];
}

void fh_dialect_lose(const struct fh_chat_request *req, struct fh_loss *loss,
                     enum fh_field field, const char *why)
{
    fh_loss_add(loss, fh_dialect(req->dialect)->cells[field].pointer, why);
}

const struct fh_dialect *fh_dialect_by_name(struct fh_slice name)
{
    for (size_t i = 0; i < FH_LEN(all); i++) {
        if (all[i] != NULL && fh_eq(all[i]->name, name)) {
            return all[i];
        }
    }
    return NULL;
}
