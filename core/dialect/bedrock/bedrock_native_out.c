/* bedrock_native_out.c: tools, and what of another dialect's request only some models take: those
 * members of their own requests that Converse hands on, additionalModelRequestFields.
 *
 * Claude's are written as Anthropic's own API has them. Of a model that has no such member the loss
 * is reported, which no ledger can know.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/bedrock/bedrock.h"
#include "dialect/bedrock/bedrock_names.def"

enum { MADE_MAX = 64 }; /* tools made up */

/* ---- tools ---- */

static void write_spec(struct fh_bedrock_pen *pen, yyjson_mut_val *list,
                       const struct fh_tool *tool)
{
    yyjson_mut_val *element = yyjson_mut_arr_add_obj(pen->w.doc, list);
    yyjson_mut_val *spec = yyjson_mut_obj_add_obj(pen->w.doc, element, "toolSpec");
    yyjson_mut_val *schema = NULL;

    fh_write_text(&pen->w, spec, "name", tool->name);
    if (pen->w.ours || tool->description.len > 0) {
        fh_write_given(&pen->w, spec, "description", tool->description);
    }
    if (!pen->w.ours || tool->schema != NULL) {
        schema = yyjson_mut_obj_add_obj(pen->w.doc, spec, "inputSchema");
    }
    if (tool->schema != NULL) {
        fh_write_val(&pen->w, schema, "json", tool->schema);
    } else if (!pen->w.ours) { /* elsewhere: takes no arguments; here it is required */
        fh_write_word(&pen->w, yyjson_mut_obj_add_obj(pen->w.doc, schema, "json"), "type",
                      "object");
    }
    fh_write_flag(&pen->w, spec, "strict", tool->strict);
    fh_write_extras(&pen->w, &tool->extras, "/toolConfig/tools/#/toolSpec/inputSchema", schema);
    fh_write_extras(&pen->w, &tool->extras, "/toolConfig/tools/#/toolSpec", spec);
    fh_write_extras(&pen->w, &tool->extras, "/toolConfig/tools/#", element);
}

/* write_known_tool writes a tool that only its provider's models know: Claude is the same here. */
static void write_known_tool(struct fh_bedrock_pen *pen, const struct fh_tool *tool)
{
    static const struct fh_slice known[] = {
#define X(beginning) FH_LIT_INIT(beginning),
        FH_BEDROCK_NATIVE_TOOLS(X)
#undef X
    };
    struct fh_slice type = fh_json_text(fh_json_get(tool->raw, FH_LIT("type")));
    bool takes = pen->family->claude && pen->w.req->dialect == FH_DIALECT_ANTHROPIC;
    size_t i = 0;

    while (i < FH_LEN(known) && !fh_starts(type, known[i])) {
        i++;
    }
    if (!takes || i == FH_LEN(known)) {
        fh_loss_add(pen->w.loss, tool->pointer, "a tool that this model does not know");
        return;
    }
    yyjson_mut_val *list = yyjson_mut_obj_get(pen->native, "tools");

    list = list != NULL ? list : yyjson_mut_obj_add_arr(pen->w.doc, pen->native, "tools");
    (void)yyjson_mut_arr_append(list, yyjson_val_mut_copy(pen->w.doc, tool->raw));
}

static void write_tool(struct fh_bedrock_pen *pen, yyjson_mut_val *list,
                       const struct fh_tool *tool)
{
    if (tool->raw == NULL) {
        write_spec(pen, list, tool);
    } else if (pen->w.ours) {
        (void)yyjson_mut_arr_append(list, yyjson_val_mut_copy(pen->w.doc, tool->raw));
    } else {
        write_known_tool(pen, tool);
        return;
    }
    fh_bedrock_write_cache(pen, list, tool->cache);
}

/* has_name looks for a tool in a list of tools; `in` is the member that holds it, or NULL. */
static bool has_name(yyjson_mut_val *list, const char *in, struct fh_slice name)
{
    yyjson_mut_arr_iter iter = yyjson_mut_arr_iter_with(list);

    for (yyjson_mut_val *v = NULL; (v = yyjson_mut_arr_iter_next(&iter)) != NULL;) {
        yyjson_mut_val *text =
            yyjson_mut_obj_get(in == NULL ? v : yyjson_mut_obj_get(v, in), "name");

        if (fh_eq(fh_slice(yyjson_mut_get_str(text), yyjson_mut_get_len(text)), name)) {
            return true;
        }
    }
    return false;
}

/* remember_tools: Converse refuses a conversation with calls in it but no tools. So those that were
 * called are named, without a word on what they do; or one that nobody has, where all that were
 * called are Claude's own. */
