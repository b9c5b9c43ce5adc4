/* stream-lies.test.mjs: answers that are well-formed and wrong: indices, order, types and numbers that
 * no protocol has. Whatever is made of them, it ends, once, and nothing is harmed.
 * SPDX-License-Identifier: Apache-2.0 */

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test from 'node:test';
import { body, models, pairs, paths, question } from './lib/clients.mjs';
import { bothDialects, gateway } from './lib/gateway.mjs';
import { events, json, upstream } from './lib/upstream.mjs';
import { anthropicEvent, anthropicEvents, anthropicReply, openaiEvents, openaiReply } from './lib/wire.mjs';

const start = anthropicEvents('x')[0];
const stop = anthropicEvents('x').slice(-2).join('');
const block = (index, kind = { type: 'text', text: '' }) =>
  anthropicEvent({ type: 'content_block_start', index, content_block: kind });
const delta = (index, one = { type: 'text_delta', text: 'Hello' }) =>
  anthropicEvent({ type: 'content_block_delta', index, delta: one });
const close = (index) => anthropicEvent({ type: 'content_block_stop', index });
const call = { type: 'tool_use', id: 'c1', name: 'f', input: {} };

const anthropicLies = {
  'a delta of a block that never began': [start, delta(0), stop],
  'a block that begins twice': [start, block(0), block(0), delta(0), close(0), stop],
  'a block that never ends': [start, block(0), delta(0), stop],
  'a block that ends twice': [start, block(0), delta(0), close(0), close(0), stop],
  'a delta behind the end of its block': [start, block(0), close(0), delta(0), stop],
  'blocks out of order': [start, block(1), delta(1), close(1), block(0), delta(0), close(0), stop],
  'an enormous index': [start, block(2 ** 31), delta(2 ** 31), close(2 ** 31), stop],
  'a negative index': [start, block(-1), delta(-1), close(-1), stop],
  'an index that is text': [start, block('zero'), delta('zero'), stop],
  'text in a tool call': [start, block(0, call), delta(0), close(0), stop],
  'arguments in a text': [start, block(0), delta(0, { type: 'input_json_delta', partial_json: '{' }), stop],
  'arguments that are no JSON': [
    start,
    block(0, call),
    delta(0, { type: 'input_json_delta', partial_json: '{"a": ' }),
    close(0),
    stop,
  ],
  'a call without a name': [start, block(0, { type: 'tool_use' }), close(0), stop],
  'a block of an unknown kind': [start, block(0, { type: 'hologram', x: 1 }), delta(0), close(0), stop],
  'a delta of an unknown kind': [start, block(0), delta(0, { type: 'smell_delta', smell: 'x' }), close(0), stop],
  'two beginnings': [start, start, block(0), delta(0), close(0), stop],
  'no beginning': [block(0), delta(0), close(0), stop],
  'an end, and more': [start, block(0), delta(0), close(0), stop, block(1), delta(1), stop],
  'a thousand blocks': [
    start,
    ...Array.from({ length: 1000 }, (_, i) => block(i) + delta(i) + close(i)),
    stop,
  ],
  'nothing but pings': Array(2000).fill(anthropicEvent({ type: 'ping' })),
};

