/* books-records.test.mjs: every request has its intent and its end, every answer its usage, and the
 * same content costs the same, however it came.
 * SPDX-License-Identifier: Apache-2.0 */

import assert from 'node:assert/strict';
import test from 'node:test';
import { body, models, pairs, paths, question } from './lib/clients.mjs';
import { bothDialects, checkBooks, gateway } from './lib/gateway.mjs';
import { close, count, cut, nobody, refuse, say, upstream, whole } from './lib/upstream.mjs';

const usage = { input: 100, cacheRead: 2000, cacheWrite: 300, output: 55, reasoning: 20 };
const tokens = (record) =>
  Object.fromEntries(Object.entries(record).filter(([name]) => name.endsWith('_tokens')));
const ends = async (gw) => (await gw.journal()).filter((record) => record.type !== 'intent');

test('whole or streamed, passed or translated: the same usage', async (t) => {
  const content = ['Some text. ', { tool: 'f', id: 'c1', args: { a: [1, 2, { b: 'é' }] } }];
  const up = await upstream(t, say(content, { usage }));
  const gw = await gateway(t, bothDialects(up));

  for (const { client, model } of pairs) {
    for (const stream of [false, true]) await question(gw, client, model, { stream });
  }
  const all = await ends(gw);
  assert.equal(all.length, 8);
  for (const end of all) {
    assert.deepEqual([end.outcome, end.status, end.estimated], ['ok', 200, false]);
    assert.deepEqual(tokens(end), {
      input_tokens: 100,
      cache_read_tokens: 2000,
      cache_write_5m_tokens: 300,
      output_tokens: 55,
      reasoning_tokens: 20,
    });
  }
});

test('an intent says who asked for what, from whom', async (t) => {
  const up = await upstream(t, say('Hello'));
  const gw = await gateway(t, bothDialects(up));
  const { id, key } = await gw.createKey('team-a');
  const sent = JSON.stringify(body('openai', 'via-anthropic', { stream: true }));
  const got = await gw.ask('/v1/chat/completions', { body: sent, key });
  const [intent, end] = await gw.journal();

  assert.equal(intent.id, got.headers.get('x-freehold-request-id'));
  assert.equal(end.id, intent.id);
  assert.deepEqual(
    [intent.key_id, intent.key, intent.model, intent.route, intent.attempt, intent.streamed],
    [id, 'team-a', 'via-anthropic', 'ant/up-ant', 1, true],
  );
  assert.deepEqual(
    [intent.client_dialect, intent.provider_dialect, intent.body_bytes],
    ['openai_chat', 'anthropic', Buffer.byteLength(sent)],
  );
  assert.equal(end.bytes_out, Buffer.byteLength(got.text));
  assert.ok(end.first_byte_us > 0 && end.duration_us >= end.first_byte_us);
  assert.ok(Math.abs(Date.parse(intent.at) - Date.now()) < 10_000);
});

/* How a request ends for the books, by what its provider does. */
const outcomes = {
  'an answer': [say('Hello'), ['settle', 'ok', 200]],
  'a refusal': [refuse(400), ['settle', 'refused', 400]],
  'a rate limit': [refuse(429), ['settle', 'refused', 429]],
  'our key refused': [refuse(401), ['settle', 'refused', 502]],
  'no answer': [close, ['settle', 'failed', 502]],
  HTML: [whole(200, '<html></html>'), ['settle', 'failed', 502]],
  'a cut stream': [cut(5, 'reset', say('One two three four five')), ['settle', 'cut', 200]],
};

for (const [name, [answer, want]] of Object.entries(outcomes)) {
  test(`${name} is booked as ${want.slice(1).join(' ')}`, async (t) => {
    const up = await upstream(t, answer);
    const gw = await gateway(t, bothDialects(up));
    const stream = name === 'a cut stream';

    for (const { client, model } of pairs) {
      await gw.ask(paths[client], { body: body(client, model, { stream }) });
    }
    for (const end of await ends(gw)) {
      assert.deepEqual([end.type, end.outcome, end.status], want);
      assert.equal('output_tokens' in end, ['ok', 'cut'].includes(end.outcome));
    }
  });
}

test('a provider that was never reached costs nothing: void', async (t) => {
  const gw = await gateway(t, bothDialects(await nobody()));
  for (const { client, model } of pairs) await gw.ask(paths[client], { body: body(client, model) });

  const all = await ends(gw);
  assert.deepEqual(all.map((end) => [end.type, end.reason]), Array(4).fill(['void', 'unreachable']));
});

