/* openai_chat_held.c: what a stream's client is told once and whole, right before the finish of a
 * choice: signatures and images.
 * SPDX-License-Identifier: Apache-2.0 */
#include "openai_chat.h"

#include "chat/media.h"

enum {
    IMAGE_MAX = 1 << 25, /* bytes of one image */
    IMAGES_MAX = 64,     /* of one choice */
};

struct image {
    struct image *next;
    uint32_t block;
    struct fh_slice media_type;
    struct fh_buf data;
};

/* A choice of which something is held. */
struct voice {
    struct voice *next;
    uint32_t choice;
    struct fh_openai_chat_thoughts thoughts;
    struct image *first_image, *last_image;
    uint32_t image_count;
    bool failed; /* there were more images than are held */
};

struct fh_openai_chat_held {
    struct fh_arena *arena;
    struct voice *voices;
};

struct fh_openai_chat_held *fh_openai_chat_held_new(struct fh_arena *arena)
{
    struct fh_openai_chat_held *held = fh_new(arena, struct fh_openai_chat_held);

    held->arena = arena;
    return held;
}

static struct voice *find(const struct fh_openai_chat_held *held, uint32_t choice)
{
    struct voice *voice = held->voices;

    while (voice != NULL && voice->choice != choice) {
        voice = voice->next;
    }
    return voice;
}

static void hold_image(struct fh_openai_chat_held *held, struct voice *voice,
                       const struct fh_event *event)
{
    struct image *image = NULL;

    if (voice->image_count == IMAGES_MAX) {
        voice->failed = true;
        return;
    }
    image = fh_new(held->arena, struct image);
    *image = (struct image){.block = event->index,
                            .media_type = fh_dup(held->arena, event->media_type),
                            .data = fh_buf_in_arena(held->arena, IMAGE_MAX)};
    if (voice->last_image == NULL) {
        voice->first_image = image;
    } else {
        voice->last_image->next = image;
    }
    voice->last_image = image;
    voice->image_count++;
}

static void hold_data(struct voice *voice, const struct fh_event *event)
{
    for (struct image *i = voice->first_image; i != NULL; i = i->next) {
        if (i->block == event->index) {
            fh_buf_append(&i->data, event->text);
            voice->failed = voice->failed || i->data.failed;
        }
    }
}

void fh_openai_chat_hold(struct fh_openai_chat_held *held, const struct fh_event *event)
{
    struct voice *voice = find(held, event->choice);

    if (voice == NULL) {
        voice = fh_new(held->arena, struct voice);
        voice->choice = event->choice;
        voice->next = held->voices;
        held->voices = voice;
    }
    if (event->block != FH_BLOCK_IMAGE) {
        fh_openai_chat_note_thought(&voice->thoughts, held->arena, event);
    } else if (event->kind == FH_EVENT_BLOCK_START) {
        hold_image(held, voice, event);
    } else {
        hold_data(voice, event);
    }
}

bool fh_openai_chat_holds(struct fh_openai_chat_held *held, uint32_t choice,
                          struct fh_loss *loss)
{
    struct voice *voice = find(held, choice);

    if (voice == NULL) {
        return false;
    }
    if (voice->thoughts.failed) {
        fh_loss_add(loss, FH_LIT("/choices/0/message/reasoning_details"),
                    "more was thought than is held for its signatures");
        voice->thoughts.sign = false;
    }
    if (voice->failed) {
        fh_loss_add(loss, FH_LIT("/choices/0/message/images"),
                    "the images are larger, or more, than are held");
        voice->first_image = NULL;
    }
    return voice->thoughts.sign || voice->first_image != NULL;
}

static void add_images(struct fh_buf *out, struct fh_arena *scratch, const struct voice *voice)
{
    uint64_t index = 0;

    fh_buf_append(out, FH_LIT("\"images\":["));
    for (const struct image *i = voice->first_image; i != NULL; i = i->next) {
        fh_buf_append(out, index > 0 ? FH_LIT(",") : FH_NONE);
        fh_buf_append(out, FH_LIT("{\"type\":\"image_url\",\"image_url\":{\"url\":"));
        fh_json_quote(out, fh_data_url(scratch, i->media_type, fh_buf_slice(&i->data)));
        fh_buf_append(out, FH_LIT("},\"index\":"));
        fh_buf_u64(out, index++);
        fh_buf_byte(out, '}');
    }
    fh_buf_byte(out, ']');
}

void fh_openai_chat_add_held(struct fh_buf *out, struct fh_arena *scratch,
                             const struct fh_openai_chat_held *held, uint32_t choice)
{
    const struct voice *voice = find(held, choice);

    FH_ASSERT(voice != NULL);
    if (voice->thoughts.sign) {
        fh_buf_append(out, FH_LIT("\"reasoning_details\":"));
        fh_openai_chat_print_thoughts(out, &voice->thoughts);
    }
    if (voice->first_image != NULL) {
        fh_buf_append(out, voice->thoughts.sign ? FH_LIT(",") : FH_NONE);
        add_images(out, scratch, voice);
    }
}
