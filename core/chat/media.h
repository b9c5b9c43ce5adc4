/*
 * media.h: data: URLs, in which some dialects put the bytes of images and files.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/base.h"

/* fh_data_url_split takes `data:TYPE;base64,DATA` apart; both parts borrow from `url`.
 *
 * Returns  false for anything else, other forms of data: URLs among them.
 */
FH_NODISCARD bool fh_data_url_split(struct fh_slice url, struct fh_slice *media_type,
                                    struct fh_slice *data);

/* fh_data_url puts base64 text into a URL, in `arena`. */
struct fh_slice fh_data_url(struct fh_arena *arena, struct fh_slice media_type,
                            struct fh_slice data);