const chunk = (choice, more = {}) =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'u', choices: [choice].flat(), ...more })}\n\n`;
const say = (deltas, more) => chunk({ index: 0, delta: deltas, finish_reason: null, ...more });
const finish = say({}, { finish_reason: 'stop' });
const done = 'data: [DONE]\n\n';
const toolCall = (one) => say({ tool_calls: [one] });

const openaiLies = {
  'a delta that is null': [say(null), finish, done],
  'content that is a number': [say({ content: 7 }), finish, done],
  'choices that are an object': [chunk([], { choices: { a: 1 } }), finish, done],
  'a choice without a delta': [chunk({ index: 0 }), finish, done],
  'an enormous choice': [chunk({ index: 2 ** 31, delta: { content: 'x' } }), finish, done],
  'several choices': [chunk([0, 1, 2].map((index) => ({ index, delta: { content: `n${index}` } }))), finish, done],
  'arguments before their call': [toolCall({ index: 0, function: { arguments: '{"a":1}' } }), finish, done],
  'a call of an enormous index': [
    toolCall({ index: 2 ** 31, id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }),
    finish,
    done,
  ],
  'a negative index': [toolCall({ index: -1, id: 'c', function: { name: 'f', arguments: '{}' } }), finish, done],
  'a call that begins twice': [
    ...Array(2).fill(toolCall({ index: 0, id: 'c', function: { name: 'f', arguments: '' } })),
    finish,
    done,
  ],
  'arguments that are no JSON': [
    toolCall({ index: 0, id: 'c', function: { name: 'f', arguments: '{"a":' } }),
    say({}, { finish_reason: 'tool_calls' }),
    done,
  ],
  'two ends': [say({ content: 'x' }), finish, finish, done, done],
  'content behind the end': [say({ content: 'x' }), finish, say({ content: 'y' }), done],
  'an unknown reason to end': [say({ content: 'x' }), say({}, { finish_reason: 'boredom' }), done],
  'ten thousand calls': [
    say({
      tool_calls: Array.from({ length: 10_000 }, (_, index) => ({
        index,
        id: `c${index}`,
        function: { name: 'f', arguments: '{}' },
      })),
    }),
    say({}, { finish_reason: 'tool_calls' }),
    done,
  ],
  'no end at all': [say({ content: 'x' }), done],
  'invalid UTF-8': [
    say({ content: 'x' }),
    Buffer.from(say({ content: 'Hello' }).replace('Hello', '\xff\xc0'), 'latin1'),
    finish,
    done,
  ],
};

/* A number of tokens that is none must not get into the books. */
const counts = [-1, 1.5, '7', null, 1e30, [], {}, true];

async function play(t, lies, provider) {
  let now;
  const up = await upstream(t, () => events(now));
  const gw = await gateway(t, bothDialects(up));
  let settled = 0;

  for (const [name, list] of Object.entries(lies)) {
    now = list;
    for (const client of ['anthropic', 'openai']) {
      const asked = body(client, models[provider], { stream: true });
      const got = await gw.ask(paths[client], { body: asked });
      assert.ok([200, 502].includes(got.status), `${name}: ${got.status} ${got.text}`);
      /* the SDK comes to an end with it, one way or the other */
      await question(gw, client, models[provider], { stream: true }).catch((e) => e);
    }
    const ends = (await gw.journal()).filter((record) => record.type === 'settle').slice(settled);
    assert.equal(ends.length, 4, name);
    if (name === 'no end at all') {
      assert.deepEqual(ends.map((end) => end.outcome), ['cut', 'cut', 'ok', 'ok']);
    }
    settled += 4;
  }
}

test('streams of an Anthropic provider', (t) => play(t, anthropicLies, 'anthropic'));
test('streams of an OpenAI provider', (t) => play(t, openaiLies, 'openai'));

test('numbers of tokens that are none', async (t) => {
  let now;
  const up = await upstream(t, (ask) => {
    const anthropic = ask.dialect === 'anthropic';
    const usage = anthropic
      ? { input_tokens: now, output_tokens: now, cache_read_input_tokens: now }
      : { prompt_tokens: now, completion_tokens: now, prompt_tokens_details: { cached_tokens: now } };
    const reply = { ...(anthropic ? anthropicReply : openaiReply)('Hello'), usage };
    if (!ask.body.stream) return json(200, reply);
    const list = (anthropic ? anthropicEvents : openaiEvents)('Hello');
    const lie = (event) => event.replace(/"usage":\{[^{}]*\}/, `"usage":${JSON.stringify(usage)}`);
    return events(list.map(lie));
  });
  const gw = await gateway(t, bothDialects(up));

  for (now of counts) {
    for (const { client, model } of pairs) {
      for (const stream of [false, true]) {
        const got = await gw.ask(paths[client], { body: body(client, model, { stream }) });
        assert.ok([200, 502].includes(got.status), got.text);
      }
    }
  }
  for (const end of (await gw.journal()).filter((record) => record.type === 'settle')) {
    for (const name of ['input_tokens', 'output_tokens', 'cache_read_tokens']) {
      assert.ok(end[name] === undefined || (end[name] >= 0 && end[name] < 1e6), JSON.stringify(end));
    }
  }
});

test('whole answers of the wrong types', async (t) => {
  const odd = [7, null, 'x', [], [7], {}, [null], [{}], { a: 1 }, true];
  const replies = odd.flatMap((value) => [
    { ...anthropicReply('x'), content: value },
    { ...anthropicReply('x'), stop_reason: value },
    { ...anthropicReply('x'), usage: value },
    { ...openaiReply('x'), choices: value },
    { ...openaiReply('x'), choices: [{ index: 0, message: value, finish_reason: 'stop' }] },
    { ...openaiReply('x'), choices: [{ index: 0, message: { role: 'assistant', content: value }, finish_reason: value }] },
    { ...openaiReply('x'), choices: [{ index: 0, message: { tool_calls: value }, finish_reason: 'stop' }] },
    { ...openaiReply('x'), id: value, model: value, created: value },
  ]);
  let now;
  const up = await upstream(t, () => json(200, now));
  const gw = await gateway(t, bothDialects(up));
  const [worker] = gw.workersAtStart;

  for (now of replies) {
    for (const { client, model } of pairs) {
      const got = await gw.ask(paths[client], { body: body(client, model) });
      assert.ok([200, 502].includes(got.status), `${JSON.stringify(now)}: ${got.status} ${got.text}`);
      assert.ok(got.json, `${JSON.stringify(now)}: ${got.text}`);
    }
  }
  assert.ok(await readFile(`/proc/${worker}/status`, 'utf8'));
});
