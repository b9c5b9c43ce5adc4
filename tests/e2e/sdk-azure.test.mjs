/* sdk-azure.test.mjs: AzureOpenAI, by deployments and without, OpenAI at Azure's newer paths, and
 * BedrockOpenAI.
 * SPDX-License-Identifier: Apache-2.0 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import OpenAI, { AzureOpenAI, BedrockOpenAI } from 'openai';

import { allDialects, gateway } from './lib/gateway.mjs';
import { decline, speak, upstream } from './lib/upstream.mjs';

const messages = [{ role: 'user', content: 'Hi.' }];
const options = (gw) => ({ apiKey: gw.key, apiVersion: '2024-10-21', maxRetries: 0 });

const clients = {
  'endpoint, the model is the deployment': (gw) => new AzureOpenAI({ endpoint: gw.url, ...options(gw) }),
  'behind /azure': (gw) => new AzureOpenAI({ endpoint: `${gw.url}/azure`, ...options(gw) }),
  'a token instead of a key': (gw) =>
    new AzureOpenAI({
      endpoint: gw.url,
      azureADTokenProvider: async () => gw.key,
      apiVersion: '2024-10-21',
      maxRetries: 0,
    }),
  'Bedrock, by its OpenAI paths': (gw) =>
    new BedrockOpenAI({ baseURL: `${gw.url}/openai/v1`, apiKey: gw.key, maxRetries: 0 }),
  'OpenAI at /openai/v1': (gw) =>
    new OpenAI({ baseURL: `${gw.url}/openai/v1/`, apiKey: gw.key, maxRetries: 0 }),
};

for (const [name, make] of Object.entries(clients)) {
  test(`${name}: chat, responses, models`, async (t) => {
    const up = await upstream(t, speak('Azure.'));
    const gw = await gateway(t, allDialects(up));
    const client = make(gw);
    for (const provider of ['anthropic', 'openai_chat', 'gemini']) {
      const model = `to-${provider}`;
      const whole = await client.chat.completions.create({ model, messages });
      assert.equal(whole.choices[0].message.content, 'Azure.', provider);
      const streamed = await client.chat.completions.stream({ model, messages }).finalChatCompletion();
      assert.equal(streamed.choices[0].message.content, 'Azure.', provider);
      const response = await client.responses.create({ model, input: 'Hi.', store: false });
      assert.equal(response.output_text, 'Azure.', provider);
    }
    const listed = await client.models.list();
    assert.ok(listed.data.some((m) => m.id === 'to-gemini'));
  });
}

test('a deployment whose name is not the model', async (t) => {
  const up = await upstream(t, speak('Deployed.'));
  const gw = await gateway(t, allDialects(up));
  const client = new AzureOpenAI({ endpoint: gw.url, deployment: 'to-openai_chat', ...options(gw) });
  const whole = await client.chat.completions.create({ model: 'whatever', messages });
  assert.equal(whole.choices[0].message.content, 'Deployed.');
  assert.equal(up.asked[0].body.model, 'up-gpt');
  assert.equal(up.asked[0].query, '');
});

test('errors by their classes', async (t) => {
  const up = await upstream(t, decline(429, 'slow down'));
  const gw = await gateway(t, allDialects(up));
  const client = new AzureOpenAI({ endpoint: gw.url, ...options(gw) });
  await assert.rejects(client.chat.completions.create({ model: 'to-gemini', messages }), (e) => {
    assert.ok(e instanceof OpenAI.RateLimitError);
    assert.match(e.message, /slow down/);
    return true;
  });
  await assert.rejects(client.chat.completions.create({ model: 'nobody', messages }), OpenAI.NotFoundError);
});
