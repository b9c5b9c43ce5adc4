/* sdk-ai-clouds.test.mjs: the AI SDK with its providers for Bedrock, Azure, Google, Mistral and
 * OpenAI's Responses, with providers of several dialects behind the gateway.
 * SPDX-License-Identifier: Apache-2.0 */

import assert from 'node:assert/strict';
import test from 'node:test';
import { createAmazonBedrock } from '@ai-sdk/amazon-bedrock';
import { createBedrockAnthropic } from '@ai-sdk/amazon-bedrock/anthropic';
import { createBedrockMantle } from '@ai-sdk/amazon-bedrock/mantle';
import { createAzure } from '@ai-sdk/azure';
import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { createVertex } from '@ai-sdk/google-vertex';
import { createVertexAnthropic } from '@ai-sdk/google-vertex/anthropic';
import { createMistral } from '@ai-sdk/mistral';
import { createOpenAI } from '@ai-sdk/openai';
import { generateObject, generateText, stepCountIs, streamText, tool } from 'ai';
import { z } from 'zod';
import { allDialects, gateway } from './lib/gateway.mjs';
import { breakOff, decline, speak, upstream } from './lib/upstream.mjs';

globalThis.AI_SDK_LOG_WARNINGS = false;

/* signed makes a client of AWS's that signs with a pair of its own. */
const signed = (make, path = '') => async (gw) => {
  const made = await gw.createKey('aws');
  return make({
    baseURL: `${gw.url}${path}`,
    region: 'eu-north-1',
    accessKeyId: made.aws_access_key_id,
    secretAccessKey: made.aws_secret_access_key,
  });
};

/* vertex is how a client of Vertex's finds models of a publisher, with a token of ours. */
const vertex = (gw, publisher) => ({
  project: 'p-1',
  location: 'eu-north-1',
  baseURL: `${gw.url}/vertex/v1/projects/p-1/locations/eu-north-1/publishers/${publisher}`,
  googleAuthOptions: { authClient: { getAccessToken: async () => ({ token: gw.key }) } },
});

const clients = {
  '@ai-sdk/amazon-bedrock, signed': signed(createAmazonBedrock),
  '@ai-sdk/amazon-bedrock/anthropic, signed': signed(createBedrockAnthropic),
  '@ai-sdk/amazon-bedrock/mantle, signed': signed(createBedrockMantle, '/v1'),
  '@ai-sdk/amazon-bedrock': (gw) =>
    createAmazonBedrock({ baseURL: gw.url, region: 'eu-north-1', apiKey: gw.key }),
  '@ai-sdk/azure': (gw) => createAzure({ baseURL: `${gw.url}/azure/openai`, apiKey: gw.key }),
  '@ai-sdk/azure, chat': (gw) =>
    createAzure({
      baseURL: `${gw.url}/azure/openai`,
      apiKey: gw.key,
      useDeploymentBasedUrls: true,
    }).chat,
  '@ai-sdk/google': (gw) =>
    createGoogleGenerativeAI({ baseURL: `${gw.url}/gemini/v1beta`, apiKey: gw.key }),
  '@ai-sdk/google-vertex, a key': (gw) =>
    createVertex({ baseURL: `${gw.url}/vertex/v1/publishers/google`, apiKey: gw.key }),
  '@ai-sdk/google-vertex, a token': (gw) => createVertex(vertex(gw, 'google')),
  '@ai-sdk/google-vertex/anthropic': (gw) => createVertexAnthropic(vertex(gw, 'anthropic/models')),
  '@ai-sdk/mistral': (gw) => createMistral({ baseURL: `${gw.url}/mistral/v1`, apiKey: gw.key }),
  '@ai-sdk/openai, responses': (gw) =>
    createOpenAI({ baseURL: `${gw.url}/v1`, apiKey: gw.key }).responses,
};

const providers = ['anthropic', 'openai_chat', 'bedrock', 'gemini'];
const asked = { prompt: 'Hi.', maxOutputTokens: 64, maxRetries: 0 };

