/* stream-broken.test.mjs: streams of each dialect's provider that break their own rules, read by the
 * SDKs of all the others. Each has to hear of it, and what was used so far is in the books.
 * SPDX-License-Identifier: Apache-2.0 */

import assert from 'node:assert/strict';
import test from 'node:test';
import { ask, clients } from './lib/ask.mjs';
import { allDialects, gateway } from './lib/gateway.mjs';
import { events, upstream } from './lib/upstream.mjs';
import { crc32, eventFrame, frame } from './lib/wire-bedrock.mjs';
import { wires } from './lib/wires.mjs';

const text = 'It is a rather long word that is said in pieces.';

/* with 0xff in place of a letter of the text */
const notUtf8 = (list) => {
  const at = list.findLastIndex((event) => /"(delta|content|text)":"[^"]+"/.test(event) && !/done|completed/.test(event));
  const out = Buffer.from(list[at]);
  out[list[at].search(/"(delta|content|text)":"[^"]+"/) + '"text":"'.length + 3] = 0xff;
  return list.with(at, out);
};

const early = (list) => list.slice(0, 4);
const noJson = (list) => list.with(3, 'data: {"broken\n\n');
const twice = (list, what) => {
  const at = list.findIndex((event) => what.test(event));
  return [...list.slice(0, at + 1), list[at], ...list.slice(at + 1)];
};
const swapped = (list, what) => {
  const at = list.findIndex((event) => what.test(event));
  return [...list.slice(0, at - 1), list[at], list[at - 1], ...list.slice(at + 1)];
};

/* flipped changes one bit of the byte `at` bytes into the fourth frame, or before its end. */
const flipped = (at) => (list) =>
  list.with(3, Buffer.from(list[3]).map((byte, i, all) => (i === (at + all.length) % all.length ? byte ^ 1 : byte)));

/* A frame whose bytes were changed, under sums that are right. */
const forged = (change) => (list) => {
  const out = Buffer.from(list[3]);
  change(out);
  out.writeUInt32BE(crc32(out.subarray(0, 8)), 8);
  out.writeUInt32BE(crc32(out.subarray(0, out.length - 4)), out.length - 4);
  return list.with(3, out);
};

const everywhere = { 'ends properly, too early': early };
const inEvents = { ...everywhere, 'is not UTF-8': notUtf8, 'is not JSON': noJson };
const delta = (index, more) => eventFrame('contentBlockDelta', { contentBlockIndex: index, delta: more });

const faults = {
  anthropic: {
    ...inEvents,
    'opens a block twice': (list) => twice(list, /content_block_start/),
    'closes a block twice': (list) => twice(list, /content_block_stop/),
    'says a delta before its block': (list) => swapped(list, /content_block_delta/),
    'goes back to an earlier index': (list) => [
      ...list.slice(0, -2),
      list.find((event) => /content_block_start/.test(event)),
      ...list.slice(-2),
    ],
  },
  openai_chat: inEvents,
  openai_responses: {
    ...inEvents,
    'opens an item twice': (list) => twice(list, /output_item.added/),
    'begins twice': (list) => twice(list, /response.created/),
    'ends an item twice': (list) => twice(list, /output_item.done/),
    'says words before their item': (list) => [
      list[0],
      list.find((event) => /output_text.delta/.test(event)),
      ...list.slice(1),
    ],
  },
  bedrock: {
    ...everywhere,
    'is not UTF-8': (list) =>
      list.with(3, frame(
        { ':event-type': 'contentBlockDelta', ':content-type': 'application/json', ':message-type': 'event' },
        Buffer.concat([Buffer.from('{"contentBlockIndex":0,"delta":{"text":"'), Buffer.from([0xff]), Buffer.from('"}}')]),
      )),
    'has a wrong sum of a prelude': flipped(8),
    'has a wrong sum of a message': flipped(-1),
    'has a changed byte': flipped(-8),
    'has a length that is none': forged((out) => out.writeUInt32BE(7, 0)),
    'has headers longer than the frame': forged((out) => out.writeUInt32BE(out.length, 4)),
    'has a header of an unknown type': forged((out) => out.writeUInt8(99, 12 + 1 + out[12])),
    'opens a block twice': (list) => [
      ...list.slice(0, -2),
      ...[0, 0].map(() => eventFrame('contentBlockStart', {
        contentBlockIndex: 1,
        start: { toolUse: { toolUseId: 't1', name: 'weather' } },
      })),
      ...list.slice(-2),
    ],
    'goes back to an earlier index': (list) => [...list.slice(0, -2), delta(0, { text: 'again' }), ...list.slice(-2)],
    'goes on behind its end': (list) => [...list.slice(0, -1), delta(1, { text: 'more' }), list.at(-1)],
    'begins twice': (list) => [list[0], ...list],
  },
  gemini: {
    'ends properly, too early': (list) => list.slice(0, 2),
    'is not UTF-8': notUtf8,
    'is not JSON': (list) => list.with(1, 'data: {"broken\r\n\r\n'),
  },
  mistral: inEvents,
};

for (const [provider, broken] of Object.entries(faults)) {
  const wire = wires[provider];
  const others = Object.keys(clients).filter((client) => client !== provider);

  for (const [name, change] of Object.entries(broken)) {
    test(`a stream of ${provider} that ${name}`, async (t) => {
      const list = change(wire.events(text, { includeUsage: true }));
      const up = await upstream(t, () => events(list, { headers: { 'content-type': wire.type } }));
      const gw = await gateway(t, allDialects(up));
      for (const client of others) {
        const said = await ask(gw, client, `to-${provider}`, {}, true).then(
          (whole) => `ended cleanly with "${whole.text}"`,
          (error) => error,
        );
        assert.ok(said instanceof Error, `${client}: ${said}`);
      }
      const ends = (await gw.journal()).filter((record) => record.type === 'settle');
      assert.equal(ends.length, others.length);
      for (const end of ends) {
        if (end.outcome === 'failed') continue; // before the client had a byte of it: an error from the start
        assert.equal(end.outcome, 'cut');
        assert.ok(end.input_tokens > 0 && end.output_tokens > 0, 'what was used so far');
        if (provider === 'anthropic') assert.equal(end.input_tokens, 12, 'as message_start had it');
      }
    });
  }
}
