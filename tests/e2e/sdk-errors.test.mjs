/* sdk-errors.test.mjs: each SDK raises its own right class, and retries what may succeed later and
 * nothing else.
 * SPDX-License-Identifier: Apache-2.0 */

import assert from 'node:assert/strict';
import test from 'node:test';
import { Anthropic, OpenAI, anthropic, body, models, openai, pairs, user } from './lib/clients.mjs';
import { bothDialects, gateway } from './lib/gateway.mjs';
import { json, nobody, refuse, say, upstream, whole } from './lib/upstream.mjs';

const create = {
  anthropic: (gw, asked, options) => anthropic(gw, options).messages.create(asked),
  openai: (gw, asked, options) => openai(gw, options).chat.completions.create(asked),
};

/* Anthropic's SDK has the whole body in `message`. */
const wordsOf = (e) => e.apiMessage ?? e.message;

/* What a provider says, and what the client's SDK makes of it: Anthropic's class, OpenAI's class,
 * and the status that each sees. */
const A = Anthropic;
const O = OpenAI;
const statuses = [
  [400, A.BadRequestError, 400, O.BadRequestError, 400],
  [404, A.NotFoundError, 404, O.NotFoundError, 404],
  [413, A.APIError, 413, O.APIError, 413],
  [429, A.RateLimitError, 429, O.RateLimitError, 429],
  [500, A.InternalServerError, [500, 502], O.InternalServerError, [500, 502]],
  [503, A.InternalServerError, [502, 503, 529], O.InternalServerError, [502, 503]],
  [529, A.InternalServerError, 529, O.InternalServerError, [503, 529]],
];

