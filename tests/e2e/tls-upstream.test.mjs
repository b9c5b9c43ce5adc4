/* tls-upstream.test.mjs: providers over TLS: the certificate has to be right, or nothing is sent.
 * SPDX-License-Identifier: Apache-2.0 */

import assert from 'node:assert/strict';
import net from 'node:net';
import { once } from 'node:events';
import test from 'node:test';
import tls from 'node:tls';
import { authority, selfSigned } from './lib/certs.mjs';
import { atEnd } from './lib/cleanup.mjs';
import { body, pairs, paths, question } from './lib/clients.mjs';
import { bothDialects, gateway } from './lib/gateway.mjs';
import { cut, say, slowly, upstream } from './lib/upstream.mjs';

const text = 'Grüezi 你好 😀, over TLS.';
/* nginx says so for each handshake that fails */
const rules = { mayLog: /SSL_do_handshake\(\) failed/ };
const ask = (gw, model, more) => gw.ask('/v1/messages', { body: body('anthropic', model, more) });

/* secure is a config whose two providers are `up`, over TLS. */
function secure(up, more) {
  return bothDialects(up, { ant: more, oai: more });
}

test('an authority of our own, a name of its own, in all pairs', async (t) => {
  const ca = await authority(t);
  const up = await upstream(t, say(text), { tls: await ca.issue('DNS:provider.test') });
  const gw = await gateway(t, secure(up, { ca: ca.file, tls_name: 'provider.test' }));

  for (const { client, model } of pairs) {
    for (const stream of [false, true]) {
      assert.equal(await question(gw, client, model, { stream }), text);
    }
  }
  const names = up.connections.map((c) => c.servername);
  assert.ok(names.every((name) => name === 'provider.test'), `${names}`);
  // a question that comes before the last chunk of the answer is through needs another
  assert.ok(names.length < pairs.length, `${names.length} connections, not kept`);
});

test('one byte a record, and large answers', async (t) => {
  const ca = await authority(t);
  const large = 'x'.repeat(3 << 20);
  const up = await upstream(t, [slowly(1, say(text)), slowly(1, say(text)), say(large), say(large)], {
    tls: await ca.issue('DNS:localhost'),
  });
  const gw = await gateway(t, secure({ url: `https://localhost:${up.port}` }, { ca: ca.file }));

  for (const want of [text, large]) {
    for (const stream of [false, true]) {
      const said = await question(gw, 'anthropic', 'via-openai', { stream });
      assert.equal(said, want);
    }
  }
});

test('a large body over TLS arrives as it is', async (t) => {
  const ca = await authority(t);
  const up = await upstream(t, say(text), { tls: await ca.issue('DNS:localhost') });
  const gw = await gateway(t, secure({ url: `https://localhost:${up.port}` }, { ca: ca.file }));
  const content = 'é'.repeat(4 << 20);

  for (const model of ['via-anthropic', 'via-openai']) {
    const got = await ask(gw, model, { messages: [{ role: 'user', content }] });
    assert.equal(got.status, 200, got.text);
    assert.equal(up.asked.at(-1).body.messages[0].content, content);
  }
});

test('an address has to be in the certificate', async (t) => {
  const ca = await authority(t);
  const up = await upstream(t, say(text), { tls: await ca.issue('IP:127.0.0.1') });
  const gw = await gateway(t, secure(up, { ca: ca.file }));

  assert.equal((await ask(gw, 'via-anthropic')).status, 200);
  assert.ok(!up.connections[0].servername, 'an address is no server name');
});

/* Certificates that are not accepted; nothing of the request may reach who shows them. */
const unfit = {
  'of the wrong name': async (t, ca) => ca.issue('DNS:somebody-else.test'),
  'of the wrong address': async (t, ca) => ca.issue('IP:127.0.0.2'),
  'that is self-signed': async (t) => selfSigned(t, 'DNS:provider.test'),
  'of an authority that we do not trust': async (t) =>
    (await authority(t, 'Other CA')).issue('DNS:provider.test'),
  'that has expired': async (t, ca) => ca.issue('DNS:provider.test', { days: -1 }),
};

