/* attack-body.test.mjs: bodies that are not what they should be get the dialect's own error, with the
 * right status and a sentence that helps; nothing is sent on and no worker is harmed.
 * SPDX-License-Identifier: Apache-2.0 */

import assert from 'node:assert/strict';
import test from 'node:test';
import { body, paths, user } from './lib/clients.mjs';
import { bothDialects, gateway } from './lib/gateway.mjs';
import { say, upstream } from './lib/upstream.mjs';

/* shaped checks that an answer is an error as the dialect has them. */
function shaped(client, got, status, words) {
  const what = `${client}: ${got.status} ${got.text.slice(0, 300)}`;
  assert.ok([status].flat().includes(got.status), what);
  assert.match(got.headers.get('content-type'), /^application\/json/, what);
  const { error } = got.json;
  assert.equal(typeof error.message, 'string', what);
  assert.equal(typeof error.type, 'string', what);
  if (client === 'anthropic') {
    assert.equal(got.json.type, 'error', what);
    assert.match(got.headers.get('request-id'), /^req_/, what);
    assert.equal(got.json.request_id, got.headers.get('request-id'), what);
  } else {
    assert.ok('param' in error && 'code' in error, what);
    assert.match(got.headers.get('x-request-id'), /^req_/, what);
  }
  assert.match(error.message, words, what);
  assert.ok(error.message.length < 2100, 'a sentence, not an echo of what was sent');
}

async function refuseAll(t, rows, config = {}) {
  const up = await upstream(t, say('Hello'));
  const gw = await gateway(t, bothDialects(up, config));

  for (const client of ['anthropic', 'openai']) {
    for (const [text, status, words] of rows) {
      const sent = typeof text === 'function' ? text(client) : text;
      shaped(client, await gw.ask(paths[client], { body: sent }), status, words);
    }
    /* the worker is fine */
    const got = await gw.ask(paths[client], { body: body(client, 'via-anthropic') });
    assert.equal(got.status, 200);
  }
  assert.equal(up.asked.length, 2);
  assert.equal((await gw.journal()).length, 4);
}

test('malformed JSON', (t) =>
  refuseAll(t, [
    ['', 400, /not JSON|empty/],
    ['{', 400, /not JSON/],
    ['{"model":"via-anthropic"', 400, /not JSON.*at byte/],
    ['{"model":"via-anthropic",}', 400, /not JSON/],
    ["{'model':'via-anthropic'}", 400, /not JSON/],
    ['{"model":"via-anthropic"} trailing', 400, /not JSON/],
    ['{"model":"via-anthropic"}{"model":"via-anthropic"}', 400, /not JSON/],
    ['{"model":"via-anthropic","x":tru}', 400, /not JSON/],
    ['{"model":"via-anthropic","x":01}', 400, /not JSON/],
    ['{"model":"via-anthropic","x":NaN}', 400, /not JSON/],
    ['{"model":"via-anthropic","x":"\u0001"}', 400, /not JSON/],
    ['{"model":"via-anthropic","x":"\\x41"}', 400, /not JSON/],
    ['\ufeff{"model":"via-anthropic"}', 400, /not JSON/],
    ['model=via-anthropic', 400, /not JSON/],
    [Buffer.alloc(1000, 0), 400, /not JSON/],
  ]));

test('wrong types at the top', (t) =>
  refuseAll(t, [
    ['[]', 400, /JSON object/],
    ['"text"', 400, /JSON object/],
    ['42', 400, /JSON object/],
    ['null', 400, /JSON object/],
    ['{}', 400, /"model" has to be a string/],
    ['{"model":null}', 400, /"model" has to be a string/],
    ['{"model":["via-anthropic"]}', 400, /"model" has to be a string/],
    ['{"model":""}', [400, 404], /model/],
    ['{"model":"via-anthropic","model":"via-openai"}', 400, /twice/],
    [`{"model":"${'m'.repeat(100000)}"}`, [400, 404], /model/],
    ['{"model":"nobody\\u0000knows"}', [400, 404], /model/],
    ['{"model":"\\ud800"}', [400, 404], /model/],
    [`{"model":"${'é'.repeat(100000)}"}`, [400, 404], /model "éé/],
  ]));

test('invalid UTF-8', (t) =>
  refuseAll(
    t,
    [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82]].map((bad) => [
      Buffer.concat([
        Buffer.from('{"model":"via-anthropic","messages":[{"role":"user","content":"'),
        Buffer.from(bad),
        Buffer.from('"}]}'),
      ]),
      400,
      /UTF-8/,
    ]),
  ));

test('deep nesting', (t) =>
  refuseAll(
    t,
    [10_000, 1_000_000, 4_000_000].flatMap((depth) => [
      [`{"model":"via-anthropic","x":${'['.repeat(depth)}`, 400, /nested more than 128 levels/],
      [
        `{"model":"via-anthropic","x":${'['.repeat(depth)}${']'.repeat(depth)}}`,
        400,
        /nested more than 128 levels/,
      ],
      [`{"model":"via-anthropic","x":${'{"a":'.repeat(depth)}`, 400, /nested more than 128 levels/],
    ]),
  ));

test('the limit of nesting itself', async (t) => {
  const up = await upstream(t, say('Hello'));
  const gw = await gateway(t, bothDialects(up));
  const nested = (depth, model) =>
    `{"model":"${model}","max_tokens":9,"messages":[],"x":${'['.repeat(depth)}${']'.repeat(depth)}}`;

  for (const model of ['via-anthropic', 'via-openai']) {
    for (const path of Object.values(paths)) {
      assert.equal((await gw.ask(path, { body: nested(127, model) })).status, 200);
      assert.equal((await gw.ask(path, { body: nested(128, model) })).status, 400);
    }
  }
});

