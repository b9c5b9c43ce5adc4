/* embeddings.test.mjs: embeddings by the official SDKs, from providers of every shape.
 * SPDX-License-Identifier: Apache-2.0 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { BedrockRuntimeClient, InvokeModelCommand } from '@aws-sdk/client-bedrock-runtime';
import { GoogleGenAI } from '@google/genai';
import { Mistral } from '@mistralai/mistralai';
import OpenAI from 'openai';

import { gateway } from './lib/gateway.mjs';
import { json, upstream } from './lib/upstream.mjs';

const vector = [0.25, -0.5, 1, 3.1415927410125732];
const packed = Buffer.from(new Float32Array(vector).buffer).toString('base64');

/* How a provider of each shape answers; `texts` is how many it was asked for. */
const answers = {
  openai: (ask) => {
    const texts = [].concat(ask.body.input).length;
    return json(200, {
      object: 'list',
      model: 'up-embed',
      data: Array.from({ length: texts }, (_, index) => ({
        object: 'embedding',
        index,
        embedding: ask.body.encoding_format === 'base64' ? packed : vector,
      })),
      usage: { prompt_tokens: 5, total_tokens: 5 },
    });
  },
  mistral: (ask) =>
    json(200, {
      id: 'e1',
      object: 'list',
      model: 'mistral-embed',
      data: [].concat(ask.body.input).map((_, index) => ({ object: 'embedding', index, embedding: vector })),
      usage: { prompt_tokens: 5, completion_tokens: 0, total_tokens: 5 },
    }),
  gemini: (ask) => json(200, { embeddings: ask.body.requests.map(() => ({ values: vector })) }),
  titan: () => json(200, { embedding: vector, inputTextTokenCount: 5 }),
  cohere: (ask) =>
    json(
      200,
      { id: 'e1', response_type: 'embeddings_floats', embeddings: ask.body.texts.map(() => vector), texts: ask.body.texts },
      { 'x-amzn-bedrock-input-token-count': '5' },
    ),
};

const config = (up) => ({
  providers: {
    openai: { kind: 'openai_compatible', url: `${up.url}/v1`, key: 'env:OAI_KEY' },
    mistral: { kind: 'mistral', url: `${up.url}/mistral`, key: 'env:MIS_KEY' },
    gemini: { kind: 'gemini', url: up.url, key: 'env:GEM_KEY' },
    bedrock: { kind: 'bedrock', url: up.url, region: 'eu-north-1', key: 'env:AWS_BEARER' },
  },
  models: {
    openai: { routes: [{ provider: 'openai', model: 'up-embed' }] },
    mistral: { routes: [{ provider: 'mistral', model: 'mistral-embed' }] },
    gemini: { routes: [{ provider: 'gemini', model: 'gemini-embedding' }] },
    titan: { routes: [{ provider: 'bedrock', model: 'amazon.titan-embed-text-v2:0' }] },
    cohere: { routes: [{ provider: 'bedrock', model: 'cohere.embed-english-v3' }] },
  },
});

const shapeOf = (ask) =>
  /mistral\/v1\/embeddings/.test(ask.path)
    ? 'mistral'
    : /batchEmbed/.test(ask.path)
      ? 'gemini'
      : /titan/.test(ask.path)
        ? 'titan'
        : /cohere/.test(ask.path)
          ? 'cohere'
          : 'openai';

/* Each client asks for so many vectors and gives them as numbers. */
const clients = {
  openai: async (gw, model, texts) => {
    const client = new OpenAI({ baseURL: `${gw.url}/v1`, apiKey: gw.key, maxRetries: 0 });
    const plain = await client.embeddings.create({ model, input: texts, encoding_format: 'float' });
    const reply = await client.embeddings.create({ model, input: texts }); /* asks for base64 */
    assert.deepEqual(plain.data.map((d) => d.embedding), reply.data.map((d) => [...d.embedding]));
    return reply.data.map((d) => [...d.embedding]);
  },
  mistral: async (gw, model, texts) => {
    const client = new Mistral({ apiKey: gw.key, serverURL: `${gw.url}/mistral` });
    return (await client.embeddings.create({ model, inputs: texts })).data.map((d) => d.embedding);
  },
  gemini: async (gw, model, texts) => {
    const client = new GoogleGenAI({ apiKey: gw.key, httpOptions: { baseUrl: gw.url } });
    return (await client.models.embedContent({ model, contents: texts })).embeddings.map((e) => e.values);
  },
  titan: async (gw, model, texts) => {
    const got = [];
    for (const inputText of texts) got.push((await invoke(gw, model, { inputText })).embedding);
    return got;
  },
  cohere: async (gw, model, texts) =>
    (await invoke(gw, model, { texts, input_type: 'search_document' })).embeddings,
};

async function invoke(gw, modelId, body) {
  const client = new BedrockRuntimeClient({
    endpoint: gw.http2,
    region: 'eu-north-1',
    token: { token: gw.key },
    authSchemePreference: ['httpBearerAuth'],
    maxAttempts: 1,
  });
  try {
    const reply = await client.send(new InvokeModelCommand({ modelId, body: JSON.stringify(body) }));
    return JSON.parse(Buffer.from(reply.body).toString());
  } finally {
    client.destroy();
  }
}

for (const client of Object.keys(clients)) {
  test(`${client}'s shape from every provider's`, async (t) => {
    const up = await upstream(t, (ask) => answers[shapeOf(ask)](ask));
    const gw = await gateway(t, config(up));
    for (const provider of Object.keys(answers)) {
      const texts = provider === 'titan' ? ['one'] : ['one', 'two'];
      const got = await clients[client](gw, provider, texts);
      assert.equal(got.length, texts.length, provider);
      assert.deepEqual([...new Float32Array(got[0])], vector, provider);
    }
    const records = (await gw.journal()).filter((r) => r.type === 'settle');
    assert.ok(records.some((r) => r.input_tokens === 5 || r.usage?.input === 5), JSON.stringify(records[0]));
  });
}

test('what a shape cannot do is refused, and an error is told', async (t) => {
  const up = await upstream(t, () => json(429, { error: { message: 'slow down', type: 'rate_limit_exceeded' } }));
  const gw = await gateway(t, config(up));
  const client = new OpenAI({ baseURL: `${gw.url}/v1`, apiKey: gw.key, maxRetries: 0 });
  await assert.rejects(client.embeddings.create({ model: 'titan', input: ['one', 'two'] }), OpenAI.BadRequestError);
  await assert.rejects(client.embeddings.create({ model: 'gemini', input: [[1, 2, 3]] }), OpenAI.BadRequestError);
  await assert.rejects(client.embeddings.create({ model: 'openai', input: 'one' }), OpenAI.RateLimitError);
});