for (const [name, identity] of Object.entries(unfit)) {
  test(`a certificate ${name}`, async (t) => {
    const ca = await authority(t);
    const bad = await upstream(t, say('from the impostor'), { tls: await identity(t, ca) });
    const fine = await upstream(t, say('from the right one'));
    const ant = { ca: ca.file, tls_name: 'provider.test' };
    const gw = await gateway(t, bothDialects(bad, { ant, other: fine }), { rules });

    const got = await ask(gw, 'via-anthropic');
    assert.equal(got.status, 502);
    assert.match(got.json.error.message, /its certificate is not accepted/);
    assert.match(gw.log(), /the certificate of provider "ant" is not accepted: /);
    assert.match((await ask(gw, 'anthropic-first')).text, /from the right one/);
    assert.equal(bad.begun, 0, 'nothing was sent');
  });
}

test('without an authority of its own, those of the system count', async (t) => {
  const ca = await authority(t);
  const up = await upstream(t, say(text), { tls: await ca.issue('DNS:localhost') });
  const gw = await gateway(t, secure({ url: `https://localhost:${up.port}` }), { rules });

  assert.equal((await ask(gw, 'via-anthropic')).status, 502);
  assert.equal(up.begun, 0);
});

test('two names at one address keep their connections apart', async (t) => {
  const ca = await authority(t);
  const [a, b] = [await ca.issue('DNS:a.test'), await ca.issue('DNS:b.test')];
  const contexts = { 'a.test': tls.createSecureContext(a), 'b.test': tls.createSecureContext(b) };
  const up = await upstream(t, (got) => say(got.body.model), {
    tls: { ...a, SNICallback: (name, done) => done(null, contexts[name]) },
  });
  const provider = { kind: 'anthropic_compatible', url: up.url, ca: ca.file };
  const gw = await gateway(t, {
    providers: {
      a: { ...provider, tls_name: 'a.test' },
      b: { ...provider, tls_name: 'b.test' },
      wrong: { ...provider, tls_name: 'c.test' },
    },
    models: Object.fromEntries(
      ['a', 'b', 'wrong'].map((name) => [name, { routes: [{ provider: name, model: `m-${name}` }] }]),
    ),
  }, { rules });

  for (let i = 0; i < 3; i++) {
    for (const name of ['a', 'b']) assert.match((await ask(gw, name)).text, new RegExp(`m-${name}`));
  }
  assert.equal((await ask(gw, 'wrong')).status, 502);
  const used = up.asked.map((got) => [got.body.model, up.connections[got.connection - 1].servername]);
  assert.deepEqual(used, Array(3).fill([['m-a', 'a.test'], ['m-b', 'b.test']]).flat());
  assert.equal(up.connections.filter((c) => c.servername !== 'c.test').length, 2);
});

test('a handshake that never ends, and one that is broken off', async (t) => {
  const fine = await upstream(t, say('Hello'));
  const silent = net.createServer(() => {}).listen(0, '127.0.0.1');
  const rude = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.resetAndDestroy());
  });
  rude.listen(0, '127.0.0.1');
  atEnd(t, () => rude.close());
  atEnd(t, () => silent.close());
  await Promise.all([once(silent, 'listening'), once(rude, 'listening')]);
  const open = new Set();
  silent.on('connection', (socket) => open.add(socket));
  atEnd(t, () => open.forEach((socket) => socket.destroy()));

  for (const server of [silent, rude]) {
    const bad = { url: `https://127.0.0.1:${server.address().port}` };
    const ant = { connect_timeout: '500ms' };
    const gw = await gateway(t, bothDialects(bad, { ant, other: fine }));
    const start = performance.now();
    assert.match((await ask(gw, 'anthropic-first')).text, /Hello/);
    assert.ok(performance.now() - start < 2500);
  }
});

test('a version of TLS that is too old', async (t) => {
  const ca = await authority(t);
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' };
  const up = await upstream(t, say(text), { tls: { ...(await ca.issue('DNS:p.test')), ...old } });
  const gw = await gateway(t, secure(up, { ca: ca.file, tls_name: 'p.test' }));
  const got = await ask(gw, 'via-anthropic');

  assert.equal(got.status, 502);
  assert.match(got.json.error.message, /the TLS handshake failed/);
  assert.equal(up.begun, 0);
});

test('a stream over TLS that is reset is as broken as any other', async (t) => {
  const ca = await authority(t);
  const up = await upstream(t, cut(5, 'reset', say(text)), { tls: await ca.issue('DNS:localhost') });
  const gw = await gateway(t, secure({ url: `https://localhost:${up.port}` }, { ca: ca.file }));

  for (const { client, model } of pairs) {
    const got = await gw.ask(paths[client], { body: body(client, model, { stream: true }) });
    assert.match(got.text, /broke off in the middle of its answer/);
  }
  assert.equal(up.asked.length, 4);
});
