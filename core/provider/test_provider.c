/* test_provider.c: the table says of each kind all that a request needs.
 * SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include "provider/provider.h"
#include "wire/url.h"

static void test_every_row_is_usable(void **state)
{
    FH_UNUSED(state);
    for (unsigned i = 0; i < FH_PROVIDER_KINDS; i++) {
        const struct fh_provider_preset *row = fh_provider_preset((enum fh_provider_kind)i);
        const struct fh_provider place = {.kind = (enum fh_provider_kind)i,
                                          .only = FH_DIALECTS,
                                          .region = FH_LIT("eu-north-1")};
        enum fh_provider_kind kind = FH_PROVIDER_KINDS;
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 12);
        struct fh_buf text = fh_buf_in_arena(arena, 256);
        struct fh_error why;
        struct fh_url url;

        tap_context("%.*s", FH_ARG(row->name));
        assert_true(fh_provider_kind_by_name(row->name, &kind));
        assert_int_equal(kind, i);
        assert_true(row->doc.len > 0);
        fh_provider_fill(&text, row->url, &place, FH_NONE);
        if (row->url.len > 0) {
            assert_int_equal(fh_url_parse(&url, fh_buf_slice(&text), &why), FH_OK);
            /* a place on the network is asked in clear only when somebody wrote so */
            assert_true(url.tls || fh_eq(url.host, FH_LIT("localhost")));
        }
        const struct fh_provider_chat *chat =
            fh_provider_chat(&place, FH_DIALECTS, FH_LIT("anthropic.claude-sonnet-5"));

        assert_non_null(chat);
        assert_true(fh_starts(chat->path[FH_OPERATION_CHAT], FH_LIT("/")));
        assert_true(fh_starts(chat->path[FH_OPERATION_STREAM], FH_LIT("/")));
    }
}

static void test_no_such_kind(void **state)
{
    enum fh_provider_kind kind = FH_PROVIDER_KINDS;

    FH_UNUSED(state);
    assert_false(fh_provider_kind_by_name(FH_LIT("bedrok"), &kind));
    assert_false(fh_provider_kind_by_name(FH_NONE, &kind));
    assert_int_equal(kind, FH_PROVIDER_KINDS);
}

/* How a place is asked depends on who asks, and for what. */
static const struct {
    enum fh_provider_kind kind;
    enum fh_dialect_id client;
    const char *model;
    enum fh_operation operation;
    const char *path;
    enum fh_dialect_id dialect;
} asked[] = {
    {FH_PROVIDER_ANTHROPIC, FH_DIALECT_ANTHROPIC, "claude", FH_OPERATION_COUNT,
     "/v1/messages/count_tokens", FH_DIALECT_ANTHROPIC},
    {FH_PROVIDER_OPENAI, FH_DIALECT_ANTHROPIC, "gpt-5", FH_OPERATION_CHAT, "/chat/completions",
     FH_DIALECT_OPENAI_CHAT},
    {FH_PROVIDER_OPENAI, FH_DIALECT_OPENAI_RESPONSES, "gpt-5", FH_OPERATION_STREAM,
     "/responses", FH_DIALECT_OPENAI_RESPONSES},
    {FH_PROVIDER_BEDROCK, FH_DIALECT_OPENAI_CHAT, "eu.anthropic.claude-x-v1:0",
     FH_OPERATION_CHAT, "/model/eu.anthropic.claude-x-v1%3A0/converse", FH_DIALECT_BEDROCK},
    {FH_PROVIDER_BEDROCK, FH_DIALECT_ANTHROPIC, "anthropic.claude-x", FH_OPERATION_STREAM,
     "/model/anthropic.claude-x/invoke-with-response-stream", FH_DIALECT_ANTHROPIC},
    {FH_PROVIDER_BEDROCK, FH_DIALECT_ANTHROPIC, "amazon.nova-pro-v1:0", FH_OPERATION_STREAM,
     "/model/amazon.nova-pro-v1%3A0/converse-stream", FH_DIALECT_BEDROCK},
    {FH_PROVIDER_BEDROCK, FH_DIALECT_BEDROCK, "arn:aws:bedrock:eu-north-1:1:prompt-router/a",
     FH_OPERATION_CHAT,
     "/model/arn%3Aaws%3Abedrock%3Aeu-north-1%3A1%3Aprompt-router%2Fa/converse",
     FH_DIALECT_BEDROCK},
    {FH_PROVIDER_VERTEX, FH_DIALECT_OPENAI_CHAT, "claude-x@20260101", FH_OPERATION_CHAT,
     "/v1/projects/p/locations/eu-north-1/publishers/anthropic/models/"
     "claude-x@20260101:rawPredict",
     FH_DIALECT_ANTHROPIC},
    {FH_PROVIDER_VERTEX, FH_DIALECT_ANTHROPIC, "gemini-3", FH_OPERATION_STREAM,
     "/v1/projects/p/locations/eu-north-1/publishers/google/models/"
     "gemini-3:streamGenerateContent?alt=sse",
     FH_DIALECT_GEMINI},
};

