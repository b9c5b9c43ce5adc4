/* fuzz_url.c: what is taken apart has to say what the text said.
 * SPDX-License-Identifier: Apache-2.0 */
#include "wire/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_url(struct fh_slice text)
{
    struct fh_url url;
    struct fh_error why;

    if (fh_url_parse(&url, text, &why) != FH_OK) {
        FH_ASSERT(why.what != NULL && why.at <= text.len);
        return;
    }
    FH_ASSERT(url.port > 0 && url.host.len > 0);
    FH_ASSERT(fh_contains(url.authority, url.host) && fh_contains(text, url.authority));
    FH_ASSERT(url.path.len == 0 || (url.path.ptr[0] == '/' && !fh_ends(url.path, FH_LIT("/"))));
    FH_ASSERT(fh_contains(text, url.path));
}

static void check_segment(struct fh_slice text)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 20);
    struct fh_slice plain;

    if (fh_url_decode_segment(text, arena, &plain) == FH_OK) {
        FH_ASSERT(plain.len <= text.len && fh_utf8_ok(plain));
        FH_ASSERT(fh_find(plain, '\0') == plain.len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fh_slice text = fh_slice(data, size);

    check_url(text);
    check_segment(text);
    return 0;
}
