/*
 * media.h: pictures and files that stand in a URL.
 *
 *     data:image/png;base64,iVBORw0…   ◀──▶   "image/png" and "iVBORw0…"
 *
 * Some dialects have a URL where others have a type and base64 beside each other. Only the form
 * above is parted (RFC 2397 knows others, nobody sends them), so what was parted and put
 * together again is what it was.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/base.h"

/* fh_data_url_split parts a data: URL. The media type has its parameters, if there are any.
 *
 * Returns  false when `url` is none, names no type, or is not base64; what the base64 holds is not
 *          looked at.
 */
FH_NODISCARD bool fh_data_url_split(struct fh_slice url, struct fh_slice *media_type,
                                    struct fh_slice *data);

/* fh_data_url puts one together, in `arena`. */
struct fh_slice fh_data_url(struct fh_arena *arena, struct fh_slice media_type,
                            struct fh_slice data);
