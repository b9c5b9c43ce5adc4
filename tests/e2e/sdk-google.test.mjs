/* sdk-google.test.mjs: Google's SDK in its three ways: with a key, Vertex, Vertex express.
 * SPDX-License-Identifier: Apache-2.0 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ApiError, GoogleGenAI } from '@google/genai';

import { allDialects, gateway } from './lib/gateway.mjs';
import { breakOff, count, decline, speak, upstream } from './lib/upstream.mjs';

/* What the SDK wants of Google's auth library. */
const googleAuthOptions = (token) => ({
  authClient: {
    getRequestHeaders: async () => new Headers({ authorization: `Bearer ${token}` }),
    request: async () => ({}),
  },
});

const clients = {
  'a key': (gw) => new GoogleGenAI({ apiKey: gw.key, httpOptions: { baseUrl: gw.url } }),
  'behind /gemini': (gw) =>
    new GoogleGenAI({ apiKey: gw.key, httpOptions: { baseUrl: `${gw.url}/gemini` } }),
  Vertex: (gw) =>
    new GoogleGenAI({
      vertexai: true,
      project: 'p-1',
      location: 'eu-north-1',
      googleAuthOptions: googleAuthOptions(gw.key),
      httpOptions: { baseUrl: gw.url },
    }),
  'Vertex express': (gw) =>
    new GoogleGenAI({ vertexai: true, apiKey: gw.key, httpOptions: { baseUrl: gw.url } }),
};

async function textOf(stream) {
  let text = '';
  for await (const chunk of stream) text += chunk.text ?? '';
  return text;
}

for (const [name, make] of Object.entries(clients)) {
  test(`${name}: text and usage, whole and streamed`, async (t) => {
    const up = await upstream(t, speak('Google.'));
    const gw = await gateway(t, allDialects(up));
    const client = make(gw);
    for (const provider of ['gemini', 'anthropic', 'openai_chat', 'bedrock']) {
      const asked = { model: `to-${provider}`, contents: 'Hi.' };
      const whole = await client.models.generateContent(asked);
      assert.equal(whole.text, 'Google.', provider);
      assert.equal(whole.usageMetadata.promptTokenCount, 12, provider);
      assert.equal(await textOf(await client.models.generateContentStream(asked)), 'Google.', provider);
    }
  });
}

test('errors, and a stream that breaks', async (t) => {
  let says;
  const up = await upstream(t, (ask) => says(ask));
  const gw = await gateway(t, allDialects(up));
  const client = clients['a key'](gw);
  for (const provider of ['gemini', 'anthropic', 'openai_chat']) {
    const asked = { model: `to-${provider}`, contents: 'Hi.' };
    says = decline(429, 'slow down');
    await assert.rejects(client.models.generateContent(asked), (e) => {
      assert.ok(e instanceof ApiError);
      assert.equal(e.status, 429);
      assert.match(e.message, /slow down/);
      return true;
    });
    says = breakOff(3, 'It is a rather long word that is not said.');
    const stream = client.models.generateContentStream(asked);
    await assert.rejects(stream.then(textOf), ApiError, provider);
  }
  await assert.rejects(client.models.generateContent({ model: 'nobody', contents: 'Hi.' }), (e) => {
    assert.equal(e.status, 404);
    return true;
  });
});

test('tokens are counted, exactly where a provider counts', async (t) => {
  const up = await upstream(t, count(42));
  const gw = await gateway(t, allDialects(up));
  const client = clients['a key'](gw);
  const counted = await client.models.countTokens({ model: 'to-anthropic', contents: 'Hi.' });
  assert.equal(counted.totalTokens, 42);
  const guessed = await client.models.countTokens({ model: 'to-openai_chat', contents: 'Hi.' });
  assert.ok(guessed.totalTokens > 0);
});

test('models are listed, and found by name', async (t) => {
  const up = await upstream(t, speak('-'));
  const gw = await gateway(t, allDialects(up));
  const client = clients['a key'](gw);
  const names = [];
  for await (const model of await client.models.list()) names.push(model.name);
  assert.ok(names.includes('models/to-gemini'));
  const one = await client.models.get({ model: 'to-anthropic' });
  assert.equal(one.name, 'models/to-anthropic');

  const vertex = clients.Vertex(gw);
  const published = [];
  for await (const model of await vertex.models.list()) published.push(model.name);
  assert.ok(published.includes('publishers/google/models/to-gemini'));
  assert.equal((await vertex.models.get({ model: 'to-gemini' })).name, 'publishers/google/models/to-gemini');
});

test('without alt=sse a stream is a list', async (t) => {
  const up = await upstream(t, speak('One list.'));
  const gw = await gateway(t, allDialects(up));
  for (const provider of ['gemini', 'anthropic']) {
    const got = await gw.ask(`/v1beta/models/to-${provider}:streamGenerateContent`, {
      body: { contents: [{ parts: [{ text: 'Hi.' }] }] },
    });
    assert.equal(got.status, 200);
    assert.ok(Array.isArray(got.json), got.text);
    const text = got.json.flatMap((c) => c.candidates?.[0]?.content?.parts ?? []).map((p) => p.text ?? '').join('');
    assert.equal(text, 'One list.', provider);
  }
});
