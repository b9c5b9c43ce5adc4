/*
 * breakpoint.h: {"type": "ephemeral", "ttl": "1h"}, as Anthropic's cache_control has it, and as
 * those say it who took it over.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "chat/write.h"

/* fh_breakpoint_read reads such an object.
 *
 * Returns  false when there is more or other in it than there is a field for; then it is an extra.
 */
FH_NODISCARD bool fh_breakpoint_read(yyjson_val *control, enum fh_cache *cache);

/* fh_breakpoint_write adds one as `key`, unless there is none. */
void fh_breakpoint_write(struct fh_writer *w, yyjson_mut_val *obj, const char *key,
                         enum fh_cache cache);
