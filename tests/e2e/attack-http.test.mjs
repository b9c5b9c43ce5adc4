/* attack-http.test.mjs: requests that are malformed, slow, too large or too clever, by hand. Whatever
 * comes, the answer is JSON in the client's dialect, and the next client is served.
 * SPDX-License-Identifier: Apache-2.0 */

import assert from 'node:assert/strict';
import test from 'node:test';
import { body, models, paths } from './lib/clients.mjs';
import { bothDialects, gateway } from './lib/gateway.mjs';
import { answersIn, raw, request } from './lib/raw.mjs';
import { late, say, upstream } from './lib/upstream.mjs';

const good = (client) => JSON.stringify(body(client, models[client]));

async function setUp(t, config) {
  const up = await upstream(t, say('Hello'));
  return { up, gw: await gateway(t, bothDialects(up, config)) };
}

/* An error in the shape of the path's dialect. */
function shaped(client, answer, status, words = /\w/) {
  assert.ok([status].flat().includes(answer.status), `${answer.status}: ${answer.body}`);
  assert.match(answer.headers['content-type'], /^application\/json/, answer.body);
  assert.match(answer.json.error.message, words);
  if (client === 'anthropic') assert.equal(answer.json.type, 'error');
  else assert.ok('code' in answer.json.error);
}

test('wrong paths and methods', async (t) => {
  const { up, gw } = await setUp(t);
  const rows = [
    ['anthropic', 'GET', '/v1/messages', 405],
    ['anthropic', 'DELETE', '/v1/messages', 405],
    ['anthropic', 'OPTIONS', '/v1/messages', 405],
    ['openai', 'GET', '/v1/chat/completions', 405],
    ['openai', 'PATCH', '/v1/chat/completions', 405],
    ['openai', 'POST', '/v1/models', 405],
    ['openai', 'POST', '/', 404],
    ['openai', 'GET', '/favicon.ico', 404],
    ['openai', 'POST', '/v1/chat/completions/', 404],
    ['openai', 'POST', '/v1//chat/completions', 404],
    ['openai', 'POST', '/V1/chat/completions', 404],
    ['openai', 'POST', '/v1/chat/completions%00', [400, 404]],
    ['openai', 'GET', '/../../../etc/passwd', [400, 404]],
    ['openai', 'GET', '/%2e%2e/%2e%2e/etc/passwd', [400, 404]],
    ['openai', 'POST', '/openai/v1/messages', 404],
    ['anthropic', 'POST', '/anthropic/v1/chat/completions', 404],
    ['openai', 'GET', '/v1/models/nobody%', [400, 404]],
    ['openai', 'GET', '/v1/models/%ff%fe', 404],
    ['openai', 'GET', `/v1/models/${'m'.repeat(8000)}`, 404],
  ];
  for (const [client, method, path, status] of rows) {
    const sent = request(gw, path, { method, body: method === 'GET' ? '' : good(client) });
    const { answers } = await raw(gw, [sent]);
    assert.equal(answers.length, 1, `${method} ${path}`);
    shaped(client, answers[0], status);
  }
  assert.equal(up.begun, 0);
});

test('an answer to HEAD has no body', async (t) => {
  const { gw } = await setUp(t);
  const head = request(gw, '/v1/models', { method: 'HEAD' });
  const { answers } = await raw(gw, [Buffer.concat([head, request(gw, '/v1/nothing')])], { want: 2 });

  /* by its length there is one, on the line the next answer follows */
  assert.equal(answers[0].status, 405);
  assert.match(answers[0].body, /^HTTP\/1.1 404 /);
});

test('bytes that are no HTTP', async (t) => {
  const { gw } = await setUp(t);
  const rows = [
    'nonsense\r\n\r\n',
    'GET\r\n\r\n',
    '\r\n\r\n\r\n',
    'POST /v1/messages HTTP/9.9\r\nhost: x\r\n\r\n',
    'POST /v1/messages HTTP/1.1\r\n\r\n',
    `POST /v1/messages HTTP/1.1\r\nhost: x\r\nno colon\r\n\r\n`,
    Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc]),
    Buffer.alloc(5000, 0),
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  ];
  for (const row of rows) {
    const { answers } = await raw(gw, [row], { patience: 300 });
    for (const answer of answers) {
      assert.ok([400, 405, 505].includes(answer.status), `${row}: ${answer.status}`);
      assert.ok(answer.json, `${row}: ${answer.body}`);
    }
  }
  assert.equal((await gw.ask('/v1/models')).status, 200);
});

