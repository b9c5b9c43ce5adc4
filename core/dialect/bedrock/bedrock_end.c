/* bedrock_end.c: why an answer ended and what it used, alike in whole answers and in streams.
 * SPDX-License-Identifier: Apache-2.0 */
#include "dialect/bedrock/bedrock.h"

/* stop_text finds the stop text that was hit: members of Claude's own answer, where the client
 * asked for them. `alone`: they say nothing else. */
static struct fh_slice stop_text(yyjson_val *fields, bool *alone)
{
    yyjson_val *top = fh_json_get(fields, FH_LIT("stop_sequence"));
    yyjson_val *delta = fh_json_get(fields, FH_LIT("delta"));
    yyjson_val *inner = fh_json_get(delta, FH_LIT("stop_sequence"));
    size_t members = (top != NULL ? 1U : 0U) + (delta != NULL ? 1U : 0U);

    *alone = yyjson_obj_size(fields) == members && yyjson_obj_size(delta) == (inner != NULL);
    return yyjson_is_str(top) ? fh_json_text(top)
                              : (yyjson_is_str(inner) ? fh_json_text(inner) : FH_NONE);
}

struct fh_event *fh_bedrock_read_finish(struct fh_events *out, yyjson_val *root)
{
    struct fh_slice key = FH_LIT("additionalModelResponseFields");
    struct fh_event *finish = fh_event_push(out, FH_EVENT_FINISH);
    yyjson_val *fields = fh_json_get(root, key);
    bool alone = false;

    finish->finish_word = fh_json_text(fh_json_get(root, FH_LIT("stopReason")));
    finish->finish = fh_bedrock_finish(finish->finish_word);
    if (fields != NULL) {
        finish->stop_sequence = stop_text(fields, &alone);
        fh_extra_add(&finish->extras, out->arena, NULL, key, fields)->repeats = alone;
    }
    return finish;
}

void fh_bedrock_write_finish(struct fh_writer *w, yyjson_mut_val *root,
                             const struct fh_event *finish, bool calls)
{
    bool tools = finish->finish == FH_FINISH_STOP && calls && !w->ours;
    struct fh_slice own = w->ours ? finish->finish_word : FH_NONE;

    fh_write_text(w, root, "stopReason",
                  fh_bedrock_stop_reason(tools ? FH_FINISH_TOOLS : finish->finish, own));
    fh_write_extras(w, &finish->extras, "", root);
    if (!w->ours && finish->stop_sequence.len > 0) {
        /* where Amazon's clients ask for it, and where they look for it in streams */
        yyjson_mut_val *fields =
            yyjson_mut_obj_add_obj(w->doc, root, "additionalModelResponseFields");

        fh_write_text(w, fields, "stop_sequence", finish->stop_sequence);
        fh_write_text(w, yyjson_mut_obj_add_obj(w->doc, fields, "delta"), "stop_sequence",
                      finish->stop_sequence);
    }
}

void fh_bedrock_read_metadata(struct fh_events *out, yyjson_val *root, struct fh_usage *sum,
                              const struct fh_slice *known, size_t count)
{
    static const struct fh_bedrock_known measured[] = {FH_BEDROCK_KNOWN("latencyMs")};
    struct fh_slice usage = FH_LIT("usage");
    struct fh_path metrics = {.key = FH_LIT("metrics")};
    struct fh_event *event = fh_event_push(out, FH_EVENT_USAGE);
    yyjson_obj_iter iter = yyjson_obj_iter_with(root);

    fh_bedrock_read_usage(sum, fh_json_get(root, usage), out->arena, &event->extras);
    event->usage = *sum;
    for (yyjson_val *key = NULL; (key = yyjson_obj_iter_next(&iter)) != NULL;) {
        struct fh_slice name = fh_json_text(key);

        if (!fh_eq(name, usage) && fh_read_word(known, count, name) == count) {
            /* how long the provider took is not what it answered: nobody misses it elsewhere */
            fh_extra_add(&event->extras, out->arena, NULL, name, yyjson_obj_iter_get_val(key))
                ->repeats = fh_eq(name, metrics.key);
        }
    }
    fh_bedrock_keep(&event->extras, out->arena, &metrics, fh_json_get(root, metrics.key),
                    measured, FH_LEN(measured));
}

void fh_bedrock_write_metadata(struct fh_writer *w, yyjson_mut_val *root,
                               const struct fh_usage *usage, const struct fh_extras *extras)
{
    fh_bedrock_write_usage(w, root, usage, extras);
    fh_write_extras(w, extras, "", root);
    if (yyjson_mut_obj_get(root, "metrics") == NULL) { /* required, and not known here */
        (void)yyjson_mut_obj_add_uint(w->doc, yyjson_mut_obj_add_obj(w->doc, root, "metrics"),
                                      "latencyMs", 0);
    }
}
