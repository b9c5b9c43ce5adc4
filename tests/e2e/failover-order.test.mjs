/* failover-order.test.mjs: the next provider is asked when the first gave no answer, in its own
 * dialect, and only then.
 * SPDX-License-Identifier: Apache-2.0 */

import assert from 'node:assert/strict';
import test from 'node:test';
import { anthropic, body, openai, paths } from './lib/clients.mjs';
import { bothDialects, gateway } from './lib/gateway.mjs';
import * as provider from './lib/upstream.mjs';
import { bytes, close, cut, events, json, nobody, refuse, reset, say, stall } from './lib/upstream.mjs';
import { faultBody, upstream, whole } from './lib/upstream.mjs';
import { anthropicEvent } from './lib/wire.mjs';

const clients = ['anthropic', 'openai'];
const ask = (gw, client, model, more) => gw.ask(paths[client], { body: body(client, model, more) });
const textOf = (got) => got.json?.content?.[0].text ?? got.json?.choices?.[0].message.content;

/* What the first provider may do, such that the second is asked. */
const failures = {
  'says 401': refuse(401),
  'says 403': refuse(403),
  'says 404': refuse(404),
  'says 408': refuse(408),
  'says 429': refuse(429),
  'says 500': refuse(500),
  'says 503 in HTML': whole(503, '<h1>no</h1>', { 'content-type': 'text/html' }),
  'says 529': refuse(529),
  'resets the connection': reset,
  'closes without a word': close,
  'closes within its head': bytes('HTTP/1.1 200 OK\r\ncontent-le'),
  'closes within its body': cut(1, 'close', bytes('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"id"', '')),
  'is silent for too long': stall,
  'is silent within its body': cut(1, 'stall', bytes('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{', '')),
  'says 200 and HTML': whole(200, '<html></html>'),
  'says 200 and an error': (got) => json(200, faultBody(got.dialect, 529, 'busy')),
};

for (const [name, failure] of Object.entries(failures)) {
  test(`the first provider ${name}`, async (t) => {
    const bad = await upstream(t, async (got, line) => {
      await provider.play(failure, got, line);
      if (/^closes/.test(name)) await line.fin();
    });
    const fine = await upstream(t, say('Hello'));
    const quick = { first_byte_timeout: '1s', idle_timeout: '1s' };
    const gw = await gateway(t, bothDialects(bad, { other: fine, ant: quick, oai: quick }));

    await Promise.all(
      clients.flatMap((client) =>
        [false, true].map(async (stream) => {
          const got = await ask(gw, client, 'anthropic-first', { stream });
          assert.equal(got.status, 200, got.text);
          assert.match(got.text, /Hello/);
          assert.equal(got.headers.get('x-freehold-attempts'), '2');
          assert.equal(got.headers.get('x-freehold-route'), 'oai/up-gpt');
        }),
      ),
    );
    assert.deepEqual([bad.asked.length, fine.asked.length], [4, 4]);
    assert.ok(fine.asked.every((got) => got.headers.authorization === 'Bearer sk-oai-test-77b1d0c4'));
    const records = await gw.journal();
    assert.equal(records.filter((record) => record.type === 'intent').length, 8);
    for (const end of records.filter((record) => record.type === 'settle')) {
      assert.deepEqual([end.outcome, end.attempts, end.route], ['ok', 2, 'oai/up-gpt']);
    }
  });
}

for (const [name, url] of [
  ['is not there', async () => (await nobody()).url],
  ['speaks no TLS', async (t) => (await upstream(t, stall)).url.replace('http:', 'https:')],
  ['has a name that nobody knows', async () => 'http://no-such-host.invalid:1'],
]) {
  test(`the first provider ${name}`, async (t) => {
    const fine = await upstream(t, say('Hello'));
    const ant = { url: await url(t), connect_timeout: '1s' };
    const gw = await gateway(t, bothDialects(fine, { ant }));

    for (const client of clients) {
      const got = await ask(gw, client, 'anthropic-first');
      assert.equal(textOf(got), 'Hello');
      assert.equal(got.headers.get('x-freehold-attempts'), '2');
    }
  });
}

