/* test_nginx_conf.c: the whole file, for an old nginx and a new one.
 * SPDX-License-Identifier: Apache-2.0 */
#include "control/nginx_conf.h"
#include "tap.h"

static const char config[] =
    "listen: [127.0.0.1:8080, \"[::1]:8080\"]\n"
    "listen_http2: 127.0.0.1:8081\n"
    "workers: 2\n"
    "connections: 512\n"
    "providers:\n"
    "  l: {kind: local}\n"
    "  a: {kind: anthropic, key: \"env:A_KEY\"}\n"
    "  b: {kind: openai, key: \"env:B_KEY\"}\n"
    "  c: {kind: openai, key: \"env:A_KEY\"}\n"
    "  d: {kind: openai, key: \"file:/d.key\"}\n"
    "models: {m: {routes: [{provider: a}, {provider: b}, {provider: c}, {provider: d},\n"
    "                      {provider: l}]}}\n"
    "limits: {body_max: 1MiB}\n"
    "journal: {segment: 2MiB}\n";

static const char on_old[] =
    "# Written by Freehold at each start; changes here are lost.\n"
    "load_module \"/usr/lib/freehold/module.so\";\n"
    "daemon off;\n"
    "user freehold freehold;\n"
    "worker_processes 2;\n"
    "worker_rlimit_nofile 1024;\n"
    "pid \"/var/\\\"odd\\\"/run/nginx.pid\";\n"
    "error_log \"/var/\\\"odd\\\"/log/nginx.log\" notice;\n"
    "env A_KEY;\n"
    "env B_KEY;\n"
    "\n"
    "events {\n"
    "    worker_connections 512;\n"
    "}\n"
    "\n"
    "http {\n"
    "    access_log off;\n"
    "    server_tokens off;\n"
    "    tcp_nodelay on;\n"
    "    keepalive_requests 1000000;\n"
    "    lingering_close on;\n"
    "    merge_slashes off;\n"
    "    underscores_in_headers off;\n"
    "    client_header_buffer_size 2k;\n"
    "    large_client_header_buffers 8 16k;\n"
    "    client_max_body_size 1048576;\n"
    "    client_body_buffer_size 1048576;\n"
    "    client_body_temp_path \"/var/\\\"odd\\\"/run/body\";\n"
    "    proxy_temp_path \"/var/\\\"odd\\\"/run/proxy\";\n"
    "    fastcgi_temp_path \"/var/\\\"odd\\\"/run/fastcgi\";\n"
    "    scgi_temp_path \"/var/\\\"odd\\\"/run/scgi\";\n"
    "    resolver 10.0.0.2 [2001:db8::2];\n"
    "    resolver_timeout 5s;\n"
    "    freehold_state \"/var/\\\"odd\\\"\";\n"
    "    freehold_journal_segment 2097152;\n"
    "\n"
    "    server {\n"
    "        listen 127.0.0.1:8080;\n"
    "        listen [::1]:8080;\n"
    "        listen 127.0.0.1:8081 http2;\n"
    "        error_page 400 404 405 408 411 413 414 431 494 495 496 497 500 "
    "501 502 503 504 505 /freehold/error;\n"
    "        location / {\n"
    "            freehold on;\n"
    "        }\n"
    "    }\n"
    "}\n";

/* write_conf gives the file for an nginx that says `nginx` of itself. */
static struct fh_slice write_conf(struct fh_arena *arena, const char *text, const char *nginx,
                                  const char *resolv_conf)
{
    struct fh_findings findings = {.arena = arena, .file = FH_LIT("f.yaml")};
    struct fh_nginx_setup setup = {
        .module_path = "/usr/lib/freehold/module.so",
        .state_dir = "/var/\"odd\"",
        .user = FH_LIT("freehold freehold"),
        .resolv_conf = fh_cstr(resolv_conf),
        .files_max = 1024,
    };
    struct fh_buf out = fh_buf_in_arena(arena, 1 << 16);
    struct fh_config cfg;
    enum fh_rc rc = fh_config_read(&cfg, &findings, fh_cstr(text), setup.state_dir);

    assert_int_equal(rc, FH_OK);
    assert_true(fh_nginx_parse(fh_cstr(nginx), &setup.nginx));
    fh_nginx_conf(&out, &cfg, &setup);
    assert_false(out.failed);
    return fh_buf_slice(&out);
}

static void test_old_nginx(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(4 << 20);

    FH_UNUSED(state);
    tap_context("nginx 1.22.1");
    assert_text(write_conf(arena, config,
                           "nginx version: nginx/1.22.1\n"
                           "configure arguments: --without-http_uwsgi_module\n",
                           "# by hand\n"
                           "nameserver 10.0.0.2\n"
                           "nameserver fe80::1%eth0\n"
                           "search example\n"
                           "nameserver\t2001:db8::2  # the other\n"),
                on_old);
}

static void test_new_nginx(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(4 << 20);
    struct fh_slice conf =
        write_conf(arena, config, "nginx version: nginx/1.26.3 (Debian)\n", "");

    FH_UNUSED(state);
    assert_true(fh_contains(conf, FH_LIT("listen 127.0.0.1:8081;\n        http2 on;\n")));
    assert_true(fh_contains(conf, FH_LIT("uwsgi_temp_path")));
    assert_false(fh_contains(conf, FH_LIT("resolver")));
}

static void test_resolvers_of_the_config_come_first(void **state)
{
    FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(4 << 20);
    struct fh_slice conf =
        write_conf(arena, "workers: auto\nresolver: [\"[::1]:5353\", 1.1.1.1]\n",
                   "nginx version: nginx/1.22.1\n", "nameserver 10.0.0.2\n");

    FH_UNUSED(state);
    assert_true(fh_contains(conf, FH_LIT("resolver [::1]:5353 1.1.1.1;\n")));
    assert_true(fh_contains(conf, FH_LIT("worker_processes auto;\n")));
}

static void test_versions(void **state)
{
    struct fh_nginx nginx = {0};

    FH_UNUSED(state);
    assert_true(fh_nginx_parse(FH_LIT("nginx version: nginx/1.25.1"), &nginx));
    assert_int_equal(nginx.version, 1025001);
    assert_true(fh_nginx_serves_both(&nginx));
    assert_true(fh_nginx_parse(FH_LIT("nginx version: openresty nginx/1.25.0\n"), &nginx));
    assert_false(fh_nginx_serves_both(&nginx));
    assert_false(fh_nginx_parse(FH_LIT("nginx version: nginx/1.x"), &nginx));
    assert_false(fh_nginx_parse(FH_LIT("nginx/"), &nginx));
    assert_false(fh_nginx_parse(FH_LIT(""), &nginx));
    assert_false(fh_nginx_parse(FH_LIT("sh: nginx: not found"), &nginx));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_old_nginx),
        cmocka_unit_test(test_new_nginx),
        cmocka_unit_test(test_resolvers_of_the_config_come_first),
        cmocka_unit_test(test_versions),
    };
    return cmocka_run_group_tests_name("nginx_conf", tests, NULL, NULL);
}