test('floods of headers', async (t) => {
  const { up, gw } = await setUp(t);
  const many = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`x-${i}`, 'y'.repeat(50)]));

  for (const client of ['anthropic', 'openai']) {
    for (const headers of [{ 'x-long': 'y'.repeat(100_000) }, { 'x-api-key': 'z'.repeat(30_000) }, many]) {
      const { answers } = await raw(gw, [request(gw, paths[client], { headers, body: good(client) })]);
      assert.equal(answers.length, 1);
      shaped(client, answers[0], [400, 431]);
    }
    const path = `${paths[client]}?${'q'.repeat(100_000)}`;
    const { answers } = await raw(gw, [request(gw, path, { body: good(client) })]);
    shaped(client, answers[0], [400, 414]);
  }
  assert.equal(up.begun, 0);
});

test('headers of the largest size that is taken, and a long query', async (t) => {
  const { gw } = await setUp(t);
  const headers = { 'x-padding': 'y'.repeat(12_000), 'anthropic-beta': 'b'.repeat(4000) };
  const path = `/v1/messages?${'q'.repeat(6000)}`;
  const { answers } = await raw(gw, [request(gw, path, { headers, body: good('anthropic') })]);
  assert.equal(answers[0].status, 200, answers[0].body);

  const long = { 'anthropic-beta': 'b'.repeat(15_000) };
  const more = await raw(gw, [request(gw, path, { headers: long, body: good('anthropic') })]);
  shaped('anthropic', more.answers[0], [400, 431], /headers and query are longer/);
});

test('lengths that lie', async (t) => {
  const { up, gw } = await setUp(t);
  const rows = [
    [{ 'content-length': '99999999999999' }, 413],
    [{ 'content-length': '999999999999999999999999999999' }, [400, 413]],
    [{ 'content-length': '-1' }, 400],
    [{ 'content-length': '0x10' }, 400],
    [{ 'content-length': '10, 10' }, 400],
    [{ 'content-length': undefined }, [400, 411]],
    [{ 'transfer-encoding': 'gzip' }, [400, 501]],
    [{ 'transfer-encoding': 'chunked' }, 400],
  ];
  for (const client of ['anthropic', 'openai']) {
    for (const [headers, status] of rows) {
      const sent = request(gw, paths[client], { headers, body: good(client) });
      const { answers } = await raw(gw, [sent]);
      shaped(client, answers[0], status);
    }
  }
  assert.equal(up.begun, 0);
});

test('chunked bodies, whole and broken', async (t) => {
  const { up, gw } = await setUp(t);
  const headers = { 'content-length': undefined, 'transfer-encoding': 'chunked' };

  for (const client of ['anthropic', 'openai']) {
    const head = request(gw, paths[client], { headers });
    const text = good(client);
    const chunks = [text.slice(0, 9), text.slice(9)].map((s) => `${s.length.toString(16)}\r\n${s}\r\n`);
    const fine = await raw(gw, [head, chunks[0], 20, chunks[1], '0\r\n\r\n']);
    assert.equal(fine.answers[0].status, 200, fine.answers[0].body);
    /* what is left behind a broken one is not the next request */
    const hidden = request(gw, '/v1/models', { method: 'GET' });
    for (const wait of [[], [50]]) {
      const sent = wait.length
        ? [head, ...wait, `${chunks[0]}zz\r\n`, hidden]
        : [Buffer.concat([head, Buffer.from(`${chunks[0]}zz\r\n`), hidden])];
      const broken = await raw(gw, sent, { want: 2, patience: 1000 });
      shaped(client, broken.answers[0], 400);
      assert.equal(broken.answers.length, 1);
    }
    const bomb = await raw(gw, [head, 'ffffffffffffffff\r\n', 'x'.repeat(1000)]);
    shaped(client, bomb.answers[0], [400, 413]);
  }
  assert.equal(up.asked.length, 2);
});

test('a chunked body over the limit', async (t) => {
  const { up, gw } = await setUp(t, { limits: { body_max: '64KiB' } });
  const headers = { 'content-length': undefined, 'transfer-encoding': 'chunked' };
  const chunk = `1000\r\n${'x'.repeat(4096)}\r\n`;

  for (const client of ['anthropic', 'openai']) {
    const head = request(gw, paths[client], { headers });
    const { answers } = await raw(gw, [head, ...Array(20).fill(chunk), '0\r\n\r\n']);
    shaped(client, answers[0], 413, /body_max/);
  }
  assert.equal(up.begun, 0);
});

test('one request behind the other, without waiting', async (t) => {
  const up = await upstream(t, (ask) => late(30, say(`for ${ask.body.messages[0].content}`)));
  const gw = await gateway(t, bothDialects(up));
  const all = Array.from({ length: 8 }, (_, i) =>
    request(gw, '/v1/messages', {
      body: JSON.stringify(
        body('anthropic', i % 2 ? 'via-anthropic' : 'via-openai', {
          messages: [{ role: 'user', content: `number ${i}` }],
        }),
      ),
    }),
  );
  const { answers } = await raw(gw, [Buffer.concat(all)], { want: 8 });

  assert.deepEqual(
    answers.map((answer) => answer.json?.content[0].text),
    all.map((_, i) => `for number ${i}`),
  );
  assert.equal(up.asked.length, 8);
});

