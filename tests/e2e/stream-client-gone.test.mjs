/* stream-client-gone.test.mjs: a client that leaves does not stop the count; the answer is read on,
 * within bounds.
 * SPDX-License-Identifier: Apache-2.0 */

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { anthropic, body, openai, pairs, paths } from './lib/clients.mjs';
import { bothDialects, gateway } from './lib/gateway.mjs';
import { late, nobody, paced, say, upstream } from './lib/upstream.mjs';
import { anthropicEvents, openaiEvents } from './lib/wire.mjs';

const text = 'One two three four five six seven eight nine ten';

/* start sends a request and gives what takes it away again. */
function start(gw, client, model, more) {
  const control = new AbortController();
  const done = gw
    .ask(paths[client], { body: body(client, model, more), signal: control.signal })
    .catch((error) => ({ error }));
  return { leave: () => control.abort(), done };
}

async function until(true_, what) {
  for (let i = 0; i < 200; i++) {
    if (await true_()) return;
    await sleep(25);
  }
  assert.fail(`${what} did not happen`);
}

for (const { client, provider, model } of pairs) {
  test(`the SDK breaks off in mid-stream: ${client} from ${provider}`, async (t) => {
    const up = await upstream(t, paced(60, say(text)));
    const gw = await gateway(t, bothDialects(up));

    if (client === 'anthropic') {
      const stream = anthropic(gw).messages.stream(body(client, model));
      stream.on('text', () => stream.abort());
      await assert.rejects(stream.finalMessage(), { name: 'APIUserAbortError' });
    } else {
      const asked = body(client, model, { stream: true });
      const stream = await openai(gw).chat.completions.create(asked);
      for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break;
    }
    const end = await gw.settled();
    assert.equal(end.outcome, 'client_gone');
    assert.deepEqual([end.input_tokens, end.output_tokens], [12, 7], 'read on to the end');
    assert.equal(end.estimated, false);
  });
}

test('one that leaves before the first byte has its answer counted, too', async (t) => {
  const up = await upstream(t, late(300, say(text)));
  const gw = await gateway(t, bothDialects(up));
  const all = pairs.flatMap(({ client, model }) =>
    [false, true].map((stream) => start(gw, client, model, { stream })),
  );

  await until(() => up.asked.length === 8, 'all requests at the provider');
  for (const { leave } of all) leave();
  await until(
    async () => (await gw.journal()).filter((record) => record.type === 'settle').length === 8,
    'eight settles',
  );
  for (const end of (await gw.journal()).filter((record) => record.type === 'settle')) {
    assert.deepEqual(
      [end.outcome, end.input_tokens, end.output_tokens, end.estimated],
      ['client_gone', 12, 7, false],
    );
  }
});

/* An answer that never ends. */
const endless = (ms) => async (ask, line) => {
  const [head, ...events] = (ask.dialect === 'anthropic' ? anthropicEvents : openaiEvents)(text);
  const event = events.find((one) => /text_delta|"content":"\w/.test(one));
  const block = events.find((one) => /block_start/.test(one));
  const chunk = (data) => `${Buffer.byteLength(data).toString(16)}\r\n${data}\r\n`;

  await line.write('HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n');
  await line.write(`transfer-encoding: chunked\r\n\r\n${chunk(head)}`);
  if (block) await line.write(chunk(block));
  while (!line.socket.destroyed) {
    await line.write(chunk(event).repeat(ms ? 1 : 100));
    if (ms) await line.wait(ms);
  }
};

test('an endless answer is read on for drain_time', async (t) => {
  const up = await upstream(t, endless(20));
  const gw = await gateway(t, bothDialects(up, { limits: { drain_time: '1s' } }));

  for (const { client, model } of pairs) {
    const { leave, done } = start(gw, client, model, { stream: true });
    await sleep(200);
    leave();
    await done;
  }
  await until(() => up.open.size === 0, 'the end of all connections to the provider');
  for (const end of (await gw.journal()).filter((record) => record.type === 'settle')) {
    assert.deepEqual([end.outcome, end.estimated], ['client_gone', true]);
    assert.ok(end.output_tokens >= 20, `${end.output_tokens} tokens are estimated`);
  }
});

test('an endless answer is read on for drain_bytes, and takes no memory', async (t) => {
  const up = await upstream(t, endless(0));
  const gw = await gateway(t, bothDialects(up, { limits: { drain_bytes: '4MiB' } }));

  for (const { client, model } of pairs) {
    const { leave, done } = start(gw, client, model, { stream: true });
    await until(() => up.open.size > 0, 'a connection');
    await sleep(100);
    leave();
    await done;
    await until(() => up.open.size === 0, 'its end');
  }
  const ends = (await gw.journal()).filter((record) => record.type === 'settle');
  assert.deepEqual(ends.map((end) => end.outcome), Array(4).fill('client_gone'));
});

test('a client that does not read holds its provider back, and takes no memory', async (t) => {
  const up = await upstream(t, endless(0));
  const gw = await gateway(t, bothDialects(up, { limits: { drain_bytes: '64KiB' } }));
  const [worker] = await gw.workers();
  const rss = async () =>
    Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${worker}/status`, 'utf8'))[1]);
  const before = await rss();
  const idle = await Promise.all(
    pairs.map(async ({ client, model }) => {
      const control = new AbortController();
      const response = await fetch(gw.url + paths[client], {
        method: 'POST',
        headers: { 'x-api-key': gw.key, 'content-type': 'application/json' },
        body: JSON.stringify(body(client, model, { stream: true })),
        signal: control.signal,
      });
      return { control, response };
    }),
  );

  await sleep(700);
  const grown = (await rss()) - before;
  /* somebody else is served meanwhile */
  assert.equal((await gw.ask('/v1/models')).status, 200);
  for (const { control, response } of idle) {
    control.abort();
    await response.body.cancel().catch(() => {});
  }
  await until(() => up.open.size === 0, 'the end of all connections to the provider');
  assert.ok(grown < 24 << 10, `the worker grew by ${grown} KiB`);
});

test('a client that leaves while the provider cannot be reached is void', async (t) => {
  const gone = await nobody();
  const gw = await gateway(t, bothDialects(gone));
  const { leave, done } = start(gw, 'anthropic', 'via-anthropic');

  leave();
  await done;
  await sleep(100);
  for (const record of await gw.journal()) assert.notEqual(record.type, 'settle');
});
