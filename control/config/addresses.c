/* addresses.c: where Freehold listens, and whom it asks for names.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/config/loader.h"

#include "wire/url.h"

enum { ADDRESS_MAX_LEN = 300, LISTS_MAX = 16 };

/* split takes "host:port" apart with the parser of URLs, which knows what a host is. */
static bool split(struct fh_arena *arena, struct fh_slice text, struct fh_url *url,
                  bool *has_port)
{
    struct fh_slice parts[] = {FH_LIT("http://"), text};
    struct fh_error why;

    if (text.len == 0 || text.len > ADDRESS_MAX_LEN ||
        fh_url_parse(url, fh_concat(arena, parts, FH_LEN(parts)), &why) != FH_OK ||
        fh_find(text, '/') < text.len) {
        return false;
    }
    *has_port =
        text.ptr[0] == '[' ? !fh_ends(text, FH_LIT("]")) : fh_find(text, ':') < text.len;
    return true;
}

static bool is_loopback(struct fh_slice host)
{
    return fh_starts(host, FH_LIT("127.")) || fh_eq(host, FH_LIT("::1")) ||
           fh_eq(host, FH_LIT("localhost"));
}

static void add_listen(struct fh_loader *ld, const struct fh_trail *trail, struct fy_node *node,
                       struct fh_config_listens *out)
{
    struct fh_place at = fh_loader_place(node, trail->at);
    struct fh_slice text = FH_NONE;
    struct fh_slice rest = FH_NONE;
    struct fh_url url = {0};
    bool has_port = false;

    if (!fh_loader_scalar(node, &text)) {
        fh_loader_complain(ld, trail, at,
                           "needs an address and a port, such as 127.0.0.1:8080");
        return;
    }
    rest = text;
    bool any = fh_take(&rest, FH_LIT("*:"));
    struct fh_slice parts[] = {FH_LIT("0.0.0.0:"), rest};

    if (!split(ld->arena, any ? fh_concat(ld->arena, parts, FH_LEN(parts)) : text, &url,
               &has_port) ||
        !has_port) {
        fh_loader_complain(ld, trail, at,
                           "needs an address and a port, such as 127.0.0.1:8080, [::1]:8080 or "
                           "*:8080");
        return;
    }
    for (size_t i = 0; i < out->count; i++) {
        if (fh_eq(out->list[i].text, text)) {
            fh_loader_complain(ld, trail, at, "is listed twice");
            return;
        }
    }
    if (!is_loopback(url.host)) {
        fh_loader_note(ld, trail, at,
                       "other machines can connect, and keys then travel unencrypted unless "
                       "something in front of Freehold does TLS");
    }
    out->list[out->count++] = (struct fh_config_listen){
        .text = fh_dup(ld->arena, text),
        .host = any ? FH_LIT("*") : url.host,
        .port = url.port,
    };
}

void fh_loader_listens(struct fh_loader *ld, const struct fh_trail *trail, struct fy_node *node,
                       struct fh_config_listens *out)
{
    void *at = NULL;

    *out = (struct fh_config_listens){0};
    out->list = fh_arena_alloc(ld->arena, LISTS_MAX * sizeof(out->list[0]));
    if (!fy_node_is_sequence(node)) {
        add_listen(ld, trail, node, out);
        return;
    }
    if (fy_node_sequence_item_count(node) < 1 ||
        fy_node_sequence_item_count(node) > LISTS_MAX) {
        fh_loader_complain(ld, trail, trail->at, "needs between 1 and %d addresses", LISTS_MAX);
        return;
    }
    for (struct fy_node *item; (item = fy_node_sequence_iterate(node, &at)) != NULL;) {
        add_listen(ld, trail, item, out);
    }
}

static void add_resolver(struct fh_loader *ld, const struct fh_trail *trail,
                         struct fy_node *node, struct fh_config_texts *out)
{
    struct fh_place at = fh_loader_place(node, trail->at);
    struct fh_slice text = FH_NONE;
    struct fh_url url = {0};
    bool has_port = false;

    if (!fh_loader_scalar(node, &text) || !split(ld->arena, text, &url, &has_port) ||
        !fh_url_is_address(url.host)) {
        fh_loader_complain(ld, trail, at,
                           "needs system, or addresses such as 10.0.0.2, 10.0.0.2:5353 or "
                           "[2001:db8::2]");
        return;
    }
    out->list[out->count++] = fh_dup(ld->arena, text);
}

void fh_loader_resolver(struct fh_loader *ld, const struct fh_trail *trail,
                        struct fy_node *node, struct fh_config_texts *out)
{
    struct fh_slice text = FH_NONE;
    void *at = NULL;

    *out = (struct fh_config_texts){0};
    if (fh_loader_scalar(node, &text) && fh_eq(text, FH_LIT("system"))) {
        return;
    }
    out->list = fh_arena_alloc(ld->arena, LISTS_MAX * sizeof(out->list[0]));
    if (!fy_node_is_sequence(node)) {
        add_resolver(ld, trail, node, out);
        return;
    }
    if (fy_node_sequence_item_count(node) < 1 ||
        fy_node_sequence_item_count(node) > LISTS_MAX) {
        fh_loader_complain(ld, trail, trail->at, "needs between 1 and %d addresses", LISTS_MAX);
        return;
    }
    for (struct fy_node *item; (item = fy_node_sequence_iterate(node, &at)) != NULL;) {
        add_resolver(ld, trail, item, out);
    }
}
