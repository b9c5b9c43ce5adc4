/*
 * seal.h: signatures that cross a dialect in which their signer is not at home.
 *
 * A model signs its thinking, and wants the signature back with the next request, to the byte. A
 * client of another dialect has a place for opaque text (a thought's signature, encrypted
 * reasoning), but what it sends back could then be anybody's. So on its way to such a client a
 * signature is sealed, which says whose it is; on its way back the seal is broken. Within the
 * signer's own family nothing is sealed: Anthropic's API, Bedrock and Vertex take one another's.
 *
 *     EpgBCk…  ──write, signer CLAUDE──▶  base64("fh1:claude:EpgBCk…")  ──read──▶  EpgBCk…, CLAUDE
 *
 * The sealed form is itself base64, since some clients decode such members and encode them again.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/base.h"

enum fh_signer {
    FH_SIGNER_UNKNOWN, /* goes only to where it came from */
    FH_SIGNER_CLAUDE,
    FH_SIGNER_GEMINI,
    FH_SIGNER_OPENAI,
    FH_SIGNERS,
};

/* fh_seal_write appends the signature as it is for a client at home with `home`, else sealed. */
void fh_seal_write(struct fh_buf *out, enum fh_signer home, enum fh_signer signer,
                   struct fh_slice signature);

/* fh_seal_read takes what a client at home with `home` sent back. What bears no seal is its home's.
 *
 * Owns     the signature lies in `arena` if it was sealed, else it is `text` itself.
 */
struct fh_slice fh_seal_read(struct fh_arena *arena, enum fh_signer home, struct fh_slice text,
                             enum fh_signer *signer);

/* fh_seal_maybe_in says whether a JSON text may have sealed signatures in it: then it cannot go
 * to a provider as it is. It looks for how a seal begins, and may be wrong about what only
 * looks so. */
FH_NODISCARD bool fh_seal_maybe_in(struct fh_slice json);