for (const [client, make] of Object.entries(clients)) {
  test(`${client}: text and usage, whole and streamed`, async (t) => {
    const up = await upstream(t, speak('Grüezi 你好 😀, and more words.'));
    const gw = await gateway(t, allDialects(up));
    const models = await make(gw);
    for (const provider of providers) {
      const model = models(`to-${provider}`);
      const whole = await generateText({ ...asked, model });
      assert.equal(whole.text, 'Grüezi 你好 😀, and more words.', provider);
      const stream = streamText({ ...asked, model });
      assert.equal(await stream.text, whole.text, provider);
      for (const usage of [whole.usage, await stream.usage]) {
        assert.deepEqual([usage.inputTokens, usage.outputTokens], [12, 7], provider);
      }
      assert.equal(await stream.finishReason, 'stop', provider);
    }
  });

  test(`${client}: a tool loop`, async (t) => {
    const calls = [
      { tool: 'weather', id: 'call_A1b2C3d4', args: { city: 'Bern' } },
      { tool: 'weather', id: 'call_E5f6G7h8', args: { city: '北京' } },
    ];
    const up = await upstream(t, (ask) =>
      ask.raw.toString().includes('sun in') ? speak('Sunny.') : speak(calls),
    );
    const gw = await gateway(t, allDialects(up));
    const models = await make(gw);
    for (const provider of providers) {
      const cities = [];
      const loop = {
        ...asked,
        model: models(`to-${provider}`),
        stopWhen: stepCountIs(3),
        tools: {
          weather: tool({
            description: 'The weather of a city',
            inputSchema: z.object({ city: z.string() }),
            execute: async ({ city }) => {
              cities.push(city);
              return `sun in ${city}`;
            },
          }),
        },
      };
      assert.equal((await generateText(loop)).text, 'Sunny.', provider);
      assert.equal(await streamText(loop).text, 'Sunny.', provider);
      assert.deepEqual(cities, ['Bern', '北京', 'Bern', '北京'], provider);
    }
  });

  test(`${client}: an object`, async (t) => {
    const up = await upstream(t, (ask) =>
      /"(toolSpec|tools)"/.test(ask.raw.toString())
        ? speak([{ tool: /"name":"(\w+)"/.exec(ask.raw.toString())[1], id: 'call_A1b2C3d4', args: { city: 'Bern' } }])
        : speak('{"city":"Bern"}'),
    );
    const gw = await gateway(t, allDialects(up));
    const models = await make(gw);
    const schema = z.object({ city: z.string() });
    for (const provider of providers) {
      const { object } = await generateObject({ ...asked, model: models(`to-${provider}`), schema });
      assert.deepEqual(object, { city: 'Bern' }, provider);
    }
  });

  test(`${client}: errors, and a stream that breaks`, async (t) => {
    let says = decline(429, 'slow down');
    const up = await upstream(t, (ask) => says(ask));
    const gw = await gateway(t, allDialects(up));
    const models = await make(gw);
    for (const provider of providers) {
      says = decline(429, 'slow down');
      await assert.rejects(generateText({ ...asked, model: models(`to-${provider}`) }), (e) => {
        assert.equal(e.statusCode, 429, provider);
        assert.equal(e.isRetryable, true, provider);
        return true;
      });
      says = breakOff(3, 'It is a rather long word that is not said.');
      const errors = [];
      const stream = streamText({
        ...asked,
        model: models(`to-${provider}`),
        onError: ({ error }) => errors.push(error),
      });
      const reasons = [];
      try {
        for await (const part of stream.fullStream) reasons.push(part.finishReason);
      } catch (e) {
        errors.push(e); // Mistral's clients know no error within a stream: the connection is cut
      }
      assert.ok(!reasons.includes('stop'), provider);
      assert.equal(errors.length > 0 || (await stream.finishReason.catch(() => 'error')) !== 'stop', true);
    }
  });
}
