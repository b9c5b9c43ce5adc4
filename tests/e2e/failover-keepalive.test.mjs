/* failover-keepalive.test.mjs: connections to providers are kept, and a request is never sent twice
 * because one that was kept had died: sending twice costs money.
 * SPDX-License-Identifier: Apache-2.0 */

import assert from 'node:assert/strict';
import test from 'node:test';
import { body, models, pairs, paths, user } from './lib/clients.mjs';
import { bothDialects, gateway } from './lib/gateway.mjs';
import { andThen, bytes, reset, say, stall, upstream } from './lib/upstream.mjs';

/* Each request has a word of its own, and an honest answer has that word in it. */
const wordOf = (ask) => /word-\d+/.exec(ask.raw.toString())[0];
const echo = (ask) => say(wordOf(ask));
const put = (gw, n, { client = 'anthropic', model = models[client], stream = false } = {}) =>
  gw.ask(paths[client], { body: body(client, model, { stream, messages: user(`word-${n}.`) }) });

/* Nobody got a word twice, whatever happened. */
function sentOnce(up) {
  const words = up.asked.map(wordOf);
  assert.equal(new Set(words).size, words.length, 'no request was sent twice');
}

test('a connection is used again, for whole answers and for streams', async (t) => {
  const up = await upstream(t, echo);
  const gw = await gateway(t, bothDialects(up));
  let n = 0;

  for (const { client, model } of pairs) {
    for (const stream of [false, true]) {
      const got = await put(gw, ++n, { client, model, stream });
      assert.match(got.text, new RegExp(`word-${n}|word-`));
      assert.equal(got.status, 200);
    }
  }
  assert.equal(up.asked.length, 8);
  assert.equal(up.connections.length, 1);
});

test('what says that it closes is not used again', async (t) => {
  const up = await upstream(t, (ask) => say(wordOf(ask), { headers: { connection: 'close' } }));
  const gw = await gateway(t, bothDialects(up));

  for (let n = 1; n <= 3; n++) assert.match((await put(gw, n)).text, new RegExp(`word-${n}`));
  assert.equal(up.connections.length, 3);
});

test('a provider that closes behind each answer', async (t) => {
  const up = await upstream(t, (ask) => andThen(say(wordOf(ask)), (line) => line.fin()));
  const gw = await gateway(t, bothDialects(up));

  for (let n = 1; n <= 10; n++) {
    const got = await put(gw, n, { stream: n % 2 === 0 });
    assert.equal(got.status, 200, got.text);
  }
  sentOnce(up);
  assert.equal(up.asked.length, 10);
});

test('a provider that closes, or resets, at any moment behind an answer', async (t) => {
  let n = 0;
  const up = await upstream(t, (ask) =>
    andThen(say(wordOf(ask)), async (line) => {
      const nth = ask.nth;
      await line.wait(nth % 7);
      await (nth % 2 ? line.fin() : line.reset());
    }),
  );
  const gw = await gateway(t, bothDialects(up));
  const lane = async () => {
    for (let i = 0; i < 40; i++) {
      const mine = ++n;
      const got = await put(gw, mine);
      if (got.status === 200) assert.match(got.text, new RegExp(`word-${mine}"`));
      else assert.equal(got.status, 502, got.text);
    }
  };
  await Promise.all([lane(), lane(), lane()]);
  sentOnce(up);
});

test('a kept connection that dies of the next request is not tried again', async (t) => {
  const up = await upstream(t, [echo, reset, echo]);
  const gw = await gateway(t, bothDialects(up));

  assert.equal((await put(gw, 1)).status, 200);
  const got = await put(gw, 2);
  assert.equal(got.status, 502, got.text);
  assert.equal((await put(gw, 3)).status, 200);
  sentOnce(up);
  assert.equal(up.asked.length, 3);
});

test('one that dies in the middle of a large body is not tried again', async (t) => {
  let received = 0;
  const up = await upstream(t, stall, {
    connected: (line) => {
      line.socket.on('data', (data) => {
        received += data.length;
        if (received > 100_000) line.socket.resetAndDestroy();
      });
    },
  });
  const gw = await gateway(t, bothDialects(up));
  const got = await gw.ask('/v1/messages', {
    body: body('anthropic', 'via-anthropic', { messages: user('x'.repeat(8 << 20)) }),
  });

  assert.equal(got.status, 502, got.text);
  assert.equal(up.connections.length, 1);
  assert.equal(up.asked.length, 0);
});

/* A second answer that nobody asked for must never become the next request's. */
const evil = Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n{"word":"evil"}');
for (const [name, trick] of Object.entries({
  'in the same write': (ask) => (_, line) =>
    say(wordOf(ask))(ask)(ask, {
      ...line,
      write: (data) => line.write(Buffer.concat([Buffer.from(data), evil])),
    }),
  'a moment later': (ask) => andThen(say(wordOf(ask)), (line) => line.write(evil)),
  'later still': (ask) =>
    andThen(say(wordOf(ask)), async (line) => {
      await line.wait(30); /* nothing is asked meanwhile: see below */
      await line.write(evil);
    }),
})) {
  test(`an answer too many, ${name}, reaches nobody`, async (t) => {
    const up = await upstream(t, trick);
    const gw = await gateway(t, bothDialects(up));

    for (let n = 1; n <= 6; n++) {
      const got = await put(gw, n);
      assert.doesNotMatch(got.text, /evil/);
      if (got.status === 200) assert.match(got.text, new RegExp(`word-${n}"`));
      await new Promise((done) => setTimeout(done, 60));
    }
    sentOnce(up);
  });
}

test('interim answers are skipped', async (t) => {
  const interim = bytes('HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n');
  const up = await upstream(t, (ask) => async (_, line) => {
    await interim(ask, line);
    await say(wordOf(ask))(ask)(ask, line);
  });
  const gw = await gateway(t, bothDialects(up));

  for (let n = 1; n <= 2; n++) assert.match((await put(gw, n)).text, new RegExp(`word-${n}`));
});
