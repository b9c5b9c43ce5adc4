/* stream-http2.test.mjs: clients that speak HTTP/2, without TLS, on a port of its own.
 * SPDX-License-Identifier: Apache-2.0 */

import assert from 'node:assert/strict';
import http2 from 'node:http2';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { atEnd } from './lib/cleanup.mjs';
import { body, pairs, paths } from './lib/clients.mjs';
import { bothDialects, freePort, gateway } from './lib/gateway.mjs';
import { cut, late, paced, say, upstream } from './lib/upstream.mjs';

/* session opens a connection; `ask` on it gives status, headers and text of one stream. */
async function session(t, gw, port) {
  const client = http2.connect(`http://127.0.0.1:${port}`);
  client.on('error', () => {});
  atEnd(t, () => client.destroy());
  const open = (path, asked, headers = {}) =>
    client
      .request({ ':method': 'POST', ':path': path, 'x-api-key': gw.key, ...headers })
      .end(typeof asked === 'string' ? asked : JSON.stringify(asked));
  const ask = (...args) =>
    new Promise((done, failed) => {
      const stream = open(...args);
      const got = { text: '' };
      stream.on('response', (headers) => Object.assign(got, { status: headers[':status'], headers }));
      stream.on('data', (data) => (got.text += data));
      stream.on('error', failed);
      stream.on('close', () => done(got));
    });
  return { client, open, ask };
}

async function setUp(t, script) {
  const up = await upstream(t, script);
  const port = await freePort();
  const config = { ...bothDialects(up), listen_http2: `127.0.0.1:${port}` };
  const gw = await gateway(t, config);
  return { up, gw, ...(await session(t, gw, port)) };
}

test('all pairs, whole and streamed, many at once on one connection', async (t) => {
  const { ask } = await setUp(t, paced(5, say('Grüezi 你好 😀')));
  const all = [0, 1, 2, 3, 4].flatMap(() =>
    pairs.flatMap(({ client, model }) =>
      [false, true].map((stream) => ask(paths[client], body(client, model, { stream }))),
    ),
  );
  for (const got of await Promise.all(all)) {
    assert.equal(got.status, 200, got.text);
    assert.match(got.text, /Grüezi|event: message_stop|\[DONE\]/);
  }
});

test('errors in the dialect, for each stream its own', async (t) => {
  const { ask } = await setUp(t, say('Hello'));
  const [bad, key, fine] = await Promise.all([
    ask('/v1/messages', '{"model":'),
    ask('/v1/messages', body('anthropic', 'via-openai'), { 'x-api-key': 'fh-no' }),
    ask('/v1/messages', body('anthropic', 'via-openai')),
  ]);
  assert.deepEqual([bad.status, key.status, fine.status], [400, 401, 200]);
  assert.equal(JSON.parse(bad.text).type, 'error');
});

test('a large body and a large answer', async (t) => {
  const large = 'x'.repeat(3 << 20);
  const { up, ask } = await setUp(t, say(large));
  const asked = body('openai', 'via-anthropic', { messages: [{ role: 'user', content: large }] });
  const got = await ask('/v1/chat/completions', asked);

  assert.equal(got.status, 200);
  assert.equal(JSON.parse(got.text).choices[0].message.content, large);
  assert.ok(up.asked[0].raw.length > large.length);
});

test('a stream that fails ends in an error, the others go on', async (t) => {
  const { ask } = await setUp(t, (got) =>
    got.dialect === 'openai' ? cut(5, 'reset', say('One two three four')) : say('Hello'),
  );
  const [cutOff, fine] = await Promise.all([
    ask('/v1/messages', body('anthropic', 'via-openai', { stream: true })),
    ask('/v1/messages', body('anthropic', 'via-anthropic', { stream: true })),
  ]);
  assert.match(cutOff.text, /event: error/);
  assert.match(fine.text, /message_stop/);
});

test('a stream that the client resets is read on and settled; so is a lost connection', async (t) => {
  const { gw, client, open, ask } = await setUp(t, paced(60, say('One two three four five six')));
  const asked = body('anthropic', 'via-openai', { stream: true });

  for (const leave of [(stream) => stream.close(http2.constants.NGHTTP2_CANCEL), () => client.destroy()]) {
    const stream = open('/v1/messages', asked);
    stream.on('error', () => {});
    await new Promise((done) => stream.once('data', done));
    leave(stream);
  }
  await sleep(1200);
  const ends = (await gw.journal()).filter((record) => record.type === 'settle');
  assert.deepEqual(
    ends.map((end) => [end.outcome, end.output_tokens, end.estimated]),
    Array(2).fill(['client_gone', 7, false]),
  );
  assert.ok(ask);
});

test('a client that resets before there is an answer', async (t) => {
  const { gw, open, ask } = await setUp(t, late(200, say('Hello')));
  const stream = open('/v1/messages', body('anthropic', 'via-anthropic'));
  stream.on('error', () => {});

  await sleep(100);
  stream.close(http2.constants.NGHTTP2_CANCEL);
  assert.equal((await gw.settled()).outcome, 'client_gone');
  assert.equal((await ask('/v1/messages', body('anthropic', 'via-anthropic'))).status, 200);
});

test('a client whose window is closed holds its own stream back, no other', async (t) => {
  const { open, ask } = await setUp(t, say('x'.repeat(1 << 20)));
  const stalled = open('/v1/messages', body('anthropic', 'via-anthropic'));
  stalled.on('error', () => {});
  await new Promise((done) => stalled.once('response', done));
  stalled.pause();

  const small = await ask('/v1/messages', body('anthropic', 'no-such-model'));
  assert.equal(small.status, 404);
  stalled.resume();
  let size = 0;
  stalled.on('data', (data) => (size += data.length));
  await new Promise((done) => stalled.once('close', done));
  assert.ok(size > 1 << 20);
});
