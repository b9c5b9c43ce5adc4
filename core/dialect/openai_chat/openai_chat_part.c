/* openai_chat_part.c: the parts of a message's content become blocks. Kinds are rows of a table; a
 * part of any other kind is kept whole.
 * SPDX-License-Identifier: Apache-2.0 */
#include "openai_chat.h"

#include "chat/breakpoint.h"
#include "chat/media.h"

static enum fh_rc read_cache(struct fh_reader *r, void *into, const struct fh_path *at,
                             yyjson_val *value)
{
    struct fh_block *block = into;

    if (block->cache != FH_CACHE_NONE || !fh_breakpoint_read(value, &block->cache)) {
        (void)fh_read_keep(r, &block->extras, at, value);
    }
    return FH_OK;
}

/* OpenAI's own form of a breakpoint: {"mode": "explicit"}, for models from gpt-5.6 on. */
static enum fh_rc read_breakpoint(struct fh_reader *r, void *into, const struct fh_path *at,
                                  yyjson_val *value)
{
    struct fh_block *block = into;
    struct fh_slice mode = fh_json_text(fh_json_get(value, FH_LIT("mode")));

    if (block->cache != FH_CACHE_NONE || yyjson_obj_size(value) != 1 ||
        !fh_eq(mode, FH_LIT("explicit"))) {
        (void)fh_read_keep(r, &block->extras, at, value);
        return FH_OK;
    }
    block->cache = FH_CACHE_DEFAULT;
    block->cache_at = fh_path_print(at, FH_NONE, r->arena);
    return FH_OK;
}

/* take_url makes a source of what is a URL, or a data: URL. */
static void take_url(struct fh_block *block)
{
    block->source = fh_data_url_split(block->data, &block->media_type, &block->data)
                        ? FH_SOURCE_BASE64
                        : FH_SOURCE_URL;
}

enum fh_rc fh_openai_chat_read_url(struct fh_reader *r, void *into, const struct fh_path *at,
                                   yyjson_val *value)
{
    static const struct fh_member members[] = {
        FH_MEMBER_NEEDED("url", TEXT, struct fh_block, data),
        FH_MEMBER("detail", TEXT, struct fh_block, detail),
    };
    struct fh_block *block = into;

    block->from_string = yyjson_is_str(value);
    if (block->from_string) {
        block->data = fh_json_text(value);
    } else {
        FH_TRY(fh_read_object(r, &FH_SHAPE(members), block, &block->extras, at, value));
    }
    take_url(block);
    return FH_OK;
}

static enum fh_rc read_input_audio(struct fh_reader *r, void *into, const struct fh_path *at,
                                   yyjson_val *value)
{
    static const struct fh_member members[] = {
        FH_MEMBER_NEEDED("data", TEXT, struct fh_block, data),
        FH_MEMBER_NEEDED("format", TEXT, struct fh_block, media_type),
    };
    struct fh_block *block = into;

    FH_TRY(fh_read_object(r, &FH_SHAPE(members), block, &block->extras, at, value));
    struct fh_slice parts[] = {FH_LIT("audio/"), block->media_type};

    block->media_type = fh_concat(r->arena, parts, FH_LEN(parts));
    block->source = FH_SOURCE_BASE64;
    return FH_OK;
}

struct file {
    struct fh_slice data, id, name;
};

/* file_source: OpenRouter's clients put a URL where the bytes are. */
static enum fh_source file_source(const struct file *file)
{
    if (file->data.ptr == NULL) {
        return FH_SOURCE_FILE;
    }
    return fh_starts(file->data, FH_LIT("https://")) || fh_starts(file->data, FH_LIT("http://"))
               ? FH_SOURCE_URL
               : FH_SOURCE_BASE64;
}

static enum fh_rc read_file(struct fh_reader *r, void *into, const struct fh_path *at,
                            yyjson_val *value)
{
    static const struct fh_member members[] = {
        FH_MEMBER("file_data", TEXT, struct file, data),
        FH_MEMBER("file_id", TEXT, struct file, id),
        FH_MEMBER("filename", TEXT, struct file, name),
    };
    struct fh_block *block = into;
    struct fh_path id_at = {.up = at, .key = FH_LIT("file_id")};
    struct file file = {0};

    FH_TRY(fh_read_object(r, &FH_SHAPE(members), &file, &block->extras, at, value));
    if (file.data.ptr == NULL && file.id.ptr == NULL) {
        return fh_read_missing(r, at, "file_data or a file_id");
    }
    block->name = file.name;
    block->source = file_source(&file);
    block->data = block->source == FH_SOURCE_FILE ? file.id : file.data;
    if (block->source != FH_SOURCE_FILE && file.id.ptr != NULL) {
        (void)fh_read_keep(r, &block->extras, &id_at, fh_json_get(value, id_at.key));
    }
    if (block->source == FH_SOURCE_BASE64) {
        (void)!fh_data_url_split(block->data, &block->media_type, &block->data);
    }
    return FH_OK;
}

#define CACHED     FH_MEMBER_BY("cache_control", read_cache)
#define BREAKPOINT FH_MEMBER_BY("prompt_cache_breakpoint", read_breakpoint)