static void remember_tools(struct fh_bedrock_pen *pen, yyjson_mut_val *list)
{
    static const struct fh_tool nobodys = {.name = FH_LIT_INIT("unused"),
                                           .description = FH_LIT_INIT("Not to be called."),
                                           .strict = -1};
    yyjson_mut_val *own = yyjson_mut_obj_get(pen->native, "tools");

    for (const struct fh_message *m = pen->w.req->first_message; m != NULL; m = m->next) {
        for (const struct fh_block *b = m->content.first; b != NULL; b = b->next) {
            struct fh_tool tool = {.name = b->name, .strict = -1};

            if (b->kind == FH_BLOCK_TOOL_CALL && yyjson_mut_arr_size(list) < MADE_MAX &&
                !has_name(list, "toolSpec", b->name) && !has_name(own, NULL, b->name)) {
                write_spec(pen, list, &tool);
            }
        }
    }
    if (yyjson_mut_arr_size(list) == 0) {
        write_spec(pen, list, &nobodys);
    }
}

static bool has_calls(const struct fh_chat_request *req)
{
    for (const struct fh_message *m = req->first_message; m != NULL; m = m->next) {
        for (const struct fh_block *b = m->content.first; b != NULL; b = b->next) {
            if (b->kind == FH_BLOCK_TOOL_CALL || b->kind == FH_BLOCK_TOOL_RESULT) {
                return true;
            }
        }
    }
    return false;
}

/* write_native_choice says it to Claude: then Converse's own toolChoice must not be there, "the
 * additional field tool_choice/type conflicts with the existing field". */
static void write_native_choice(struct fh_bedrock_pen *pen, enum fh_tool_choice choice)
{
    static const char *const types[] = {
        [FH_CHOICE_UNSET] = "auto", [FH_CHOICE_AUTO] = "auto",  [FH_CHOICE_NONE] = "none",
        [FH_CHOICE_ANY] = "any",    [FH_CHOICE_NAMED] = "tool", [FH_CHOICE_OPAQUE] = "auto",
    };
    yyjson_mut_val *obj = yyjson_mut_obj_add_obj(pen->w.doc, pen->native, "tool_choice");

    fh_write_word(&pen->w, obj, "type", types[choice]);
    if (choice == FH_CHOICE_NAMED) {
        fh_write_text(&pen->w, obj, "name", pen->w.req->tool_choice_name);
    }
    if (choice != FH_CHOICE_NONE) {
        fh_write_bool(&pen->w, obj, "disable_parallel_tool_use", true);
    }
}

static void write_choice(struct fh_bedrock_pen *pen, yyjson_mut_val *config,
                         enum fh_tool_choice choice)
{
    static const char *const keys[] = {
        [FH_CHOICE_AUTO] = "auto", [FH_CHOICE_ANY] = "any", [FH_CHOICE_NAMED] = "tool"};
    bool serial = pen->w.req->parallel_tools == 0 && choice != FH_CHOICE_NONE;

    if (pen->family->claude && (serial || choice == FH_CHOICE_NONE)) {
        write_native_choice(pen, choice);
        return;
    }
    if (serial) {
        fh_dialect_lose(pen->w.req, pen->w.loss, FH_FIELD_PARALLEL_OFF,
                        "this model may call several tools at once");
    }
    if (choice == FH_CHOICE_NONE) {
        fh_dialect_lose(pen->w.req, pen->w.loss, FH_FIELD_CHOICE_NONE,
                        "bedrock cannot forbid calls where the conversation has some");
    } else if (choice != FH_CHOICE_UNSET && choice != FH_CHOICE_OPAQUE) {
        yyjson_mut_val *outer = yyjson_mut_obj_add_obj(pen->w.doc, config, "toolChoice");
        yyjson_mut_val *obj = yyjson_mut_obj_add_obj(pen->w.doc, outer, keys[choice]);

        if (choice == FH_CHOICE_NAMED) {
            fh_write_text(&pen->w, obj, "name", pen->w.req->tool_choice_name);
        }
    }
}

/* lose_choice: a call that must be, of tools that are not there. */
static void lose_choice(struct fh_bedrock_pen *pen, enum fh_tool_choice choice)
{
    if (choice == FH_CHOICE_ANY || choice == FH_CHOICE_NAMED) {
        fh_dialect_lose(pen->w.req, pen->w.loss,
                        choice == FH_CHOICE_ANY ? FH_FIELD_CHOICE_ANY : FH_FIELD_CHOICE_NAMED,
                        "there is no tool to call");
    }
}

