/* openai_chat_stream_out.c: events become chunks of a stream.
 *
 * What a client sends back with its next request, signatures and images, it gets once and whole, in
 * a delta right before the finish: no other form is kept by each SDK (README.md, "Streams"). A
 * flavour may want more whole: calls, and the usage in the last chunk.
 * SPDX-License-Identifier: Apache-2.0 */
#include "openai_chat_chunk.h"

#include "wire/frames.h"

static const struct fh_slice call_at = FH_LIT_INIT("/choices/#/delta/tool_calls/#");
static const struct fh_slice function_at =
    FH_LIT_INIT("/choices/#/delta/tool_calls/#/function");

/* ---- tool calls ---- */

/* open_call begins a chunk about the call of that number. */
static void open_call(struct fh_openai_chat_telling *t, uint32_t number)
{
    fh_openai_chat_open_chunk(t);
    fh_openai_chat_add_key(t, FH_LIT("\"tool_calls\":[{\"index\":"));
    fh_buf_u64(&t->enc->line, number);
}

/* close_call closes a call that has a function in it. */
static void close_call(struct fh_openai_chat_telling *t)
{
    fh_openai_chat_add_extras(t, function_at);
    fh_buf_byte(&t->enc->line, '}');
    fh_openai_chat_add_extras(t, call_at);
    fh_buf_append(&t->enc->line, FH_LIT("}]"));
    fh_openai_chat_close_chunk(t, FH_NONE);
}

static void begin_call(struct fh_openai_chat_telling *t)
{
    struct fh_buf *line = &t->enc->line;

    open_call(t, fh_openai_chat_call_begins(t->enc->calls, t->event));
    fh_buf_append(line, FH_LIT(",\"id\":"));
    fh_json_quote(line, t->event->id);
    fh_buf_append(line, FH_LIT(",\"type\":\"function\",\"function\":{\"name\":"));
    fh_json_quote(line, t->event->name);
    fh_buf_append(line, FH_LIT(",\"arguments\":\"\""));
    close_call(t);
}

static void go_on_with_call(struct fh_openai_chat_telling *t)
{
    open_call(t, fh_openai_chat_call_number(t->enc->calls, t->event));
    fh_buf_append(&t->enc->line, FH_LIT(",\"function\":{\"arguments\":"));
    fh_json_quote(&t->enc->line, t->event->text);
    close_call(t);
}

/* tell_beside makes a chunk of what stood beside calls, if anything did. */
static void tell_beside(struct fh_openai_chat_telling *t)
{
    static const struct fh_slice places[] = {FH_LIT_INIT(""), FH_LIT_INIT("/choices/#"),
                                             FH_LIT_INIT("/choices/#/delta"),
                                             FH_LIT_INIT("/choices/#/message")};
    bool any = false;

    for (size_t i = 0; i < FH_LEN(places) && !any && t->ours; i++) {
        any = fh_openai_chat_any(&t->event->extras, places[i]);
    }
    if (any) {
        fh_openai_chat_open_chunk(t);
        fh_openai_chat_close_chunk(t, FH_NONE);
    }
}

/* hold_call gathers a call that is told whole. What stood beside it is told at once. */
static void hold_call(struct fh_openai_chat_telling *t)
{
    fh_openai_chat_call_hold(t->enc->calls, t->scratch, t->event, t->ours);
    tell_beside(t);
}

/* end_call tells a call that was held, in one chunk. */
static void end_call(struct fh_openai_chat_telling *t)
{
    fh_openai_chat_open_chunk(t);
    fh_openai_chat_add_key(t, FH_LIT("\"tool_calls\":["));
    if (fh_openai_chat_add_call(&t->enc->line, t->enc->calls, t->event)) {
        fh_buf_byte(&t->enc->line, ']');
        fh_openai_chat_close_chunk(t, FH_NONE);
    }
}

static void sign_call(struct fh_openai_chat_telling *t)
{
    open_call(t, fh_openai_chat_call_number(t->enc->calls, t->event));
    fh_buf_append(&t->enc->line, FH_LIT(",\"extra_content\":"));
    fh_openai_chat_print_call_signature(&t->enc->line, t->event);
    fh_buf_append(&t->enc->line, FH_LIT("}]"));
    fh_openai_chat_close_chunk(t, FH_NONE);
}