for (const [name, first] of Object.entries({
  'an error as its first event': events([anthropicEvent(faultBody('anthropic', 529, 'busy'))]),
  'an end without a beginning': events([]),
  'a reset behind its head': cut(1, 'reset', say('Hello')),
  'half an event': events(['event: message_start\ndata: {"type":"mess']),
})) {
  test(`a stream with ${name} goes to the next provider`, async (t) => {
    const bad = await upstream(t, first);
    const fine = await upstream(t, say('Hello'));
    const gw = await gateway(t, bothDialects(bad, { other: fine }));

    for (const client of clients) {
      const got = await ask(gw, client, 'anthropic-first', { stream: true });
      assert.equal(got.status, 200, got.text);
      assert.doesNotMatch(got.text, /busy|error/);
      assert.equal(got.headers.get('x-freehold-route'), 'oai/up-gpt');
    }
  });
}

for (const status of [400, 413, 422]) {
  test(`${status} blames the request: nobody else is asked`, async (t) => {
    const up = await upstream(t, refuse(status, 'your fault'));
    const gw = await gateway(t, bothDialects(up));

    for (const client of clients) {
      for (const model of ['anthropic-first', 'openai-first']) {
        const got = await ask(gw, client, model);
        assert.ok([status, 400].includes(got.status), got.text);
        assert.match(got.json.error.message, /your fault/);
      }
    }
    assert.equal(up.asked.length, 4);
  });
}

test('once the client has a byte nobody else is asked', async (t) => {
  const bad = await upstream(t, cut(5, 'reset', say('One two three four five')));
  const fine = await upstream(t, say('Hello'));
  const gw = await gateway(t, bothDialects(bad, { other: fine }));

  for (const client of clients) {
    const got = await ask(gw, client, 'anthropic-first', { stream: true });
    assert.match(got.text, /broke off/);
  }
  assert.deepEqual([bad.asked.length, fine.asked.length], [2, 0]);
});

test('when all fail the client hears from the one that got furthest', async (t) => {
  const up = await upstream(t, refuse(429, 'slow down', { headers: { 'retry-after': 9 } }));
  const gw = await gateway(t, bothDialects(up, { other: await nobody() }));

  for (const client of clients) {
    for (const model of ['anthropic-first', 'openai-first']) {
      const got = await ask(gw, client, model);
      assert.equal(got.status, 429, `${client} ${model}: ${got.text}`);
      assert.equal(got.headers.get('retry-after'), '9');
      assert.equal(got.headers.get('x-freehold-attempts'), '2');
    }
  }
});

test('no more providers are asked than attempts_max says', async (t) => {
  const up = await upstream(t, refuse(500));
  const config = bothDialects(up, { limits: { attempts_max: 3 } });
  config.models.many = {
    routes: [1, 2, 3, 4, 5].map((n) => ({ provider: 'ant', model: `m${n}` })),
  };
  const gw = await gateway(t, config);
  const got = await ask(gw, 'anthropic', 'many');

  assert.equal(got.status, 500);
  assert.deepEqual(up.asked.map((one) => one.body.model), ['m1', 'm2', 'm3']);
});

test('the SDKs see nothing of it, and do not retry', async (t) => {
  const bad = await upstream(t, reset);
  const fine = await upstream(t, say('Hello'));
  const gw = await gateway(t, bothDialects(bad, { other: fine }));
  const asked = body('anthropic', 'anthropic-first');
  const stream = anthropic(gw, { maxRetries: 2 }).messages.stream(asked);

  assert.equal(await stream.finalText(), 'Hello');
  const reply = await openai(gw).chat.completions.create(body('openai', 'anthropic-first'));
  assert.equal(reply.choices[0].message.content, 'Hello');
  assert.deepEqual([bad.asked.length, fine.asked.length], [2, 2]);
});
