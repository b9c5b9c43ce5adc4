/* media.c: the one form of data: URLs that is used for media.
 * SPDX-License-Identifier: Apache-2.0 */
#include "chat/media.h"

bool fh_data_url_split(struct fh_slice url, struct fh_slice *media_type, struct fh_slice *data)
{
    if (!fh_take(&url, FH_LIT("data:"))) {
        return false;
    }
    struct fh_slice type = fh_head(url, fh_find(fh_head(url, fh_find(url, ',')), ';'));

    url = fh_tail(url, type.len);
    if (type.len == 0 || !fh_take(&url, FH_LIT(";base64,"))) {
        return false;
    }
    *media_type = type;
    *data = url;
    return true;
}

struct fh_slice fh_data_url(struct fh_arena *arena, struct fh_slice media_type,
                            struct fh_slice data)
{
    struct fh_slice parts[] = {FH_LIT("data:"), media_type, FH_LIT(";base64,"), data};

    return fh_concat(arena, parts, FH_LEN(parts));
}
