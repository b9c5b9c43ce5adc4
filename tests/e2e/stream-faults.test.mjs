/* stream-faults.test.mjs: a stream that fails never ends cleanly. Each fault is played to all four
 * pairs, through the SDKs' plain iterators, which take any clean end for success.
 * SPDX-License-Identifier: Apache-2.0 */

import assert from 'node:assert/strict';
import test from 'node:test';
import { anthropic, body, openai, pairs, paths } from './lib/clients.mjs';
import { bothDialects, gateway } from './lib/gateway.mjs';
import { bytes, cut, events, faultBody, say, upstream } from './lib/upstream.mjs';
import { anthropicEvent, anthropicEvents, openaiEvents } from './lib/wire.mjs';

const text = 'One two three four five six seven eight nine ten';
const good = (ask) => (ask.dialect === 'anthropic' ? anthropicEvents : openaiEvents)(text);
const data = (word) => `data: ${word}\n\n`;

/* iterate reads a stream to its end and gives its text, or what was thrown. */
async function iterate(gw, client, asked) {
  let said = '';
  try {
    if (client === 'anthropic') {
      for await (const e of await anthropic(gw).messages.create({ ...asked, stream: true })) {
        said += e.delta?.text ?? '';
      }
    } else {
      for await (const c of await openai(gw).chat.completions.create({ ...asked, stream: true })) {
        said += c.choices[0]?.delta.content ?? '';
      }
    }
    return { said };
  } catch (error) {
    return { said, error };
  }
}

const faults = {
  'closes in the middle': cut(5, 'close', say(text)),
  'is reset in the middle': cut(5, 'reset', say(text)),
  'falls silent in the middle': cut(5, 'stall', say(text)),
  'ends properly, but too early': (ask) => events(good(ask).slice(0, 5)),
  'ends in the middle of an event': (ask) =>
    events([...good(ask).slice(0, 5), good(ask)[5].slice(0, -9)]),
  'breaks its framing': (ask) =>
    cut(5, 'reset', async (_, line) => {
      await events(good(ask))(ask, { ...line, fin: () => {} });
    }),
  'sends a chunk size that is none': (ask) => async (_, line) => {
    await cut(5, 'stall', events(good(ask)))(ask, {
      ...line,
      stall: async () => {
        await line.write('zz\r\noops\r\n');
        return line.closed;
      },
    });
  },
};

for (const [name, fault] of Object.entries(faults)) {
  test(`a stream that ${name} ends in an error, and is settled as cut`, async (t) => {
    const up = await upstream(t, fault);
    const slow = { idle_timeout: '1s' };
    const gw = await gateway(t, bothDialects(up, { ant: slow, oai: slow }));
    const results = await Promise.all(
      pairs.map(({ client, model }) => iterate(gw, client, body(client, model))),
    );

    results.forEach(({ said, error }, i) => {
      const which = JSON.stringify(pairs[i]);
      assert.ok(error, `${which} ended cleanly with "${said}"`);
      assert.match(String(error.message), /broke off in the middle of its answer/, which);
      assert.ok(said.length > 0 && text.startsWith(said), `${which} said "${said}"`);
    });
    assert.equal(up.asked.length, 4, 'nobody was asked twice');
    const ends = (await gw.journal()).filter((record) => record.type === 'settle');
    assert.deepEqual(ends.map((end) => end.outcome), Array(4).fill('cut'));
    assert.ok(ends.every((end) => end.estimated), 'what was not reported is marked as estimated');
  });
}

test("a provider's error in mid-stream keeps its words", async (t) => {
  const up = await upstream(t, (ask) => {
    const fault = faultBody(ask.dialect, 529, 'we are all busy');
    const event = ask.dialect === 'anthropic' ? anthropicEvent(fault) : data(JSON.stringify(fault));
    return events([...good(ask).slice(0, 5), event]);
  });
  const gw = await gateway(t, bothDialects(up));

  for (const { client, model } of pairs) {
    const { said, error } = await iterate(gw, client, body(client, model));
    assert.ok(said.length > 0);
    assert.match(error.message, /we are all busy/);
    if (client === 'anthropic') assert.equal(error.type, 'overloaded_error');
  }
});

