/*
 * oauth.h: what token endpoints of OAuth 2.0 answer (RFC 6749, 5), and the metadata services that
 * answer alike.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "control/credentials/chain.h"

enum { FH_OAUTH_FORM_MAX = 1 << 16 };

/* fh_oauth_read takes the token out of an answer; `advice` is what would be right if it is none. */
enum fh_rc fh_oauth_read(struct fh_chain_work *work, const char *url,
                         const struct fh_http_answer *answer, const char *advice,
                         struct fh_credential *out);

/* fh_oauth_ask sends the form to a token endpoint and reads its answer. */
enum fh_rc fh_oauth_ask(struct fh_chain_work *work, const char *url, const struct fh_buf *form,
                        const char *advice, struct fh_credential *out);
