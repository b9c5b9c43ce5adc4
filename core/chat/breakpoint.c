/* breakpoint.c: cache breakpoints, read and written.
 * SPDX-License-Identifier: Apache-2.0 */
#include "chat/breakpoint.h"

static const char *const lifetimes[] = {
    [FH_CACHE_5M] = "5m",
    [FH_CACHE_1H] = "1h",
};

bool fh_breakpoint_read(yyjson_val *control, enum fh_cache *cache)
{
    struct fh_slice type = fh_json_text(fh_json_get(control, FH_LIT("type")));
    struct fh_slice ttl = fh_json_text(fh_json_get(control, FH_LIT("ttl")));

    if (!fh_eq(type, FH_LIT("ephemeral"))) {
        return false;
    }
    if (yyjson_obj_size(control) == 1) {
        *cache = FH_CACHE_DEFAULT;
        return true;
    }
    for (size_t i = FH_CACHE_5M; i < FH_LEN(lifetimes); i++) {
        if (yyjson_obj_size(control) == 2 && fh_eq(ttl, fh_cstr(lifetimes[i]))) {
            *cache = (enum fh_cache)i;
            return true;
        }
    }
    return false;
}

void fh_breakpoint_write(struct fh_writer *w, yyjson_mut_val *obj, const char *key,
                         enum fh_cache cache)
{
    if (cache == FH_CACHE_NONE) {
        return;
    }
    yyjson_mut_val *control = yyjson_mut_obj_add_obj(w->doc, obj, key);

    fh_write_word(w, control, "type", "ephemeral");
    if (cache != FH_CACHE_DEFAULT) {
        fh_write_word(w, control, "ttl", lifetimes[cache]);
    }
}
