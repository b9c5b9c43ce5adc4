/*
 * recorded_dialect.h: what was really said in a dialect, decoded and re-encoded in the same one:
 * every leaf must come back with its value.
 *
 *     request ──▶ decode ──▶ encode ──▶ compare
 *     reply   ──▶ decode ──▶ encode ──▶ compare;  what scanning saw is what the events say
 *     stream  ──▶ decode ──▶ encode ──▶ fold  ──▶ compare
 *        ╰─────────────────────────────▶ fold  ───────╯   the same of scanning
 *     error   ──▶ decode ──▶ is it understood?
 *
 * A stream is compared by what a fold, which knows nothing of our codec, makes of its events: one
 * object. All of this is the same for all dialects; what is a dialect's own is in its struct.
 *
 * Events are decoded into memory that is gone before the next one, and the bytes come in pieces of
 * a few: who keeps what it borrowed does not get through.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "recorded.h"

#include "dialect/dialect.h"

/* A stream as somebody who has read the dialect's documentation would put it together. */
struct recorded_fold {
    struct fh_arena *arena;
    yyjson_mut_doc *doc;
    yyjson_mut_val *root; /* an object; what is compared */
    void *own;            /* what the dialect remembers beside it */
    bool ours;            /* we wrote the stream: then all that its clients demand must hold */
    bool finished;        /* it was said why generation ended */
    bool over;            /* the stream's own end: what follows is another stream */
    struct fh_slice failure; /* what an error in the stream said */
    struct fh_buf *report;   /* for more than a clause about what is wrong */
};

/* Recordings of which not all holds, most because somebody changed them. */
enum recorded_flaw_kind {
    RECORDED_NO_REQUEST, /* the request is none: it is left out, and that is said */
    RECORDED_UNFINISHED, /* it is not said why generation ended */
    RECORDED_SHORTENED,  /* events are missing: the stream is not compared, all else holds */
    RECORDED_BROKEN,     /* the stream must fail, and ours must not look like one that ended */
};

struct recorded_flaw {
    const char *part; /* of the file's name; NULL behind the last */
    enum recorded_flaw_kind kind;
    const char *why; /* one clause */
};

enum { RECORDED_EXCUSES = 12, RECORDED_FLAWS = 4, RECORDED_NAMES = 20 };

struct recorded_dialect {
    const struct fh_dialect *dialect;
    struct recorded_excuse excuses[RECORDED_EXCUSES]; /* up to one without a pointer */
    struct recorded_flaw flaws[RECORDED_FLAWS];

    /* take puts one event into a fold, close does what has to wait for the last (NULL: nothing).
     * They return what is wrong, or NULL. */
    const char *(*take)(struct recorded_fold *fold, const struct fh_frame *wire);
    const char *(*close)(struct recorded_fold *fold);

    /* A recording without framing: `unline` makes an event of a line (NULL: the line is its data),
     * `done` is the data of a last event that was not kept. */
    void (*unline)(struct fh_arena *arena, struct fh_frame *wire);
    struct fh_slice done;

    /* What an answer says its tokens come to, which is what our classes must come to. */
    const char *usage, *total; /* a member of the reply, and of that; NULL: not compared */

    /* Whether a stream called tools is not said where it is said that it ended: scanning, which
     * remembers nothing, may say STOP for TOOLS, and the other way round. */
    bool tools_or_stop;

    /* NULL where a dialect has no such thing: place has a request written for a place of the kind
     * that it was sent to; spell spells both sides of a comparison in one way; is_pending says that
     * a reply is no answer yet, which is an error and costs nothing. */
    void (*place)(struct fh_chat_request *req, yyjson_val *body);
    void (*spell)(struct fh_arena *arena, yyjson_val *root);
    bool (*is_pending)(yyjson_val *reply);

    /* Is an error understood? NULL: when its message is that of the body's "error". */
    bool (*understood)(const struct fh_fault *fault);
};

/* Which calls of the manifest. */
struct recorded_apis {
    const char *name[RECORDED_NAMES]; /* up to NULL */
    bool by_api;      /* results are counted by API; else by who recorded the call */
    bool additions;   /* what re-encoding adds is listed */
    const char *only; /* calls whose request has this text; NULL: all */
};

/* Which requests of SDKs. */
struct recorded_sdks {
    const char *prefix[RECORDED_NAMES]; /* of the folders' names, up to NULL */
    const char *target;                 /* a part of the path; NULL: all */
    const char *but;                    /* no part of it; NULL: nothing */
};

/* Which calls that count tokens. */
struct recorded_counts {
    const char *api;
    const char *native; /* pointer to a body that we do not read; NULL: we read all */
    bool errors;        /* errors are counted, too, as those of the API that chats */
};

/* These are tests. Each counts what passed, says of what did not what was lost, prints a line per
 * set, and fails unless all passed and something did. */
void recorded_traffic(const struct recorded_dialect *d, const struct recorded_apis *apis);
void recorded_requests(const struct recorded_dialect *d, const struct recorded_sdks *sdks);
void recorded_count_calls(const struct recorded_dialect *d,
                          const struct recorded_counts *counts);

/* ---- for folds ---- */

/* recorded_put keeps the last value of a member, recorded_join the text of all, recorded_push a
 * list of all, recorded_list_of is such a list. */
yyjson_mut_val *recorded_put(struct recorded_fold *fold, yyjson_mut_val *obj,
                             struct fh_slice key, yyjson_val *val);
void recorded_join(struct recorded_fold *fold, yyjson_mut_val *obj, struct fh_slice key,
                   struct fh_slice more);
void recorded_push(struct recorded_fold *fold, yyjson_mut_val *obj, struct fh_slice key,
                   yyjson_val *val);
yyjson_mut_val *recorded_list_of(struct recorded_fold *fold, yyjson_mut_val *obj,
                                 struct fh_slice key);

/* recorded_numbered finds the object of a list whose "#" is `number`, or adds it. */
yyjson_mut_val *recorded_numbered(struct recorded_fold *fold, yyjson_mut_val *list,
                                  yyjson_val *number);
