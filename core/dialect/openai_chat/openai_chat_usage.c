/* openai_chat_usage.c: token counts between this dialect's nested sums and our classes.
 * SPDX-License-Identifier: Apache-2.0 */
#include "openai_chat.h"

static const char usage_at[] = "/usage";
static const char prompt_at[] = "/usage/prompt_tokens_details";
static const char completion_at[] = "/usage/completion_tokens_details";

/* Where the details do not say what was cached: DeepSeek's name for it, Mistral's, Moonshot's. */
static const struct fh_slice cached_names[] = {FH_LIT_INIT("prompt_cache_hit_tokens"),
                                               FH_LIT_INIT("num_cached_tokens"),
                                               FH_LIT_INIT("cached_tokens")};

static bool count_at(yyjson_val *obj, struct fh_slice key, uint64_t *count)
{
    return fh_json_u64(fh_json_get(obj, key), count);
}

static void read_count(struct fh_usage *usage, enum fh_tokens kind, yyjson_val *obj,
                       struct fh_slice key)
{
    uint64_t count = 0;

    if (count_at(obj, key, &count)) {
        fh_usage_set(usage, kind, count);
    }
}

void fh_openai_chat_read_usage(struct fh_usage *usage, yyjson_val *obj)
{
    yyjson_val *prompt = fh_json_get(obj, FH_LIT("prompt_tokens_details"));
    yyjson_val *completion = fh_json_get(obj, FH_LIT("completion_tokens_details"));
    uint64_t total = 0;

    for (size_t i = 0; i < FH_LEN(cached_names); i++) {
        read_count(usage, FH_TOKENS_CACHE_READ, obj, cached_names[i]);
    }
    read_count(usage, FH_TOKENS_CACHE_READ, prompt, FH_LIT("cached_tokens"));
    read_count(usage, FH_TOKENS_CACHE_WRITE_5M, prompt, FH_LIT("cache_write_tokens"));
    read_count(usage, FH_TOKENS_AUDIO_IN, prompt, FH_LIT("audio_tokens"));
    read_count(usage, FH_TOKENS_OUTPUT, obj, FH_LIT("completion_tokens"));
    read_count(usage, FH_TOKENS_REASONING, completion, FH_LIT("reasoning_tokens"));
    read_count(usage, FH_TOKENS_AUDIO_OUT, completion, FH_LIT("audio_tokens"));
    if (count_at(obj, FH_LIT("prompt_tokens"), &total)) {
        uint64_t read = usage->count[FH_TOKENS_CACHE_READ];
        uint64_t written = usage->count[FH_TOKENS_CACHE_WRITE_5M];

        /* numbers that do not add up: what was cached is believed, and no class is negative */
        total = total > read ? total - read : 0;
        fh_usage_set(usage, FH_TOKENS_INPUT, total > written ? total - written : 0);
    }
}

/* keep_odd keeps a count that the classes would not give back as it was. */
static void keep_odd(struct fh_event *event, struct fh_arena *arena, yyjson_val *obj,
                     struct fh_slice key, uint64_t ours)
{
    struct fh_path path = {.key = FH_LIT("usage")};
    yyjson_val *val = fh_json_get(obj, key);
    uint64_t theirs = 0;

    if (val != NULL && (!fh_json_u64(val, &theirs) || theirs != ours)) {
        fh_extra_add(&event->extras, arena, &path, key, val);
    }
}

static uint64_t total_of(const struct fh_usage *usage)
{
    uint64_t total = 0;

    return __builtin_add_overflow(fh_usage_input(usage), usage->count[FH_TOKENS_OUTPUT], &total)
               ? UINT64_MAX
               : total;
}

static void keep_details(struct fh_event *event, struct fh_arena *arena, yyjson_val *obj,
                         struct fh_slice key, const struct fh_openai_chat_names *known,
                         bool whole)
{
    struct fh_path up = {.key = FH_LIT("usage")};
    struct fh_path path = {.up = &up, .key = key};
    yyjson_val *details = fh_json_get(obj, key);
    uint64_t count = 0;

    if (details != NULL && (!yyjson_is_obj(details) || yyjson_obj_size(details) == 0)) {
        fh_extra_add(&event->extras, arena, &up, key, details);
        return;
    }
    fh_openai_chat_keep(&event->extras, arena, &path, details, known, whole);
    for (size_t i = 0; i < known->count; i++) {
        yyjson_val *val = fh_json_get(details, known->name[i]);

        if (val != NULL && !fh_json_u64(val, &count)) {
            fh_extra_add(&event->extras, arena, &path, known->name[i], val);
        }
    }
}

