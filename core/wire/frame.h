/*
 * frame.h: one event of a stream, whatever its framing, and how one is written.
 *
 *     SSE            event: message_stop\ndata: {…}\n\n          most dialects
 *     EVENTSTREAM    [lengths|crc|:event-type …|payload|crc]     Bedrock: eventstream.h
 *     CHUNKS         the same, each payload {"bytes": base64}    Bedrock's InvokeModel
 *     LIST           [{…},\r\n{…}]                               Gemini without alt=sse
 *
 * A dialect is a schema, a framing is how its events are told apart: Claude's Messages come as SSE
 * from Anthropic and as CHUNKS from Bedrock. Decoders of dialects see a frame and not its framing.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/base.h"

enum fh_framing {
    FH_FRAMING_NONE, /* no stream: a body */
    FH_FRAMING_SSE,
    FH_FRAMING_EVENTSTREAM,
    FH_FRAMING_CHUNKS,
    FH_FRAMING_LIST,
};

/* One event. The slices borrow from the decoder that made it until its next call. */
struct fh_frame {
    struct fh_slice
        name; /* SSE: of `event:`, empty when there is none; event stream: its type, or
                             that of the exception */
    struct fh_slice data; /* what it says: nearly always JSON */
    struct fh_slice raw;  /* every byte of it */
    bool fault;           /* event stream: an exception or an error, not an event */
};
