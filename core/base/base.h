/*
 * base.h: what every file of Freehold stands on: outcomes, slices, arenas, buffers.
 *
 * The core does no I/O, reads no clock, draws no random number and starts no thread. Bytes and
 * time come in as arguments, bytes and wants come out. Out of memory aborts the process, which its
 * supervisor restarts; so nothing here or above handles a failed malloc. What a peer can make
 * large is bounded by an fh_buf's `max` or by fh_arena_try, and passing the bound is a refusal.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/outcome.h"
#include "base/slice.h"