for (const [client, provider, model] of [
  ['anthropic', 'openai', 'via-openai'],
  ['openai', 'anthropic', 'via-anthropic'],
]) {
  test(`an event that is no JSON cannot be translated: ${client} from ${provider}`, async (t) => {
    for (const junk of ['{"broken', '<html>', '42', '[]', '{"type":"content_block_delta","choices":7}']) {
      const up = await upstream(t, (ask) => {
        const event = `event: content_block_delta\n${data(junk)}`;
        return events([...good(ask).slice(0, 5), event, ...good(ask).slice(5)]);
      });
      const gw = await gateway(t, bothDialects(up));
      const { error } = await iterate(gw, client, body(client, model));
      assert.ok(error, `${junk} ended cleanly`);
      assert.equal((await gw.settled()).outcome, 'cut', junk);
    }
  });
}

test('on the wire, what follows the last event is the error and the proper end', async (t) => {
  const up = await upstream(t, cut(5, 'reset', say(text)));
  const gw = await gateway(t, bothDialects(up));

  for (const { client, model } of pairs) {
    const got = await gw.ask(paths[client], { body: body(client, model, { stream: true }) });
    const last = got.text.trimEnd().split('\n\n').at(-1);
    const fault = JSON.parse(last.slice(last.indexOf('data: ') + 6));

    assert.equal(got.status, 200);
    if (client === 'anthropic') assert.match(last, /^event: error\n/);
    assert.match(fault.error.message, /broke off/);
    assert.doesNotMatch(got.text, /\[DONE\]|message_stop/);
  }
});

test('a provider that streams when it was not asked to, and does not when it was', async (t) => {
  const up = await upstream(t, (ask) => {
    const asked = { ...ask, body: { ...ask.body, stream: !ask.body.stream } };
    return async (_, line) => say(text)(asked)(asked, line);
  });
  const gw = await gateway(t, bothDialects(up));

  for (const { client, model } of pairs) {
    for (const stream of [false, true]) {
      const got = await gw.ask(paths[client], { body: body(client, model, { stream }) });
      assert.equal(got.status, 502, got.text);
      assert.match(got.json.error.message, /answered 200, but/);
    }
  }
});

test('bytes that are no HTTP, before and behind a head', async (t) => {
  const junk = [
    bytes('SSH-2.0-OpenSSH_9.2\r\n'),
    bytes('HTTP/1.1 200\r\n\r\n'),
    bytes('HTTP/1.1 abc OK\r\n\r\n'),
    bytes('HTTP/9.9 200 OK\r\ncontent-length: 2\r\n\r\n{}'),
    bytes('HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}'),
    bytes('HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\n{}'),
    bytes('HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999999\r\n\r\n{}'),
    bytes('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 2\r\n\r\nzz\r\n{}'),
    bytes('HTTP/1.1 200 OK\r\nno colon here\r\ncontent-length: 2\r\n\r\n{}'),
    bytes(Buffer.alloc(5000, 0)),
    bytes(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00])),
  ];
  const up = await upstream(
    t,
    junk.map((one) => async (ask, line) => {
      await one(ask, line);
      await line.fin();
    }),
  );
  const gw = await gateway(t, bothDialects(up));

  for (let i = 0; i < junk.length; i++) {
    const { client, model } = pairs[i % 4];
    const got = await gw.ask(paths[client], { body: body(client, model, { stream: i % 3 === 0 }) });
    assert.equal(got.status, 502, `${i}: ${got.text}`);
    assert.match(got.json.error.message, /gave no whole answer|answered 200, but/, `${i}`);
  }
  assert.equal(up.asked.length, junk.length);
});