/* show_held tells what was held of the choice, if there is anything. */
static void show_held(struct fh_openai_chat_telling *t)
{
    const struct fh_event plain = {.choice = t->event->choice};
    struct fh_openai_chat_telling held = {t->enc, t->out, t->scratch, &plain, t->loss, false};

    if (fh_openai_chat_holds(t->enc->held, t->event->choice, t->loss)) {
        fh_openai_chat_open_chunk(&held);
        fh_openai_chat_add_key(&held, FH_NONE);
        fh_openai_chat_add_held(&t->enc->line, t->scratch, t->enc->held, t->event->choice);
        fh_openai_chat_close_chunk(&held, FH_NONE);
    }
}

/* ---- sound ---- */

static void begin_sound(struct fh_openai_chat_telling *t)
{
    struct fh_buf *line = &t->enc->line;
    struct fh_slice id[] = {FH_LIT("audio_"), t->enc->frame.request_id};

    fh_openai_chat_open_chunk(t);
    fh_openai_chat_add_key(t, FH_LIT("\"audio\":{\"id\":"));
    fh_json_quote(line, fh_concat(t->scratch, id, FH_LEN(id)));
    /* nobody keeps it: it cannot be referred to afterwards */
    fh_buf_append(line, FH_LIT(",\"transcript\":\"\",\"expires_at\":"));
    fh_buf_u64(line, t->enc->frame.created_s);
    fh_buf_byte(line, '}');
    fh_openai_chat_close_chunk(t, FH_NONE);
}

static void go_on_with_sound(struct fh_openai_chat_telling *t)
{
    fh_openai_chat_open_chunk(t);
    fh_openai_chat_add_key(t, FH_LIT("\"audio\":{\"data\":"));
    fh_json_quote(&t->enc->line, t->event->text);
    fh_buf_byte(&t->enc->line, '}');
    fh_openai_chat_close_chunk(t, FH_NONE);
}

/* ---- blocks, usage, end ---- */

/* A custom call, which only this dialect has. */
static void begin_opaque(struct fh_openai_chat_telling *t)
{
    fh_openai_chat_open_chunk(t);
    fh_openai_chat_add_key(t, FH_LIT("\"tool_calls\":["));
    fh_json_append_val(&t->enc->line, t->scratch, t->event->raw);
    fh_buf_byte(&t->enc->line, ']');
    fh_openai_chat_close_chunk(t, FH_NONE);
}

/* tell_thought tells a piece of thinking as a part of the content. */
static void tell_thought(struct fh_openai_chat_telling *t,
                         const struct fh_openai_chat_detail *detail, bool closed)
{
    fh_openai_chat_open_chunk(t);
    fh_openai_chat_add_key(t, FH_LIT("\"content\":["));
    fh_openai_chat_print_chunk(&t->enc->line, detail, closed);
    fh_buf_byte(&t->enc->line, ']');
    fh_openai_chat_close_chunk(t, FH_NONE);
}

static void tell_redacted(struct fh_openai_chat_telling *t)
{
    const struct fh_openai_chat_detail detail = {
        .kind = FH_BLOCK_REDACTED, .data = t->event->text, .signer = t->event->signer};

    if (t->enc->flavour->thinks_in_content) {
        tell_thought(t, &detail, true);
    } else {
        fh_openai_chat_hold(t->enc->held, t->event);
    }
}

static void begin_block(struct fh_openai_chat_telling *t)
{
    switch (t->event->block) {
    case FH_BLOCK_TOOL_CALL:
        if (t->enc->flavour->whole_calls) {
            hold_call(t);
        } else {
            begin_call(t);
        }
        break;
    case FH_BLOCK_OPAQUE:
        if (t->ours) {
            begin_opaque(t);
        }
        break;
    case FH_BLOCK_REDACTED:
        tell_redacted(t);
        break;
    case FH_BLOCK_THINKING:
        if (!t->enc->flavour->thinks_in_content) {
            fh_openai_chat_hold(t->enc->held, t->event);
        }
        break;
    case FH_BLOCK_IMAGE:
        fh_openai_chat_hold(t->enc->held, t->event);
        break;
    case FH_BLOCK_AUDIO:
        begin_sound(t);
        break;
    case FH_BLOCK_TEXT:
    case FH_BLOCK_DOCUMENT:
    case FH_BLOCK_VIDEO:
    case FH_BLOCK_TOOL_RESULT:
    case FH_BLOCK_REFUSAL:
    case FH_BLOCK_KINDS:
        break; /* nobody is told */
    }
}