static const struct fh_member text_part[] = {
    FH_MEMBER_IGNORED("type"),
    FH_MEMBER_NEEDED("text", TEXT, struct fh_block, text),
    CACHED,
    BREAKPOINT,
};
static const struct fh_member image_part[] = {
    FH_MEMBER_IGNORED("type"),
    FH_MEMBER_NEEDED_BY("image_url", fh_openai_chat_read_url),
    CACHED,
    BREAKPOINT,
};
static const struct fh_member video_part[] = {
    FH_MEMBER_IGNORED("type"),
    FH_MEMBER_NEEDED_BY("video_url", fh_openai_chat_read_url),
    CACHED,
};
static const struct fh_member audio_part[] = {
    FH_MEMBER_IGNORED("type"),
    FH_MEMBER_NEEDED_BY("input_audio", read_input_audio),
    CACHED,
    BREAKPOINT,
};
static const struct fh_member file_part[] = {
    FH_MEMBER_IGNORED("type"),
    FH_MEMBER_NEEDED_BY("file", read_file),
    CACHED,
    BREAKPOINT,
};
static const struct fh_member refusal_part[] = {
    FH_MEMBER_IGNORED("type"),
    FH_MEMBER_NEEDED("refusal", TEXT, struct fh_block, text),
};

#define PART(word, kind, rows)              \
    {                                       \
        FH_LIT_INIT(word), FH_BLOCK_##kind, \
        {                                   \
            (rows), FH_LEN(rows)            \
        }                                   \
    }

static const struct fh_openai_chat_part all_parts[] = {
    PART("text", TEXT, text_part),          PART("image_url", IMAGE, image_part),
    PART("input_audio", AUDIO, audio_part), PART("file", DOCUMENT, file_part),
    PART("video_url", VIDEO, video_part),   PART("refusal", REFUSAL, refusal_part),
};

static const struct fh_openai_chat_part *find(const struct fh_openai_chat_part *parts,
                                              size_t count, struct fh_slice type)
{
    for (size_t i = 0; i < count; i++) {
        if (fh_eq(parts[i].type, type)) {
            return &parts[i];
        }
    }
    return NULL;
}

/* is_open says whether a thought may go on in the next part: in streams of Mistral's dialect it
 * comes in pieces, and clients send the pieces back. */
static bool is_open(const struct fh_block *thought)
{
    return thought != NULL && thought->kind == FH_BLOCK_THINKING &&
           thought->content.last != NULL && thought->signature.len == 0 &&
           !yyjson_is_true(fh_json_get(thought->content.last->raw, FH_LIT("closed")));
}

/* read_thought reads thinking that is a part of the content. Its pieces are kept as they were. */
static enum fh_rc read_thought(struct fh_reader *r, struct fh_blocks *list,
                               const struct fh_path *at, yyjson_val *value)
{
    struct fh_openai_chat_detail detail;

    fh_openai_chat_read_chunk(&detail, r->arena, value);
    bool more = is_open(list->last) && detail.kind == FH_BLOCK_THINKING;
    struct fh_block *block = more ? list->last : fh_block_add(list, r->arena, detail.kind);
    struct fh_block *piece = fh_block_add(&block->content, r->arena, FH_BLOCK_OPAQUE);

    /* of the message: a block of several parts has but the first one's place */
    fh_openai_chat_keep_others(&r->req->last_message->extras, r->arena, at, value, detail.form);
    if (!more) {
        block->pointer = fh_path_print(at, FH_NONE, r->arena);
    }
    piece->raw = value;
    piece->text = detail.text;
    block->text = more ? FH_NONE : detail.text;
    block->signature = detail.signature;
    block->data = detail.data;
    block->signer = detail.signer;
    return FH_OK;
}

void fh_openai_chat_join_thoughts(struct fh_arena *arena, struct fh_blocks *list)
{
    for (struct fh_block *thought = list->first; thought != NULL; thought = thought->next) {
        struct fh_buf words = fh_buf_in_arena(arena, SIZE_MAX / 4);

        if (thought->kind != FH_BLOCK_THINKING || thought->content.first == NULL ||
            thought->content.first->next == NULL) {
            continue;
        }
        for (const struct fh_block *p = thought->content.first; p != NULL; p = p->next) {
            fh_buf_append(&words, p->text);
        }
        thought->text = fh_buf_slice(&words);
    }
}

enum fh_rc fh_openai_chat_read_part(struct fh_reader *r, void *into, const struct fh_path *at,
                                    yyjson_val *value)
{
    const struct fh_openai_chat_flavour *flavour = fh_openai_chat_flavour_of(r);
    yyjson_val *type = fh_json_get(value, FH_LIT("type"));
    const struct fh_openai_chat_part *part =
        find(flavour->parts, flavour->part_count, fh_json_text(type));

    if (!yyjson_is_obj(value)) {
        return fh_read_wrong(r, at, "an object with a type", value);
    }
    if (!yyjson_is_str(type)) {
        return fh_read_missing(r, at, "a type, such as \"text\"");
    }
    if (part == NULL) {
        part = find(all_parts, FH_LEN(all_parts), fh_json_text(type));
    }
    if (part != NULL && part->kind == FH_BLOCK_THINKING) {
        return read_thought(r, into, at, value);
    }
    struct fh_block *block =
        fh_block_add(into, r->arena, part == NULL ? FH_BLOCK_OPAQUE : part->kind);

    block->pointer = fh_path_print(at, FH_NONE, r->arena);
    if (part != NULL) {
        FH_TRY(fh_read_object(r, &part->shape, block, &block->extras, at, value));
    }
    block->raw = block->kind == FH_BLOCK_OPAQUE ? value : NULL;
    return FH_OK;
}
