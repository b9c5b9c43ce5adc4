/*
 * recorded_chat.h: what dialects with `choices` have in common.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "recorded_dialect.h"

/* recorded_chat knows how a stream of such a dialect is put together, and what may be left out. */
struct recorded_dialect recorded_chat(const struct fh_dialect *dialect);
