/* recorded_gemini.c: what Google's API and its clients really said. Keys are compared without
 * regard to camelCase or snake_case.
 * SPDX-License-Identifier: Apache-2.0 */
#include "recorded_dialect.h"
#include "tap.h"

/* ---- keys ---- */

struct place {
    struct place *next;
    yyjson_val *val;
};

/* camel spells a key without its underscores. */
static void camel(struct fh_arena *arena, yyjson_val *key)
{
    struct fh_slice name = fh_json_text(key);
    struct fh_buf out = fh_buf_in_arena(arena, name.len);
    bool upper = false;

    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.ptr[i];
        bool up = upper && c >= 'a' && c <= 'z';

        upper = c == '_' && i > 0;
        if (!upper) {
            fh_buf_byte(&out, (uint8_t)(up ? c - ('a' - 'A') : c));
        }
    }
    (void)yyjson_set_strn(key, (const char *)out.ptr, out.len);
}

static void push(struct fh_arena *arena, struct place **stack, yyjson_val *val)
{
    struct place *place = fh_new(arena, struct place);

    *place = (struct place){*stack, val};
    *stack = place;
}

/* name writes an enum that is said by its number as all others have it. */
static void name(yyjson_val *key)
{
    yyjson_val *value = yyjson_obj_iter_get_val(key);
    uint64_t number = 0;

    if (fh_eq(fh_json_text(key), FH_LIT("finishReason")) && fh_json_u64(value, &number) &&
        number == 1) {
        (void)yyjson_set_str(value, "STOP");
    }
}

/* spell changes all keys of a tree. */
static void spell(struct fh_arena *arena, yyjson_val *root)
{
    struct place *stack = NULL;

    push(arena, &stack, root);
    while (stack != NULL) {
        yyjson_obj_iter members = yyjson_obj_iter_with(stack->val);
        yyjson_arr_iter items = yyjson_arr_iter_with(stack->val);
        yyjson_val *one = NULL;

        stack = stack->next;
        while ((one = yyjson_obj_iter_next(&members)) != NULL) {
            camel(arena, one);
            name(one);
            push(arena, &stack, yyjson_obj_iter_get_val(one));
        }
        while ((one = yyjson_arr_iter_next(&items)) != NULL) {
            push(arena, &stack, one);
        }
    }
}

/* ---- the fold: parts of one candidate, and the last of all else ---- */

/* assign puts the members of `from` into `to`, but for one. */
static void assign(struct recorded_fold *f, yyjson_mut_val *to, yyjson_val *from,
                   struct fh_slice but)
{
    yyjson_obj_iter iter = yyjson_obj_iter_with(from);

    for (yyjson_val *key = NULL; (key = yyjson_obj_iter_next(&iter)) != NULL;) {
        if (!fh_eq(fh_json_text(key), but)) {
            (void)recorded_put(f, to, fh_json_text(key), yyjson_obj_iter_get_val(key));
        }
    }
}

/* take_text continues a text of the same kind. */
static void take_text(struct recorded_fold *f, yyjson_mut_val *parts, struct fh_slice text,
                      bool thinks)
{
    yyjson_mut_val *last = yyjson_mut_arr_get_last(parts);

    if (yyjson_mut_obj_get(last, "text") == NULL ||
        yyjson_mut_is_true(yyjson_mut_obj_get(last, "thought")) != thinks ||
        yyjson_mut_obj_get(last, "thoughtSignature") != NULL) {
        last = yyjson_mut_arr_add_obj(f->doc, parts);
        if (thinks) {
            (void)yyjson_mut_obj_add_bool(f->doc, last, "thought", true);
        }
    }
    recorded_join(f, last, FH_LIT("text"), text);
}

