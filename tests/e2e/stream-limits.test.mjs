/* stream-limits.test.mjs: whatever a provider makes large meets its limit; what lies within the
 * limit passes.
 * SPDX-License-Identifier: Apache-2.0 */

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test from 'node:test';
import { body, pairs, paths, question } from './lib/clients.mjs';
import { bothDialects, gateway } from './lib/gateway.mjs';
import { bytes, events, say, upstream } from './lib/upstream.mjs';
import { anthropicEvents, openaiEvents } from './lib/wire.mjs';

const limits = { reply_max: '64KiB', event_max: '16KiB', head_max: '8KiB' };
const ask = (gw, client, model, more) => gw.ask(paths[client], { body: body(client, model, more) });

test('an answer larger than reply_max', async (t) => {
  const up = await upstream(t, say('x'.repeat(70_000)));
  const gw = await gateway(t, bothDialects(up, { limits }));

  for (const { client, model } of pairs) {
    const got = await ask(gw, client, model);
    assert.equal(got.status, 502);
    assert.match(got.json.error.message, /longer than 65536 bytes, which is reply_max/);
  }
  assert.equal(up.asked.length, 4, 'whoever answered once is not asked again');
});

test('an answer that just fits, and a large one with the normal limits', { timeout: 60000 }, async (t) => {
  const sizes = [];
  const up = await upstream(t, () => say('é'.repeat(sizes[0] / 2)));
  const small = await gateway(t, bothDialects(up, { limits }));
  const large = await gateway(t, bothDialects(up));

  for (const [gw, size] of [
    [small, 64 << 10],
    [large, 20 << 20],
  ]) {
    for (const { client, model } of pairs) {
      sizes[0] = size - 1000;
      const said = await question(gw, client, model);
      assert.equal(said.length, sizes[0] / 2, `${client} ${model} ${size}`);
    }
  }
});

test('a head larger than head_max', async (t) => {
  const up = await upstream(t, bytes(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(9000)}\r\n\r\n`));
  const gw = await gateway(t, bothDialects(up, { limits }));

  for (const { client, model } of pairs) {
    const got = await ask(gw, client, model, { stream: true });
    assert.equal(got.status, 502);
    assert.match(got.json.error.message, /gave no whole answer/);
  }
});

test('a head that never ends', async (t) => {
  const up = await upstream(t, async (_, line) => {
    await line.write('HTTP/1.1 200 OK\r\n');
    while (!line.socket.destroyed) await line.write(`x-header: ${'y'.repeat(100)}\r\n`.repeat(50));
  });
  const gw = await gateway(t, bothDialects(up, { limits }));

  for (const { client, model } of pairs) assert.equal((await ask(gw, client, model)).status, 502);
});

/* One event that is larger than it may be, or never ends. */
const huge = (ask) => {
  const [first, ...rest] = (ask.dialect === 'anthropic' ? anthropicEvents : openaiEvents)('Hello');
  return events([first, ...rest.slice(0, 2), `data: ${'z'.repeat(20_000)}\n\n`, ...rest]);
};
const neverEnds = (ask) => async (_, line) => {
  const [first] = (ask.dialect === 'anthropic' ? anthropicEvents : openaiEvents)('Hello');
  await line.write('HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n');
  await line.write(`${first}data: `);
  while (!line.socket.destroyed) await line.write('z'.repeat(10_000));
};

for (const [name, answer] of Object.entries({ 'that is too large': huge, 'without end': neverEnds })) {
  test(`an event ${name}`, async (t) => {
    const up = await upstream(t, answer);
    const gw = await gateway(t, bothDialects(up, { limits }));

    for (const { client, model } of pairs) {
      const got = await ask(gw, client, model, { stream: true });
      assert.equal(got.status, 200);
      assert.match(got.text, /broke off in the middle of its answer/, `${client} ${model}`);
      assert.doesNotMatch(got.text, /message_stop|\[DONE\]/);
    }
  });
}

test('events of the largest size, in every pair', async (t) => {
  const text = 'w'.repeat(900_000);
  const up = await upstream(t, (got) => {
    const make = got.dialect === 'anthropic' ? anthropicEvents : openaiEvents;
    return events(make('Hello').map((event) => event.replace('Hello', text)));
  });
  const gw = await gateway(t, bothDialects(up));

  for (const { client, model } of pairs) {
    assert.equal(await question(gw, client, model, { stream: true }), text);
  }
});

test('what was large is given back', { timeout: 60000 }, async (t) => {
  const up = await upstream(t, say('x'.repeat(8 << 20)));
  const gw = await gateway(t, bothDialects(up));
  const [worker] = await gw.workers();
  const rss = async () =>
    Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${worker}/status`, 'utf8'))[1]);

  for (const { client, model } of pairs) await ask(gw, client, model);
  const before = await rss();
  for (let i = 0; i < 3; i++) for (const { client, model } of pairs) await ask(gw, client, model);
  const grown = (await rss()) - before;
  assert.ok(grown < 16 << 10, `the worker grew by ${grown} KiB`);
});