test('bodies around the limit of their size', { timeout: 60000 }, async (t) => {
  const up = await upstream(t, say('Hello'));
  const gw = await gateway(t, bothDialects(up, { limits: { body_max: '2MiB' } }));
  const sized = (client, model, size) => {
    const empty = JSON.stringify(body(client, model, { messages: user('') })).length;
    return JSON.stringify(body(client, model, { messages: user('x'.repeat(size - empty)) }));
  };

  for (const client of ['anthropic', 'openai']) {
    for (const model of ['via-anthropic', 'via-openai']) {
      const max = 2 << 20;
      const fits = await gw.ask(paths[client], { body: sized(client, model, max) });
      assert.equal(fits.status, 200, fits.text);
      const more = await gw.ask(paths[client], { body: sized(client, model, max + 1) });
      assert.equal(more.status, 413, more.text);
      assert.match(more.json.error.message, /body_max/);
    }
  }
  assert.equal(up.asked.length, 4);
});

test('a body as large as it may normally be, in every pair', { timeout: 60000 }, async (t) => {
  const up = await upstream(t, say('Hello'));
  const gw = await gateway(t, bothDialects(up));

  for (const client of ['anthropic', 'openai']) {
    for (const model of ['via-anthropic', 'via-openai']) {
      const asked = body(client, model, { messages: user('é'.repeat(15 << 20)) });
      const got = await gw.ask(paths[client], { body: asked });
      assert.equal(got.status, 200, got.text.slice(0, 300));
      assert.ok(up.asked.at(-1).raw.length > 30 << 20);
      up.asked.pop();
    }
  }
});

/* What only a translation looks at: wrong types deep in the body, each with its place. */
const odd = {
  anthropic: [
    [{ messages: 'x' }, /messages/],
    [{ messages: [7] }, /messages\/0/],
    [{ messages: [{ role: 'robot', content: 'x' }] }, /messages\/0\/role/],
    [{ messages: [{ role: 'user', content: 7 }] }, /messages\/0\/content/],
    [{ messages: [{ role: 'user', content: [{ text: 'x' }] }] }, /messages\/0\/content\/0/],
    [{ messages: [{ role: 'user', content: [{ type: 'text', text: 7 }] }] }, /content\/0\/text/],
    [{ messages: [{ role: 'user' }] }, /content/],
    [{ max_tokens: 'many' }, /max_tokens/],
    [{ system: 7 }, /system/],
    [{ tools: {} }, /tools/],
    [{ tools: [{}] }, /tools\/0/],
    [{ tool_choice: 'auto' }, /tool_choice/],
    [{ stop_sequences: 'x' }, /stop_sequences/],
    [{ stream: 'yes' }, /stream/],
    [{ thinking: [] }, /thinking/],
  ],
  openai: [
    [{ messages: 'x' }, /messages/],
    [{ messages: [7] }, /messages\/0/],
    [{ messages: [{ role: 'robot', content: 'x' }] }, /messages\/0\/role/],
    [{ messages: [{ role: 'user', content: 7 }] }, /messages\/0\/content/],
    [{ messages: [{ role: 'user', content: [{ text: 'x' }] }] }, /messages\/0\/content\/0/],
    [{ messages: [{ role: 'tool', content: 'x' }] }, /messages\/0/],
    [{ messages: [{ role: 'assistant', tool_calls: {} }] }, /tool_calls/],
    [{ max_completion_tokens: 'many' }, /max_completion_tokens/],
    [{ tools: {} }, /tools/],
    [{ tools: [7] }, /tools\/0/],
    [{ tool_choice: 7 }, /tool_choice/],
    [{ stop: 7 }, /stop/],
    [{ response_format: 'json' }, /response_format/],
    [{ stream: 'yes' }, /stream/],
  ],
};

for (const [client, rows] of Object.entries(odd)) {
  test(`wrong types where a translation looks: ${client}`, async (t) => {
    const up = await upstream(t, say('Hello'));
    const gw = await gateway(t, bothDialects(up));
    const model = client === 'anthropic' ? 'via-openai' : 'via-anthropic';

    for (const [more, words] of rows) {
      const got = await gw.ask(paths[client], { body: body(client, model, more) });
      shaped(client, got, 400, words);
    }
    assert.equal(up.begun, 0);
  });
}

test('half a surrogate pair passes as it is, and cannot be translated', async (t) => {
  const up = await upstream(t, say('Hello'));
  const gw = await gateway(t, bothDialects(up));
  const text = (model) =>
    `{"model":"${model}","max_tokens":9,"messages":[{"role":"user","content":"\\ud800"}]}`;

  assert.equal((await gw.ask('/v1/messages', { body: text('via-anthropic') })).status, 200);
  shaped('anthropic', await gw.ask('/v1/messages', { body: text('via-openai') }), 400, /surrogate/);
});

test('members with absurd names are named in a header that stays one', async (t) => {
  const up = await upstream(t, say('Hello'));
  const gw = await gateway(t, bothDialects(up));
  const more = {
    'x\r\nset-cookie: evil=1': 1,
    ['long'.repeat(50_000)]: 1,
    'ünïcode, with a comma': 1,
    ...Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`member-${i}`, i])),
  };
  for (const [client, model] of [
    ['anthropic', 'via-openai'],
    ['openai', 'via-anthropic'],
  ]) {
    const got = await gw.ask(paths[client], { body: body(client, model, more) });
    const dropped = got.headers.get('x-freehold-dropped');

    assert.equal(got.status, 200, got.text);
    assert.equal(got.headers.get('set-cookie'), null);
    assert.match(dropped, /\/x%0D%0Aset-cookie:%20evil=1/);
    assert.match(dropped, /, and \d+ more$/);
    assert.ok(dropped.length < 8192);
  }
});
