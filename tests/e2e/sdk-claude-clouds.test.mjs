/* sdk-claude-clouds.test.mjs: Anthropic's SDKs for Bedrock, Vertex and Foundry, and the same for a
 * gateway whose Claude is served there.
 * SPDX-License-Identifier: Apache-2.0 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { AnthropicBedrock, AnthropicBedrockMantle } from '@anthropic-ai/bedrock-sdk';
import { AnthropicFoundry } from '@anthropic-ai/foundry-sdk';
import { AnthropicVertex } from '@anthropic-ai/vertex-sdk';

import { anthropic } from './lib/clients.mjs';
import { allDialects, gateway } from './lib/gateway.mjs';
import { breakOff, decline, speak, upstream } from './lib/upstream.mjs';

/* What AnthropicVertex wants of Google's auth library. */
const authClient = (token) => ({
  getRequestHeaders: async () => new Headers({ authorization: `Bearer ${token}` }),
  projectId: 'p-1',
});

const clients = {
  bedrock: async (gw) => {
    const made = await gw.createKey('aws');
    return new AnthropicBedrock({
      baseURL: gw.url,
      awsRegion: 'eu-north-1',
      awsAccessKey: made.aws_access_key_id,
      awsSecretKey: made.aws_secret_access_key,
      maxRetries: 0,
    });
  },
  'bedrock mantle': async (gw) => {
    const made = await gw.createKey('aws');
    return new AnthropicBedrockMantle({
      baseURL: `${gw.url}/anthropic`,
      awsRegion: 'eu-north-1',
      awsAccessKey: made.aws_access_key_id,
      awsSecretAccessKey: made.aws_secret_access_key,
      maxRetries: 0,
    });
  },
  'bedrock with a key': async (gw) =>
    new AnthropicBedrock({ baseURL: gw.url, awsRegion: 'eu-north-1', apiKey: gw.key, maxRetries: 0 }),
  vertex: async (gw) =>
    new AnthropicVertex({
      baseURL: `${gw.url}/vertex/v1`,
      region: 'eu-north-1',
      projectId: 'p-1',
      authClient: authClient(gw.key),
      maxRetries: 0,
    }),
  foundry: async (gw) =>
    new AnthropicFoundry({ baseURL: `${gw.url}/anthropic`, apiKey: gw.key, maxRetries: 0 }),
};

const asked = { max_tokens: 64, messages: [{ role: 'user', content: 'Hi.' }] };

for (const [name, make] of Object.entries(clients)) {
  test(`${name}: text, whole and streamed, from three dialects`, async (t) => {
    const up = await upstream(t, speak([{ think: 'Hm.', signature: 'c2lnbmVk' }, 'In a cloud.']));
    const gw = await gateway(t, allDialects(up));
    const client = await make(gw);
    for (const model of ['to-anthropic', 'to-bedrock', 'to-openai_chat']) {
      const whole = await client.messages.create({ model, ...asked });
      assert.equal(whole.content.at(-1).text, 'In a cloud.', model);
      const final = await client.messages.stream({ model, ...asked }).finalMessage();
      assert.equal(final.content.at(-1).text, 'In a cloud.', model);
      assert.equal(final.usage.output_tokens, 7);
      if (model !== 'to-openai_chat') {
        assert.equal(final.content[0].signature, 'c2lnbmVk', `${model}: the signature`);
      }
    }
  });

  test(`${name}: errors by their classes, and a stream that breaks`, async (t) => {
    let says = decline(429, 'slow down');
    const up = await upstream(t, (ask) => says(ask));
    const gw = await gateway(t, allDialects(up));
    const client = await make(gw);
    await assert.rejects(client.messages.create({ model: 'to-anthropic', ...asked }), (e) => {
      assert.equal(e.status, 429);
      assert.equal(e.constructor.name, 'RateLimitError');
      return true;
    });
    await assert.rejects(client.messages.create({ model: 'nobody', ...asked }), (e) => {
      assert.equal(e.status, 404);
      assert.equal(e.constructor.name, 'NotFoundError');
      return true;
    });
    says = breakOff(4, 'It is a rather long word.');
    for (const model of ['to-anthropic', 'to-bedrock']) {
      await assert.rejects(client.messages.stream({ model, ...asked }).finalMessage(), model);
    }
  });
}

/* Claude in three clouds, asked by Anthropic's plain SDK: bytes pass, but for what the place has
 * elsewhere. */
test('a plain client of Claude on Bedrock, Vertex and Foundry', async (t) => {
  const up = await upstream(t, speak('Everywhere.'));
  const gw = await gateway(t, {
    providers: {
      bedrock: { kind: 'bedrock', url: up.url, region: 'eu-north-1', key: 'env:AWS_BEARER' },
      vertex: { kind: 'vertex', url: up.url, region: 'eu-north-1', project: 'p-1', key: 'env:GEM_KEY' },
      foundry: { kind: 'azure_foundry', url: up.url, key: 'env:OAI_KEY' },
    },
    models: {
      bedrock: { routes: [{ provider: 'bedrock', model: 'eu.anthropic.claude-x-v1:0' }] },
      vertex: { routes: [{ provider: 'vertex', model: 'claude-x@20260101' }] },
      foundry: { routes: [{ provider: 'foundry', model: 'claude-x' }] },
    },
  });
  const client = anthropic(gw);
  const where = {
    bedrock: ['/model/eu.anthropic.claude-x-v1%3A0/invoke', '/model/eu.anthropic.claude-x-v1%3A0/invoke-with-response-stream'],
    vertex: [
      '/v1/projects/p-1/locations/eu-north-1/publishers/anthropic/models/claude-x@20260101:rawPredict',
      '/v1/projects/p-1/locations/eu-north-1/publishers/anthropic/models/claude-x@20260101:streamRawPredict',
    ],
    foundry: ['/anthropic/v1/messages', '/anthropic/v1/messages'],
  };
  for (const [model, [whole, stream]] of Object.entries(where)) {
    const betas = { headers: { 'anthropic-beta': 'one-2026-01-01,two-2026-01-01' } };
    const reply = await client.messages.create({ model, ...asked }, betas);
    assert.equal(reply.content[0].text, 'Everywhere.', model);
    const first = up.asked.at(-1);
    assert.equal(first.path, whole);
    const final = await client.messages.stream({ model, ...asked }).finalMessage();
    assert.equal(final.content[0].text, 'Everywhere.', model);
    assert.equal(up.asked.at(-1).path, stream);
    if (model === 'foundry') {
      assert.equal(first.body.model, 'claude-x');
      assert.equal(first.headers['anthropic-beta'], 'one-2026-01-01,two-2026-01-01');
    } else {
      assert.equal(first.body.model, undefined);
      assert.ok(first.body.anthropic_version);
    }
    if (model === 'bedrock') {
      assert.deepEqual(first.body.anthropic_beta, ['one-2026-01-01', 'two-2026-01-01']);
      assert.equal(up.asked.at(-1).body.stream, undefined);
    }
  }
});
