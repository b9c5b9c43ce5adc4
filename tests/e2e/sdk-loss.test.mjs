/* sdk-loss.test.mjs: what a translation cannot carry is named, and refused when that is asked for.
 * SPDX-License-Identifier: Apache-2.0 */

import assert from 'node:assert/strict';
import test from 'node:test';
import { ask, clients } from './lib/ask.mjs';
import { anthropic, body, openai, user } from './lib/clients.mjs';
import { allDialects, bothDialects, gateway } from './lib/gateway.mjs';
import { events, say, upstream } from './lib/upstream.mjs';
import { wireOf } from './lib/wires.mjs';

/* What each dialect can say and the other cannot, and the pointers that must be reported. */
const asked = {
  anthropic: {
    more: {
      top_k: 5,
      system: [{ type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } }],
    },
    lost: ['/top_k', '/system/0/cache_control'],
    model: 'via-openai',
    create: (gw, all, options) => anthropic(gw).messages.create(all, options).withResponse(),
  },
  openai: {
    more: { logit_bias: { 50256: -100 }, seed: 7, frequency_penalty: 0.5 },
    lost: ['/logit_bias', '/seed', '/frequency_penalty'],
    model: 'via-anthropic',
    create: (gw, all, options) => openai(gw).chat.completions.create(all, options).withResponse(),
  },
};
const strict = { headers: { 'x-freehold-translation': 'strict' } };

for (const [client, { more, lost, model, create }] of Object.entries(asked)) {
  test(`${client}: losses are named in the header and in the books`, async (t) => {
    const up = await upstream(t, say('Hello'));
    const gw = await gateway(t, bothDialects(up));

    for (const stream of [false, true]) {
      const { response } = await create(gw, body(client, model, { ...more, stream }));
      const named = response.headers.get('x-freehold-dropped').split(', ').sort();
      assert.deepEqual(named, [...lost].sort());
      await response.text?.().catch(() => {});
    }
    const ends = (await gw.journal()).filter((record) => record.type === 'settle');
    for (const end of ends) assert.match(JSON.stringify(end), new RegExp(lost[0]));
  });

  test(`${client}: strict refuses them, and nothing is sent`, async (t) => {
    const up = await upstream(t, say('Hello'));
    const gw = await gateway(t, bothDialects(up));

    await assert.rejects(create(gw, body(client, model, more), strict), (e) => {
      assert.equal(e.status, 400);
      for (const pointer of lost) assert.ok(e.message.includes(pointer), e.message);
      return true;
    });
    assert.equal(up.begun, 0);
  });

  test(`${client}: strict has nothing against what can be carried`, async (t) => {
    const up = await upstream(t, say('Hello'));
    const gw = await gateway(t, bothDialects(up));
    const { response } = await create(gw, body(client, model), strict);

    assert.equal(response.headers.get('x-freehold-dropped'), null);
  });

  test(`${client}: the same dialect loses nothing`, async (t) => {
    const up = await upstream(t, say('Hello'));
    const gw = await gateway(t, bothDialects(up));
    const same = client === 'anthropic' ? 'via-anthropic' : 'via-openai';
    const { response } = await create(gw, body(client, same, more), strict);

    assert.equal(response.headers.get('x-freehold-dropped'), null);
    for (const [name, value] of Object.entries(more)) {
      assert.deepEqual(up.asked[0].body[name], value, name);
    }
  });
}

test('strict goes on to a provider that loses nothing', async (t) => {
  const up = await upstream(t, say('Hello'));
  const gw = await gateway(t, bothDialects(up));
  const asked = { model: 'openai-first', max_tokens: 9, top_k: 5, messages: user() };
  const { response } = await anthropic(gw).messages.create(asked, strict).withResponse();

  assert.equal(response.headers.get('x-freehold-route'), 'ant/up-ant');
  assert.equal(response.headers.get('x-freehold-dropped'), null);
  assert.equal(up.asked.length, 1);
});

test('what would change the meaning is refused, in words that name it', async (t) => {
  const up = await upstream(t, say('Hello'));
  const gw = await gateway(t, bothDialects(up));
  const several = { model: 'via-anthropic', messages: user(), n: 3 };

  await assert.rejects(openai(gw).chat.completions.create(several), (e) => {
    assert.equal(e.status, 400);
    assert.match(e.message, /\/n/);
    return true;
  });
  assert.equal(up.begun, 0);
});

/* moody says a text, and beside each of its pieces something that no client's dialect has a place for. */
const moody = (text) => (asked) =>
  events(
    wireOf(asked)
      .events(text, { includeUsage: true })
      .map((event) => event.replace(/("delta":\{)("content"|"type":"text_delta")/, '$1"mood":"high",$2')),
  );

for (const client of Object.keys(clients)) {
  test(`${client}: a loss in mid-stream disturbs no SDK`, async (t) => {
    const up = await upstream(t, moody('It is a rather long word.'));
    const gw = await gateway(t, allDialects(up));
    for (const provider of ['anthropic', 'openai_chat'].filter((p) => p !== client)) {
      const said = await ask(gw, client, `to-${provider}`, {}, true);
      assert.equal(said.text, 'It is a rather long word.', provider);
      assert.equal(said.stop, 'end', provider);
    }
    for (const end of (await gw.journal()).filter((record) => record.type === 'settle')) {
      assert.match(JSON.stringify(end), /delta\/mood/);
    }
  });
}

test('a loss in mid-stream is a comment of the stream', async (t) => {
  const up = await upstream(t, moody('It is a rather long word.'));
  const gw = await gateway(t, allDialects(up));
  const { text } = await gw.ask('/v1/messages', { body: body('anthropic', 'to-openai_chat', { stream: true }) });
  assert.match(text, /^: x-freehold-dropped: \/choices\/0\/delta\/mood$/m);
});