static void think(struct fh_openai_chat_telling *t)
{
    bool short_name =
        t->ours && fh_eq(t->event->name, FH_LIT("reasoning")); /* providers differ */
    const struct fh_openai_chat_detail detail = {.kind = FH_BLOCK_THINKING,
                                                 .text = t->event->text};

    if (t->enc->flavour->thinks_in_content) {
        tell_thought(t, &detail, false);
        return;
    }
    if (!t->ours) {
        fh_openai_chat_hold(t->enc->held, t->event);
    }
    fh_openai_chat_tell(t, short_name ? FH_LIT("\"reasoning\":")
                                      : FH_LIT("\"reasoning_content\":"));
}

static void sign(struct fh_openai_chat_telling *t)
{
    const struct fh_openai_chat_detail detail = {
        .kind = FH_BLOCK_THINKING, .signature = t->event->text, .signer = t->event->signer};

    if (t->event->block == FH_BLOCK_TOOL_CALL) {
        sign_call(t);
    } else if (t->enc->flavour->thinks_in_content) {
        tell_thought(t, &detail, true);
    } else {
        fh_openai_chat_hold(t->enc->held, t->event);
    }
}

/* note_usage prints the usage as it is now known. It is shown once, at the end, where clients
 * expect it. */
static void note_usage(struct fh_openai_chat_telling *t)
{
    static const struct fh_extras none = {0};
    struct fh_openai_chat_encoder *enc = t->enc;

    fh_usage_merge(&enc->counts, &t->event->usage);
    enc->has_usage = true;
    if (!enc->frame.include_usage && !enc->flavour->always_usage) {
        return;
    }
    for (int with_extras = t->ours; with_extras >= 0; with_extras--) {
        struct fh_writer w = {
            .doc = fh_json_new(t->scratch), .scratch = t->scratch, .ours = true};

        fh_buf_clear(&enc->usage);
        fh_json_append(&enc->usage, t->scratch,
                       fh_openai_chat_write_usage(&w, &enc->counts,
                                                  with_extras > 0 ? &t->event->extras : &none));
        if (with_extras > 0) {
            fh_openai_chat_add_top_extras(enc->prefix, &enc->usage, t->scratch, t->event);
        }
        if (!enc->usage.failed) {
            return; /* else again, without what the provider added */
        }
    }
}

/* tell_usage adds the usage to the last chunk, or makes one of it. */
static void tell_usage(struct fh_openai_chat_encoder *enc, struct fh_buf *out)
{
    if (enc->last.len > 0) {
        fh_buf_append(&enc->last, FH_LIT(",\"usage\":"));
        fh_buf_append(&enc->last, fh_buf_slice(&enc->usage));
        return;
    }
    fh_openai_chat_prefix_end(enc->prefix);
    fh_buf_clear(&enc->line);
    fh_openai_chat_add_prefix(&enc->line, enc->prefix);
    fh_buf_append(&enc->line, FH_LIT("],\"usage\":"));
    fh_buf_append(&enc->line, fh_buf_slice(&enc->usage));
    fh_buf_byte(&enc->line, '}');
    fh_openai_chat_send(enc, out, &enc->line);
}

static void end(struct fh_openai_chat_encoder *enc, struct fh_buf *out)
{
    if (enc->has_usage && (enc->frame.include_usage || enc->flavour->always_usage)) {
        tell_usage(enc, out);
    }
    fh_openai_chat_send_last(enc, out);
    fh_frame_write(out, enc->frame.framing, FH_NONE, FH_LIT("[DONE]"));
}

static void finish(struct fh_openai_chat_telling *t)
{
    show_held(t);
    fh_openai_chat_open_chunk(t);
    if (t->enc->flavour->always_usage) { /* Mistral's last chunk says nothing, not: no words */
        fh_openai_chat_add_key(t, FH_LIT("\"content\":\"\""));
    }
    fh_openai_chat_close_chunk(t, fh_openai_chat_finish_word(t->enc->flavour, t->event));
}

