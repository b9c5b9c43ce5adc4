/* media.c: data: URLs.
 * SPDX-License-Identifier: Apache-2.0 */
#include "chat/media.h"

bool fh_data_url_split(struct fh_slice url, struct fh_slice *media_type, struct fh_slice *data)
{
    struct fh_slice mark = FH_LIT(";base64");

    if (!fh_take(&url, FH_LIT("data:"))) {
        return false;
    }
    size_t comma = fh_find(url, ',');
    struct fh_slice head = fh_head(url, comma);

    if (comma == url.len || !fh_ends(head, mark) || head.len == mark.len) {
        return false;
    }
    *media_type = fh_head(head, head.len - mark.len);
    *data = fh_tail(url, comma + 1);
    return true;
}

struct fh_slice fh_data_url(struct fh_arena *arena, struct fh_slice media_type,
                            struct fh_slice data)
{
    struct fh_slice parts[] = {FH_LIT("data:"), media_type, FH_LIT(";base64,"), data};

    return fh_concat(arena, parts, FH_LEN(parts));
}
