/* stream-cuts.test.mjs: how a provider cuts its bytes into writes never shows.
 * SPDX-License-Identifier: Apache-2.0 */

import assert from 'node:assert/strict';
import test from 'node:test';
import { body, pairs, paths, question } from './lib/clients.mjs';
import { bothDialects, gateway } from './lib/gateway.mjs';
import { events, paced, say, slowly, upstream } from './lib/upstream.mjs';
import { anthropicEvents, openaiEvents } from './lib/wire.mjs';

const text = 'Grüezi 你好 😀 "quoted" \\ and\na tail.';

test('one byte a write, whole and streamed', async (t) => {
  const up = await upstream(t, slowly(1, say(text)));
  const gw = await gateway(t, bothDialects(up));

  for (const { client, model } of pairs) {
    for (const stream of [false, true]) {
      assert.equal(await question(gw, client, model, { stream }), text, `${client} ${model}`);
    }
  }
});

test('the same bytes for the client, whatever the cut', async (t) => {
  let size = 0;
  const up = await upstream(t, () => (size ? slowly(size, say(text)) : say(text)));
  const gw = await gateway(t, bothDialects(up));
  const asIs = (got) => got.text.replace(/"created":\d+|req_\w+/g, '');

  for (const { client, model } of pairs) {
    const asked = { body: body(client, model, { stream: true }) };
    size = 0;
    const want = asIs(await gw.ask(paths[client], asked));
    for (size of [2, 3, 7, 64, 500]) {
      assert.equal(asIs(await gw.ask(paths[client], asked)), want, `${client} ${model} ${size}`);
    }
  }
});

/* Forms of server-sent events that are the same to a client that reads them by the book. */
const forms = {
  'CRLF line ends': (event) => event.replaceAll('\n', '\r\n'),
  'no space behind the colon': (event) => event.replace(/^(\w+): /gm, '$1:'),
  'comments between the events': (event) => `: keep-alive\n\n${event}`,
  'ids and retries': (event) => `id: 7\nretry: 1000\n${event}`,
};

for (const [name, form] of Object.entries(forms)) {
  test(`a stream with ${name}`, async (t) => {
    const up = await upstream(t, (ask) => {
      const list = (ask.dialect === 'anthropic' ? anthropicEvents : openaiEvents)(text);
      return events(list.map(form));
    });
    const gw = await gateway(t, bothDialects(up));

    for (const { client, model } of pairs) {
      assert.equal(await question(gw, client, model, { stream: true }), text, `${client} ${model}`);
    }
    const ends = (await gw.journal()).filter((record) => record.type === 'settle');
    for (const end of ends) {
      assert.deepEqual([end.outcome, end.output_tokens, end.estimated], ['ok', 7, false]);
    }
  });
}

test('a stream that ends with its connection, without a length', async (t) => {
  const up = await upstream(t, say(text, { framing: 'close' }));
  const gw = await gateway(t, bothDialects(up));

  for (const { client, model } of pairs) {
    assert.equal(await question(gw, client, model, { stream: true }), text);
  }
});

test('an OpenAI stream without [DONE], and one without usage', async (t) => {
  const up = await upstream(t, [
    events(openaiEvents(text).slice(0, -1)),
    events(openaiEvents(text, { includeUsage: false })),
  ]);
  const gw = await gateway(t, bothDialects(up));

  const start = performance.now();
  assert.equal(await question(gw, 'anthropic', 'via-openai', { stream: true }), text);
  assert.ok(performance.now() - start < 700, 'the proper end of the message is enough');
  assert.equal(await question(gw, 'openai', 'via-openai', { stream: true }), text);
  const ends = (await gw.journal()).filter((record) => record.type === 'settle');
  assert.deepEqual(ends.map((end) => [end.outcome, end.estimated]), [
    ['ok', false],
    ['ok', true],
  ]);
});

test('events reach the client as they come, not when the answer is complete', async (t) => {
  const up = await upstream(t, paced(100, say('One two three four five')));
  const gw = await gateway(t, bothDialects(up));

  for (const { client, model } of pairs) {
    const response = await fetch(gw.url + paths[client], {
      method: 'POST',
      headers: { 'x-api-key': gw.key, 'content-type': 'application/json' },
      body: JSON.stringify(body(client, model, { stream: true })),
    });
    const times = [];
    for await (const piece of response.body) times.push([performance.now(), piece.length]);
    assert.ok(times.length >= 4, `${client} ${model}: ${times.length} pieces`);
    assert.ok(times.at(-1)[0] - times[0][0] > 250, `${client} ${model} came at once`);
  }
});