test('errors, too, keep a connection in step', async (t) => {
  const { gw } = await setUp(t);
  const bad = request(gw, '/v1/messages', { body: '{"model":' });
  const wrong = request(gw, '/v1/messages', { headers: { 'x-api-key': 'fh-no' }, body: good('anthropic') });
  const fine = request(gw, '/v1/messages', { body: good('anthropic') });
  const { answers } = await raw(gw, [Buffer.concat([bad, wrong, fine, bad, fine])], { want: 5 });

  assert.deepEqual(answers.map((answer) => answer.status), [400, 401, 200, 400, 200]);
});

test('a request hidden in the body of another stays a body', async (t) => {
  const { up, gw } = await setUp(t);
  const hidden = request(gw, '/v1/chat/completions', { body: good('openai') }).toString();
  const both = {
    'transfer-encoding': 'chunked',
    'content-length': Buffer.byteLength(good('anthropic')),
  };
  const { answers } = await raw(
    gw,
    [request(gw, '/v1/messages', { headers: both, body: `0\r\n\r\n${hidden}` })],
    { want: 2, patience: 500 },
  );
  assert.ok(answers.length >= 1);
  assert.ok(answers[0].status >= 400, 'both lengths at once are refused');
  assert.equal(up.begun, 0);
});

test('slow bodies, slow heads, and connections that never say anything', async (t) => {
  const { gw } = await setUp(t);
  const sent = request(gw, '/v1/messages', { body: good('anthropic') }).toString();
  const slowly = (text) => [...text].flatMap((c, i) => (i % 8 ? [c] : [c, 2]));
  const idle = Array.from({ length: 50 }, () => raw(gw, ['POST /v1/mess'], { patience: 1500 }));
  const [slow, quick] = await Promise.all([
    raw(gw, slowly(sent)),
    gw.ask('/v1/messages', { body: good('anthropic') }),
  ]);

  assert.equal(slow.answers[0].status, 200);
  assert.equal(quick.status, 200);
  await Promise.all(idle);
});

test('a client that goes away in the middle of its body', async (t) => {
  const { up, gw } = await setUp(t);
  const sent = request(gw, '/v1/messages', { body: good('anthropic') });

  for (const part of [10, sent.length - 40, sent.length - 1]) {
    await raw(gw, [sent.subarray(0, part)], { patience: 30 });
  }
  assert.equal((await gw.ask('/v1/models')).status, 200);
  assert.equal(up.begun, 0);
  assert.deepEqual(await gw.journal(), []);
});

test('HTTP/1.0, absolute targets and 100-continue', async (t) => {
  const { gw } = await setUp(t);
  const text = good('anthropic');
  const old = request(gw, '/v1/messages', { body: text }).toString().replace('HTTP/1.1', 'HTTP/1.0');
  assert.equal((await raw(gw, [old])).answers[0].status, 200);

  const whole = request(gw, `http://127.0.0.1:${gw.port}/v1/messages`, { body: text });
  assert.equal((await raw(gw, [whole])).answers[0].status, 200);

  const expecting = request(gw, '/v1/messages', {
    headers: { expect: '100-continue', 'content-length': text.length },
  });
  const { answers } = await raw(gw, [expecting, 100, text], { want: 2 });
  assert.deepEqual(answers.map((answer) => answer.status), [100, 200]);
});

test('keys in several places, and headers twice', async (t) => {
  const { gw } = await setUp(t);
  const text = good('anthropic');
  const ask = async (headers) =>
    (await raw(gw, [request(gw, '/v1/messages', { headers, body: text })])).answers[0].status;

  assert.equal(await ask({ authorization: `Bearer ${gw.key}`, 'x-api-key': undefined }), 200);
  assert.equal(await ask({ authorization: `bearer   ${gw.key}  `, 'x-api-key': undefined }), 200);
  assert.equal(await ask({ authorization: 'Bearer sk-other' }), 200);
  assert.equal(await ask({ authorization: `Basic ${gw.key}`, 'x-api-key': undefined }), 401);
  assert.equal(await ask({ authorization: 'Bearer', 'x-api-key': undefined }), 401);
  assert.equal(await ask({ 'x-api-key': '' }), 401);
  assert.equal(await ask({ 'x-api-key': undefined, 'api-key': gw.key }), 200);
});

test('five hundred clients at once', async (t) => {
  const { up, gw } = await setUp(t);
  const sent = request(gw, '/v1/messages', { body: good('anthropic') });
  const all = await Promise.all(Array.from({ length: 500 }, () => raw(gw, [sent], { patience: 20000 })));

  assert.ok(all.every(({ answers }) => answers[0]?.status === 200));
  assert.equal(up.asked.length, 500);
  assert.deepEqual(answersIn(''), { answers: [], rest: '' });
});