static void test_paths(void **state)
{
    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(asked); i++) {
        FH_AUTO(fh_arena_free) struct fh_arena *arena = fh_arena_new(1 << 12);
        struct fh_buf out = fh_buf_in_arena(arena, 512);
        const struct fh_provider place = {.kind = asked[i].kind,
                                          .only = FH_DIALECTS,
                                          .region = FH_LIT("eu-north-1"),
                                          .project = FH_LIT("p")};
        struct fh_slice model = fh_cstr(asked[i].model);
        const struct fh_provider_chat *chat = fh_provider_chat(&place, asked[i].client, model);

        tap_context("row %zu", i);
        assert_non_null(chat);
        assert_int_equal(chat->dialect, asked[i].dialect);
        fh_provider_path(&out, &place, chat->path[asked[i].operation], model);
        assert_text(fh_buf_slice(&out), asked[i].path);
    }
    assert_text(fh_provider_state_name(FH_PROVIDER_STARTING), "starting");
}

/* The bytes of such a call pass: its client has to speak as the place does. */
static void test_who_keeps_for_whom(void **state)
{
    static const struct {
        enum fh_provider_kind kind;
        enum fh_dialect_id client;
        const char *path; /* NULL: nothing is kept */
    } rows[] = {
        {FH_PROVIDER_ANTHROPIC, FH_DIALECT_ANTHROPIC, "/v1"},
        {FH_PROVIDER_ANTHROPIC, FH_DIALECT_OPENAI_CHAT, NULL},
        {FH_PROVIDER_OPENAI, FH_DIALECT_OPENAI_RESPONSES, ""},
        {FH_PROVIDER_AZURE_OPENAI, FH_DIALECT_OPENAI_CHAT, ""},
        {FH_PROVIDER_AZURE_FOUNDRY, FH_DIALECT_ANTHROPIC, NULL},
        {FH_PROVIDER_OPENAI_COMPATIBLE, FH_DIALECT_OPENAI_CHAT, NULL},
    };

    FH_UNUSED(state);
    for (size_t i = 0; i < FH_LEN(rows); i++) {
        const struct fh_provider_native *got = fh_provider_native(rows[i].kind, rows[i].client);

        tap_context("row %zu", i);
        assert_true((got == NULL) == (rows[i].path == NULL));
        if (got != NULL) {
            assert_text(got->path, rows[i].path);
            assert_true(fh_provider_speaks(rows[i].kind, rows[i].client));
        }
    }
    assert_true(fh_provider_keeps(FH_PROVIDER_AZURE_OPENAI));
    assert_false(fh_provider_keeps(FH_PROVIDER_LOCAL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row_is_usable),
        cmocka_unit_test(test_no_such_kind),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_who_keeps_for_whom),
    };
    return cmocka_run_group_tests_name("provider", tests, NULL, NULL);
}
