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

const struct fh_openai_chat_part fh_openai_chat_parts[FH_OPENAI_CHAT_PARTS] = {
    PART("text", TEXT, text_part),          PART("image_url", IMAGE, image_part),
    PART("input_audio", AUDIO, audio_part), PART("file", DOCUMENT, file_part),
    PART("video_url", VIDEO, video_part),   PART("refusal", REFUSAL, refusal_part),
};

enum fh_rc fh_openai_chat_read_part(struct fh_reader *r, void *into, const struct fh_path *at,
                                    yyjson_val *value)
{
    const struct fh_openai_chat_flavour *flavour = fh_openai_chat_flavour_of(r);
    yyjson_val *type = fh_json_get(value, FH_LIT("type"));
    const struct fh_openai_chat_part *part = NULL;

    if (!yyjson_is_obj(value)) {
        return fh_read_wrong(r, at, "an object with a type", value);
    }
    if (!yyjson_is_str(type)) {
        return fh_read_missing(r, at, "a type, such as \"text\"");
    }
    for (size_t i = 0; i < flavour->part_count && part == NULL; i++) {
        part = fh_eq(flavour->parts[i].type, fh_json_text(type)) ? &flavour->parts[i] : NULL;
    }
    struct fh_block *block =
        fh_block_add(into, r->arena, part == NULL ? FH_BLOCK_OPAQUE : part->kind);

    block->pointer = fh_path_print(at, FH_NONE, r->arena);
    if (part == NULL) {
        block->raw = value;
        return FH_OK;
    }
    return fh_read_object(r, &part->shape, block, &block->extras, at, value);
}