static void take_part(struct recorded_fold *f, yyjson_mut_val *parts, yyjson_val *part)
{
    yyjson_val *text = fh_json_get(part, FH_LIT("text"));
    yyjson_val *signature = fh_json_get(part, FH_LIT("thoughtSignature"));

    if (text == NULL) {
        (void)yyjson_mut_arr_append(parts, yyjson_val_mut_copy(f->doc, part));
        return;
    }
    if (yyjson_get_len(text) > 0) {
        take_text(f, parts, fh_json_text(text),
                  yyjson_is_true(fh_json_get(part, FH_LIT("thought"))));
    }
    if (signature != NULL) {
        yyjson_mut_val *alone = yyjson_mut_arr_add_obj(f->doc, parts);

        (void)yyjson_mut_obj_add_str(f->doc, alone, "text", "");
        (void)recorded_put(f, alone, FH_LIT("thoughtSignature"), signature);
    }
}

static const char *take(struct recorded_fold *f, const struct fh_frame *wire)
{
    yyjson_val *root = recorded_json(f->arena, wire->data);
    yyjson_val *candidate = yyjson_arr_get_first(fh_json_get(root, FH_LIT("candidates")));
    yyjson_val *content = fh_json_get(candidate, FH_LIT("content"));
    yyjson_arr_iter iter = yyjson_arr_iter_with(fh_json_get(content, FH_LIT("parts")));
    yyjson_mut_val *sum = yyjson_mut_obj_get(f->root, "candidate");

    if (root == NULL || (f->ours && wire->name.len > 0)) {
        return "an event that is no JSON, or has a name: SDKs drop it";
    }
    sum = sum == NULL ? yyjson_mut_obj_add_obj(f->doc, f->root, "candidate") : sum;
    yyjson_mut_val *parts = recorded_list_of(f, sum, FH_LIT("parts"));

    for (yyjson_val *part = NULL; (part = yyjson_arr_iter_next(&iter)) != NULL;) {
        take_part(f, parts, part);
    }
    assign(f, sum, candidate, FH_LIT("content"));
    assign(f, f->root, root, FH_LIT("candidates"));
    f->finished = f->finished || fh_json_get(candidate, FH_LIT("finishReason")) != NULL;
    return NULL;
}

static const struct recorded_dialect gemini = {
    .dialect = &fh_dialect_gemini,
    .excuses =
        {
            {"/candidates/*/content/parts/*/text", "\"\"", "a last part with nothing in it"},
            {"/candidates/*/content", "{}", "a candidate that said nothing"},
            {"/model", NULL, "the path has it"},
        },
    .flaws = {{"test_generate_content_invalid_role", RECORDED_NO_REQUEST,
               "there is no such role, as the provider says, too"}},
    .take = take,
    .usage = "usageMetadata",
    .total = "totalTokenCount",
    .tools_or_stop = true,
    .spell = spell,
};

static void test_recorded_answers_lose_nothing(void **state)
{
    FH_UNUSED(state);
    static const char *const apis[] = {"gemini-generate", "gemini-stream", "vertex-generate",
                                       "vertex-stream"};

    for (size_t i = 0; i < FH_LEN(apis); i++) {
        recorded_traffic(&gemini, &(struct recorded_apis){{apis[i]}, .additions = true});
    }
}

static void test_recorded_counts_are_read(void **state)
{
    FH_UNUSED(state);
    recorded_count_calls(&gemini, &(struct recorded_counts){.api = "gemini-count-tokens"});
    recorded_count_calls(&gemini, &(struct recorded_counts){.api = "vertex-count-tokens"});
}

static void test_requests_of_sdks_lose_nothing(void **state)
{
    FH_UNUSED(state);
    recorded_requests(&gemini, &(struct recorded_sdks){{"google-genai", "ai-sdk-google"},
                                                       .target = "enerateContent",
                                                       .but = "batch"});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded_answers_lose_nothing),
        cmocka_unit_test(test_recorded_counts_are_read),
        cmocka_unit_test(test_requests_of_sdks_lose_nothing),
    };
    return cmocka_run_group_tests_name("recorded_gemini", tests, NULL, NULL);
}