/* add_extra writes a chunk that holds nothing but extras. */
static void add_extra(struct fh_openai_chat_telling *t)
{
    bool whole = t->enc->flavour->whole_calls && t->event->block == FH_BLOCK_TOOL_CALL;
    bool in_call = fh_openai_chat_any(&t->event->extras, call_at);
    bool in_function = fh_openai_chat_any(&t->event->extras, function_at);

    if (!t->ours || t->event->extras.first == NULL) {
        return;
    }
    if (whole) {
        hold_call(t);
        return;
    }
    if (!in_call && !in_function) {
        tell_beside(t);
        return;
    }
    open_call(t, fh_openai_chat_call_number(t->enc->calls, t->event));
    if (in_function) {
        fh_buf_append(&t->enc->line, FH_LIT(",\"function\":{"));
        fh_openai_chat_add_extras(t, function_at);
        fh_buf_byte(&t->enc->line, '}');
    }
    fh_openai_chat_add_extras(t, call_at);
    fh_buf_append(&t->enc->line, FH_LIT("}]"));
    fh_openai_chat_close_chunk(t, FH_NONE);
}

static void tell(struct fh_openai_chat_telling *t)
{
    switch (t->event->kind) {
    case FH_EVENT_START:
        fh_openai_chat_open_chunk(t);
        fh_openai_chat_add_key(t, FH_LIT("\"content\":\"\""));
        fh_openai_chat_close_chunk(t, FH_NONE);
        break;
    case FH_EVENT_BLOCK_START:
        begin_block(t);
        break;
    case FH_EVENT_TEXT:
        fh_openai_chat_tell(t, FH_LIT("\"content\":"));
        break;
    case FH_EVENT_THINKING:
        think(t);
        break;
    case FH_EVENT_REFUSAL:
        fh_openai_chat_tell(t, t->enc->flavour->bare ? FH_LIT("\"content\":")
                                                     : FH_LIT("\"refusal\":"));
        break;
    case FH_EVENT_ARGUMENTS:
        if (t->enc->flavour->whole_calls) {
            hold_call(t);
        } else {
            go_on_with_call(t);
        }
        break;
    case FH_EVENT_SIGNATURE:
        sign(t);
        break;
    case FH_EVENT_DATA:
        if (t->event->block == FH_BLOCK_AUDIO) {
            go_on_with_sound(t);
        } else {
            fh_openai_chat_hold(t->enc->held, t->event);
        }
        break;
    case FH_EVENT_EXTRA:
    case FH_EVENT_CITATIONS:
        add_extra(t);
        break;
    case FH_EVENT_BLOCK_STOP:
        if (t->event->block == FH_BLOCK_TOOL_CALL && t->enc->flavour->whole_calls) {
            end_call(t);
        } else {
            add_extra(t); /* nobody is told: the next block or the finish shows it */
        }
        break;
    case FH_EVENT_FINISH:
        finish(t);
        break;
    case FH_EVENT_USAGE:
        note_usage(t);
        break;
    case FH_EVENT_ERROR:
        fh_dialect(t->enc->flavour->id)
            ->encode_fault(t->out, t->scratch, t->enc->frame.request_id, &t->event->fault,
                           t->enc->frame.framing);
        break;
    case FH_EVENT_END:
        end(t->enc, t->out);
        break;
    case FH_EVENT_PING:
        break;
    }
}

void fh_openai_chat_encode_stream(void *encoder, struct fh_buf *out, struct fh_arena *scratch,
                                  const struct fh_event *event, struct fh_loss *loss)
{
    static const struct fh_event no_start = {.kind = FH_EVENT_START};
    struct fh_openai_chat_encoder *enc = encoder;
    struct fh_openai_chat_telling t = {enc,   out,  scratch,
                                       event, loss, event->dialect == enc->flavour->id};

    if (event->kind == FH_EVENT_PING) { /* may come before the start */
        fh_openai_chat_encode_ping(out, enc->frame.framing);
        return;
    }
    if (!fh_openai_chat_prefix_begun(enc->prefix)) {
        fh_openai_chat_prefix_begin(enc->prefix, scratch, &enc->frame,
                                    event->kind == FH_EVENT_START ? event : &no_start, t.ours);
    }
    if (t.ours && event->kind != FH_EVENT_START) {
        fh_openai_chat_prefix_note(enc->prefix, scratch, event);
    }
    if (t.ours && fh_openai_chat_is_echo(event)) {
        add_extra(&t);
    } else {
        tell(&t);
    }
}
