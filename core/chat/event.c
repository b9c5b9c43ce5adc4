/* event.c: a list of events that grows in an arena.
 * SPDX-License-Identifier: Apache-2.0 */
#include "chat/event.h"

enum { ROOM_MIN = 8 };

struct fh_event *fh_event_push(struct fh_events *events, enum fh_event_kind kind)
{
    if (events->count == events->room) {
        size_t room = fh_max(events->room * 2, ROOM_MIN);
        struct fh_event *list = fh_arena_raw(events->arena, room * sizeof(*list));

        if (events->count > 0) {
            memcpy(list, events->list, events->count * sizeof(*list));
        }
        events->list = list;
        events->room = room;
    }
    struct fh_event *event = &events->list[events->count++];

    *event = (struct fh_event){.kind = kind, .dialect = events->dialect};
    return event;
}