for (const { client, provider, model } of pairs) {
  test(`a provider's error: ${client} client, ${provider} provider`, async (t) => {
    const up = await upstream(t, (ask) => {
      const said = JSON.stringify(ask.body.messages);
      return refuse(Number(/status (\d+)/.exec(said)[1]), 'the very words of the provider');
    });
    const gw = await gateway(t, bothDialects(up));

    for (const [status, aClass, aStatus, oClass, oStatus] of statuses) {
      const [type, seen] = client === 'anthropic' ? [aClass, aStatus] : [oClass, oStatus];
      const asked = body(client, model, { messages: user(`status ${status}`) });
      await assert.rejects(create[client](gw, asked), (e) => {
        assert.ok(e instanceof type, `${status}: ${e.constructor.name}`);
        assert.ok([seen].flat().includes(e.status), `${status}: ${e.status}`);
        assert.match(wordsOf(e), /the very words of the provider/);
        assert.match(e.requestID, /^req_/, `${status} has a request id`);
        return true;
      });
    }
  });

  test(`our own credentials' failure is not the client's: ${client}, ${provider}`, async (t) => {
    const up = await upstream(t, [refuse(401, 'bad key sk-ant-test'), refuse(403, 'sk-oai')]);
    const gw = await gateway(t, bothDialects(up));
    const options = { maxRetries: 2 };

    for (let i = 1; i <= 2; i++) {
      await assert.rejects(create[client](gw, body(client, model), options), (e) => {
        assert.equal(e.status, 502);
        assert.match(wordsOf(e), /gateway's own credentials/);
        assert.doesNotMatch(wordsOf(e), /sk-/);
        return true;
      });
      assert.equal(up.asked.length, i, 'and is not retried');
    }
  });
}

test('what is retried, by each SDK with its normal settings', { timeout: 60000 }, async (t) => {
  /* status, retried: with `retry-after: 0` nobody waits */
  const rows = [
    [400, false],
    [404, false],
    [422, false],
    [429, true],
    [500, true],
    [503, true],
    [529, true],
  ];
  const up = await upstream(t, (ask) => {
    const said = JSON.stringify(ask.body.messages);
    return refuse(Number(/status (\d+)/.exec(said)[1]), 'no', { headers: { 'retry-after': 0 } });
  });
  const gw = await gateway(t, bothDialects(up));

  await Promise.all(
    pairs.flatMap(({ client, provider, model }) =>
      rows.map(async ([status, retried]) => {
        const words = `status ${status}, ${client} from ${provider}`;
        const asked = body(client, model, { messages: user(words) });
        await assert.rejects(create[client](gw, asked, { maxRetries: 2 }));
        const times = up.asked.filter((ask) => JSON.stringify(ask.body.messages).includes(words));
        assert.equal(times.length, retried ? 3 : 1, words);
      }),
    ),
  );
});

test('a retry that succeeds is one answer, and two requests in the books', async (t) => {
  const up = await upstream(t, [refuse(429, 'slow', { headers: { 'retry-after': 0 } }), say('Hello')]);
  const gw = await gateway(t, bothDialects(up));
  const asked = body('anthropic', models.anthropic);
  const reply = await create.anthropic(gw, asked, { maxRetries: 2 });
  const ends = (await gw.journal()).filter((record) => record.type === 'settle');

  assert.equal(reply.content[0].text, 'Hello');
  assert.deepEqual(ends.map((end) => [end.outcome, end.status]), [
    ['refused', 429],
    ['ok', 200],
  ]);
});

test('retry-after reaches the client', async (t) => {
  const up = await upstream(t, refuse(429, 'slow', { headers: { 'retry-after': 17 } }));
  const gw = await gateway(t, bothDialects(up));

  for (const { client, model } of pairs) {
    await assert.rejects(create[client](gw, body(client, model)), (e) => {
      assert.equal(e.headers.get('retry-after'), '17');
      return true;
    });
  }
});

const refused = {
  'a model that nobody has': [{ model: 'no-such' }, 404, 'NotFoundError', /no model "no-such"/],
  'a model that is no string': [{ model: 7 }, 400, 'BadRequestError', /"model" has to be a string/],
  'no model at all': [{ model: undefined }, 400, 'BadRequestError', /"model" has to be a string/],
};

for (const [name, [more, status, type, words]] of Object.entries(refused)) {
  test(`${name} is refused in each dialect, and nothing is sent`, async (t) => {
    const up = await upstream(t, say('x'));
    const gw = await gateway(t, bothDialects(up));

    for (const client of ['anthropic', 'openai']) {
      const options = { maxRetries: 2 };
      await assert.rejects(create[client](gw, body(client, 'x', more), options), (e) => {
        assert.equal(e.status, status);
        assert.equal(e.constructor, (client === 'anthropic' ? Anthropic : OpenAI)[type]);
        assert.match(wordsOf(e), words);
        return true;
      });
    }
    assert.equal(up.begun, 0);
    assert.deepEqual(await gw.journal(), []);
  });
}

for (const client of ['anthropic', 'openai']) {
  test(`keys that do not open: ${client}`, async (t) => {
    const up = await upstream(t, say('x'));
    const gw = await gateway(t, bothDialects(up));
    const { key } = await gw.createKey('short-lived');
    const asked = body(client, models[client]);
    const type = (client === 'anthropic' ? Anthropic : OpenAI).AuthenticationError;

    await create[client](gw, asked, { apiKey: key });
    await gw.freehold('key', 'revoke', 'short-lived');
    for (const [apiKey, words] of [
      [key, /has been revoked/],
      ['fh-nobody', /does not know the key/],
      ['sk-somebody-elses', /does not know the key/],
    ]) {
      await assert.rejects(create[client](gw, asked, { apiKey, maxRetries: 2 }), (e) => {
        assert.ok(e instanceof type, e.constructor.name);
        assert.equal(e.status, 401);
        assert.match(wordsOf(e), words);
        return true;
      });
    }
    assert.equal(up.asked.length, 1);
  });

  test(`a provider that is not there: ${client}`, async (t) => {
    const gw = await gateway(t, bothDialects(await nobody()));
    await assert.rejects(create[client](gw, body(client, models[client])), (e) => {
      assert.equal(e.status, 502);
      assert.match(wordsOf(e), /cannot be reached: the connection was refused/);
      return true;
    });
    const end = await gw.settled();
    assert.deepEqual([end.type, end.reason], ['void', 'unreachable']);
  });

  for (const [name, lie, status] of [
    ['HTML', whole(200, '<html>Hello</html>', { 'content-type': 'text/html' }), 502],
    ['half a document', whole(200, '{"id":"x","choi'), 502],
    ['nothing', whole(200, ''), 502],
    ['a number', json(200, 42), 502],
    ['an HTML error page', whole(500, '<h1>Oops</h1>', { 'content-type': 'text/html' }), [500, 502]],
    ['an error without a body', whole(503, ''), [502, 503, 529]],
    ['a redirect', whole(302, '', { location: 'http://127.0.0.1:1/' }), 502],
    ['a 204', whole(204, ''), 502],
  ]) {
    test(`a provider that answers with ${name}: ${client}`, async (t) => {
      const up = await upstream(t, lie);
      const gw = await gateway(t, bothDialects(up));

      for (const model of Object.values(models)) {
        await assert.rejects(create[client](gw, body(client, model)), (e) => {
          assert.ok([status].flat().includes(e.status), `${e.status} ${e.message}`);
          assert.ok(e instanceof (client === 'anthropic' ? A : O).InternalServerError);
          return true;
        });
      }
      assert.equal(up.asked.length, 2);
    });
  }
}