/* write_foreign_tools writes tools and choice of another dialect's request. */
static void write_foreign_tools(struct fh_bedrock_pen *pen, yyjson_mut_val *config,
                                yyjson_mut_val *list)
{
    enum fh_tool_choice choice = pen->w.req->tool_choice;
    bool talked = has_calls(pen->w.req);

    if (choice == FH_CHOICE_NONE && !talked) {
        return; /* without tools there are no calls */
    }
    for (const struct fh_tool *tool = pen->w.req->first_tool; tool != NULL; tool = tool->next) {
        write_tool(pen, list, tool);
    }
    if (talked && yyjson_mut_arr_size(list) == 0) {
        remember_tools(pen, list);
        if (yyjson_mut_obj_size(pen->native) == 0) { /* there is nothing to call */
            choice = pen->family->claude ? FH_CHOICE_NONE : FH_CHOICE_UNSET;
        }
    }
    if (yyjson_mut_arr_size(list) > 0 || yyjson_mut_obj_size(pen->native) > 0) {
        write_choice(pen, config, choice);
    } else {
        lose_choice(pen, choice);
    }
}

void fh_bedrock_write_tools(struct fh_bedrock_pen *pen, yyjson_mut_val *root)
{
    const struct fh_chat_request *req = pen->w.req;
    yyjson_mut_val *config = yyjson_mut_obj(pen->w.doc);
    yyjson_mut_val *list = yyjson_mut_arr(pen->w.doc);

    if (pen->w.ours) {
        for (const struct fh_tool *tool = req->first_tool; tool != NULL; tool = tool->next) {
            write_tool(pen, list, tool);
        }
    } else {
        write_foreign_tools(pen, config, list);
    }
    if (yyjson_mut_arr_size(list) > 0) {
        (void)yyjson_mut_obj_add_val(pen->w.doc, config, "tools", list);
    }
    fh_write_extras(&pen->w, &req->extras, "/toolConfig", config);
    if (yyjson_mut_obj_size(config) > 0) {
        (void)yyjson_mut_obj_add_val(pen->w.doc, root, "toolConfig", config);
    }
}

/* ---- thinking and the rest ---- */

static void write_claude_thinking(struct fh_bedrock_pen *pen)
{
    static const char *const types[] = {
        [FH_THINKING_OFF] = "disabled",
        [FH_THINKING_BUDGET] = "enabled",
        [FH_THINKING_ADAPTIVE] = "adaptive",
    };
    const struct fh_chat_request *req = pen->w.req;
    bool anthropics = req->dialect == FH_DIALECT_ANTHROPIC;
    struct fh_claude_thinking thinking = {.kind = req->thinking};

    if (thinking.kind == FH_THINKING_OPAQUE && anthropics) {
        fh_write_val(&pen->w, pen->native, "thinking", req->thinking_raw);
        return;
    }
    if (thinking.kind == FH_THINKING_OPAQUE) {
        fh_dialect_lose(pen->w.req, pen->w.loss, FH_FIELD_THINKING_OPAQUE,
                        "a way of thinking that claude does not have");
        return;
    }
    if (!anthropics) {
        thinking = fh_claude_think(req, pen->w.loss);
    }
    if (thinking.kind == FH_THINKING_UNSET) {
        return;
    }
    yyjson_mut_val *obj = yyjson_mut_obj_add_obj(pen->w.doc, pen->native, "thinking");

    fh_write_word(&pen->w, obj, "type", types[thinking.kind]);
    if (thinking.budget > 0) {
        (void)yyjson_mut_obj_add_uint(pen->w.doc, obj, "budget_tokens", thinking.budget);
    } else if (thinking.kind == FH_THINKING_BUDGET) {
        fh_write_val(&pen->w, obj, "budget_tokens", req->thinking_budget);
    }
    if (req->thinking_shown >= 0 && thinking.kind != FH_THINKING_OFF) {
        fh_write_word(&pen->w, obj, "display",
                      req->thinking_shown == 1 ? "summarized" : "omitted");
    }
}

static bool is_nova(const struct fh_bedrock_pen *pen)
{
    return fh_eq(fh_cstr(pen->family->effort_in), FH_LIT("reasoningConfig"));
}