void fh_openai_chat_usage_event(struct fh_events *out, yyjson_val *obj, bool whole)
{
    static const struct fh_slice members[] = {FH_LIT_INIT("prompt_tokens"),
                                              FH_LIT_INIT("completion_tokens"),
                                              FH_LIT_INIT("total_tokens"),
                                              FH_LIT_INIT("prompt_tokens_details"),
                                              FH_LIT_INIT("completion_tokens_details")};
    static const struct fh_slice of_prompt[] = {FH_LIT_INIT("cached_tokens"),
                                                FH_LIT_INIT("cache_write_tokens"),
                                                FH_LIT_INIT("audio_tokens")};
    static const struct fh_slice of_completion[] = {FH_LIT_INIT("reasoning_tokens"),
                                                    FH_LIT_INIT("audio_tokens")};
    static const struct fh_openai_chat_names known = {members, FH_LEN(members)};
    static const struct fh_openai_chat_names prompt = {of_prompt, FH_LEN(of_prompt)};
    static const struct fh_openai_chat_names completion = {of_completion,
                                                           FH_LEN(of_completion)};
    struct fh_event *event = fh_event_push(out, FH_EVENT_USAGE);
    struct fh_path path = {.key = FH_LIT("usage")};

    fh_openai_chat_read_usage(&event->usage, obj);
    fh_openai_chat_keep(&event->extras, out->arena, &path, obj, &known, whole);
    keep_details(event, out->arena, obj, members[3], &prompt, whole);
    keep_details(event, out->arena, obj, members[4], &completion, whole);
    for (struct fh_extra *e = event->extras.first; e != NULL; e = e->next) {
        e->repeats =
            fh_read_word(cached_names, FH_LEN(cached_names), e->key) < FH_LEN(cached_names);
    }
    keep_odd(event, out->arena, obj, members[0], fh_usage_input(&event->usage));
    keep_odd(event, out->arena, obj, members[1], event->usage.count[FH_TOKENS_OUTPUT]);
    keep_odd(event, out->arena, obj, members[2], total_of(&event->usage));
}

struct detail {
    const char *key;
    uint64_t count;
    bool seen;
};

struct details {
    const char *place;
    const struct detail *detail;
    size_t count;
};

/* add_counts writes counts in the order of their list; an extra of that name knows better. */
static void add_counts(struct fh_writer *w, yyjson_mut_val *obj, const struct details *details,
                       const struct fh_extras *extras)
{
    for (size_t i = 0; i < details->count; i++) {
        const struct detail *d = &details->detail[i];
        const struct fh_extra *odd =
            fh_openai_chat_find(extras, fh_cstr(details->place), fh_cstr(d->key));

        if (odd != NULL) {
            (void)yyjson_mut_obj_add_val(w->doc, obj, d->key,
                                         yyjson_val_mut_copy(w->doc, odd->value));
        } else if (d->seen) {
            (void)yyjson_mut_obj_add_uint(w->doc, obj, d->key, d->count);
        }
    }
}

/* add_details writes one of the two nested objects, if there is anything to say in it. */
static void add_details(struct fh_writer *w, yyjson_mut_val *parent, const char *key,
                        const struct details *details, const struct fh_extras *extras)
{
    yyjson_mut_val *nested = yyjson_mut_obj(w->doc);

    if (fh_openai_chat_find(extras, fh_cstr(usage_at), fh_cstr(key)) != NULL) {
        return;
    }
    add_counts(w, nested, details, extras);
    fh_write_extras(w, extras, details->place, nested);
    if (yyjson_mut_obj_size(nested) > 0) {
        (void)yyjson_mut_obj_add_val(w->doc, parent, key, nested);
    }
}

yyjson_mut_val *fh_openai_chat_write_usage(struct fh_writer *w, const struct fh_usage *usage,
                                           const struct fh_extras *extras)
{
    yyjson_mut_val *obj = yyjson_mut_obj(w->doc);
    const struct detail sums[] = {
        {"prompt_tokens", fh_usage_input(usage), true},
        {"completion_tokens", usage->count[FH_TOKENS_OUTPUT], true},
        {"total_tokens", total_of(usage), true},
    };
    const struct detail prompt[] = {
        {"cached_tokens", usage->count[FH_TOKENS_CACHE_READ],
         fh_usage_has(usage, FH_TOKENS_CACHE_READ)},
        {"cache_write_tokens",
         usage->count[FH_TOKENS_CACHE_WRITE_5M] + usage->count[FH_TOKENS_CACHE_WRITE_1H],
         fh_usage_has(usage, FH_TOKENS_CACHE_WRITE_5M) ||
             fh_usage_has(usage, FH_TOKENS_CACHE_WRITE_1H)},
        {"audio_tokens", usage->count[FH_TOKENS_AUDIO_IN],
         fh_usage_has(usage, FH_TOKENS_AUDIO_IN)},
    };
    const struct detail completion[] = {
        {"reasoning_tokens", usage->count[FH_TOKENS_REASONING],
         fh_usage_has(usage, FH_TOKENS_REASONING)},
        {"audio_tokens", usage->count[FH_TOKENS_AUDIO_OUT],
         fh_usage_has(usage, FH_TOKENS_AUDIO_OUT)},
    };

    const struct details top = {usage_at, sums, FH_LEN(sums)};
    const struct details input = {prompt_at, prompt, FH_LEN(prompt)};
    const struct details output = {completion_at, completion, FH_LEN(completion)};

    add_counts(w, obj, &top, extras);
    add_details(w, obj, "prompt_tokens_details", &input, extras);
    add_details(w, obj, "completion_tokens_details", &output, extras);
    fh_write_extras(w, extras, usage_at, obj);
    return obj;
}