test('each attempt has an intent, the request one end', async (t) => {
  const bad = await upstream(t, close);
  const fine = await upstream(t, say('Hello', { usage }));
  const gw = await gateway(t, bothDialects(bad, { other: fine }));

  await question(gw, 'anthropic', 'anthropic-first');
  const records = await gw.journal();
  assert.deepEqual(
    records.map((record) => [record.type, record.route, record.attempt ?? record.attempts]),
    [
      ['intent', 'ant/up-ant', 1],
      ['intent', 'oai/up-gpt', 2],
      ['settle', 'oai/up-gpt', 2],
    ],
  );
  await gw.usage(1);
});

test('a provider that reports no usage: estimated, and marked as such', async (t) => {
  const up = await upstream(t, say('One two three four', { includeUsage: false }));
  const gw = await gateway(t, bothDialects(up));

  for (const client of ['anthropic', 'openai']) {
    await question(gw, client, models.openai, { stream: true });
  }
  for (const end of await ends(gw)) {
    assert.equal(end.outcome, 'ok');
    assert.equal(end.estimated, true);
    assert.ok(end.input_tokens > 0 && end.output_tokens > 0);
  }
  const { total } = await gw.usage(2);
  assert.equal(total.estimated, 2);
});

test('what is settled is settled before the client has its last byte', async (t) => {
  const up = await upstream(t, say('Hello'));
  const gw = await gateway(t, bothDialects(up));

  for (let i = 0; i < 20; i++) {
    const { client, model } = pairs[i % 4];
    const got = await gw.ask(paths[client], { body: body(client, model, { stream: i % 8 < 4 }) });
    const id = got.headers.get('x-freehold-request-id');
    const found = (await ends(gw)).filter((end) => end.id === id);
    assert.equal(found.length, 1, `request ${i}`);
  }
});

test('usage rows add up, by key, model, route and day', async (t) => {
  const up = await upstream(t, say('Hello', { usage }));
  const gw = await gateway(t, bothDialects(up));
  const [a, b] = [await gw.createKey('team-a'), await gw.createKey('team-b')];

  for (const { client, model } of pairs) {
    for (const { key } of [a, a, b]) {
      await gw.ask(paths[client], { body: body(client, model), key });
    }
  }
  const { rows } = await gw.usage(12);
  assert.deepEqual(rows.map((row) => [row.key, row.model, row.requests]).sort(), [
    ['team-a', 'via-anthropic', 4],
    ['team-a', 'via-openai', 4],
    ['team-b', 'via-anthropic', 2],
    ['team-b', 'via-openai', 2],
  ]);
  for (const by of ['key', 'model', 'route', 'provider', 'day', 'key,model']) {
    const report = await gw.freehold('usage', '--by', by, '--json');
    for (const [name, each] of Object.entries({
      requests: 1,
      input_tokens: 100,
      cache_read_tokens: 2000,
      cache_write_tokens: 300,
      output_tokens: 55,
    })) {
      const sum = report.rows.reduce((n, row) => n + row[name], 0);
      assert.deepEqual([sum, report.total[name]], [12 * each, 12 * each], `${name} by ${by}`);
    }
  }
});

test('counting tokens is a request, too, and no usage', async (t) => {
  const up = await upstream(t, count(42));
  const gw = await gateway(t, bothDialects(up));
  const asked = body('anthropic', 'via-anthropic', { max_tokens: undefined });
  const got = await gw.ask('/v1/messages/count_tokens', { body: asked });

  assert.deepEqual(got.json, { input_tokens: 42 });
  const end = await gw.settled();
  assert.deepEqual([end.outcome, end.output_tokens], ['ok', undefined]);
});

test('the journal verifies, while it runs and after it stopped', async (t) => {
  const up = await upstream(t, say('Hello'));
  const gw = await gateway(t, bothDialects(up));

  for (let i = 0; i < 30; i++) await gw.ask('/v1/messages', { body: body('anthropic', 'via-openai') });
  await gw.freehold('journal', 'verify');
  const records = await gw.journal();
  assert.equal(records.length, 60);
  checkBooks(records);
  await gw.stop();
  await gw.freehold('journal', 'verify');
  assert.deepEqual(await gw.journal(), records);
  const { total } = await gw.usage(30);
  assert.deepEqual([total.requests, total.pending, total.unknown, total.void], [30, 0, 0, 0]);
});