/* write_other_thinking: other families think as they see fit; Nova can be told not to. */
static void write_other_thinking(struct fh_bedrock_pen *pen)
{
    const struct fh_chat_request *req = pen->w.req;
    bool off = req->thinking == FH_THINKING_OFF ||
               (req->thinking == FH_THINKING_UNSET && req->effort == FH_EFFORT_NONE);

    if (off && is_nova(pen)) {
        fh_write_word(&pen->w, fh_write_in(&pen->w, pen->native, pen->family->effort_in),
                      "type", "disabled");
    } else if (off) {
        fh_dialect_lose(pen->w.req, pen->w.loss,
                        req->thinking == FH_THINKING_OFF ? FH_FIELD_THINKING_OFF
                                                         : FH_FIELD_EFFORT_NONE,
                        "this model cannot be told not to think");
    } else if (req->thinking == FH_THINKING_BUDGET) {
        fh_dialect_lose(pen->w.req, pen->w.loss, FH_FIELD_THINKING_BUDGET,
                        "this model's thinking is not bounded in tokens");
    } else if (req->thinking == FH_THINKING_OPAQUE) {
        fh_dialect_lose(pen->w.req, pen->w.loss, FH_FIELD_THINKING_OPAQUE,
                        "a way of thinking that this model does not have");
    }
    if (req->thinking_shown == 0) {
        fh_dialect_lose(pen->w.req, pen->w.loss, FH_FIELD_THINKING_SHOWN,
                        "this model's thoughts come back in any case");
    }
}

/* write_effort writes effort where the family has it, else where Converse does. */
static void write_effort(struct fh_bedrock_pen *pen, yyjson_mut_val *root)
{
    const struct fh_bedrock_family *family = pen->family;
    enum fh_effort effort = pen->w.req->effort;
    bool converse = family->effort[0] == '\0';
    yyjson_mut_val *obj = pen->native;

    if (effort < FH_EFFORT_MINIMAL ||
        (is_nova(pen) && pen->w.req->thinking == FH_THINKING_OFF)) {
        return; /* Nova says both in one member */
    }
    if (effort > family->most) {
        fh_dialect_lose(pen->w.req, pen->w.loss, FH_FIELD_EFFORT_XHIGH,
                        "the most effort of this model is high");
    }
    effort = effort == FH_EFFORT_MINIMAL ? FH_EFFORT_LOW : effort;
    effort = effort > family->most ? family->most : effort;
    if (converse) {
        obj = fh_write_in(&pen->w, root, "outputConfig");
    } else if (family->effort_in[0] != '\0') {
        obj = fh_write_in(&pen->w, obj, family->effort_in);
    }
    if (is_nova(pen)) {
        fh_write_word(&pen->w, obj, "type", "enabled");
    }
    fh_write_word(&pen->w, obj, converse ? "effort" : family->effort,
                  fh_bedrock_effort_word(effort));
}

static void write_top_k(struct fh_bedrock_pen *pen)
{
    const struct fh_bedrock_family *family = pen->family;
    yyjson_val *top_k = pen->w.req->value[FH_FIELD_TOP_K];

    if (top_k == NULL) {
        return;
    }
    if (family->top_k[0] == '\0') {
        fh_dialect_lose(pen->w.req, pen->w.loss, FH_FIELD_TOP_K, "this model takes no top_k");
        return;
    }
    fh_write_val(&pen->w,
                 family->top_k_in[0] == '\0'
                     ? pen->native
                     : fh_write_in(&pen->w, pen->native, family->top_k_in),
                 family->top_k, top_k);
}

/* write_betas hands on those that Bedrock takes; it refuses a request with any other. */
static void write_betas(struct fh_bedrock_pen *pen)
{
    static const struct fh_slice known[] = {
#define X(beginning) FH_LIT_INIT(beginning),
        FH_BEDROCK_BETAS(X)
#undef X
    };
    struct fh_slice rest = pen->w.req->betas;
    struct fh_slice name = FH_NONE;
    yyjson_mut_val *list = yyjson_mut_arr(pen->w.doc);

    while (fh_split(&rest, ',', &name)) {
        name = fh_trim(name);
        for (size_t i = 0; i < FH_LEN(known); i++) {
            if (fh_starts(name, known[i])) {
                (void)yyjson_mut_arr_add_strn(pen->w.doc, list, (const char *)name.ptr,
                                              name.len);
            }
        }
    }
    if (yyjson_mut_arr_size(list) > 0) {
        (void)yyjson_mut_obj_add_val(pen->w.doc, pen->native, "anthropic_beta", list);
    }
}

void fh_bedrock_write_native(struct fh_bedrock_pen *pen, yyjson_mut_val *root)
{
    write_top_k(pen);
    if (pen->family->claude) {
        write_claude_thinking(pen);
        write_betas(pen);
    } else {
        write_other_thinking(pen);
    }
    write_effort(pen, root);
}
