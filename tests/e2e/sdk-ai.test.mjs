/* sdk-ai.test.mjs: the AI SDK with three of its providers, each with both dialects behind the gateway.
 * SPDX-License-Identifier: Apache-2.0 */

import assert from 'node:assert/strict';
import test from 'node:test';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateObject, generateText, stepCountIs, streamObject, streamText, tool } from 'ai';
import { z } from 'zod';
import { models } from './lib/clients.mjs';
import { bothDialects, gateway } from './lib/gateway.mjs';
import { cut, refuse, say, upstream } from './lib/upstream.mjs';

globalThis.AI_SDK_LOG_WARNINGS = false;

const clients = {
  '@ai-sdk/anthropic': (gw) => createAnthropic({ baseURL: `${gw.url}/v1`, apiKey: gw.key }),
  '@ai-sdk/openai': (gw) => createOpenAI({ baseURL: `${gw.url}/v1`, apiKey: gw.key }).chat,
  '@ai-sdk/openai-compatible': (gw) =>
    createOpenAICompatible({
      name: 'freehold',
      baseURL: `${gw.url}/v1`,
      apiKey: gw.key,
      includeUsage: true,
      supportsStructuredOutputs: true,
    }),
};
const pairs = Object.keys(clients).flatMap((client) =>
  Object.entries(models).map(([provider, model]) => ({ client, provider, model })),
);
const asked = { prompt: 'Hi.', maxOutputTokens: 64, maxRetries: 0 };
const usage = { input: 100, cacheRead: 2000, output: 55 };

for (const { client, provider, model } of pairs) {
  const on = `${client} from ${provider}`;

  test(`generateText and streamText say the same, ${on}`, async (t) => {
    const up = await upstream(t, say('Grüezi 你好 😀, and more words.', { usage }));
    const gw = await gateway(t, bothDialects(up));
    const at = clients[client](gw)(model);
    const whole = await generateText({ ...asked, model: at });
    const stream = streamText({ ...asked, model: at });
    let text = '';
    for await (const piece of stream.textStream) text += piece;

    assert.equal(whole.text, 'Grüezi 你好 😀, and more words.');
    assert.equal(text, whole.text);
    assert.equal(await stream.finishReason, 'stop');
    for (const got of [whole.usage, await stream.usage]) {
      assert.equal(got.inputTokens, 2100);
      assert.equal(got.inputTokenDetails.cacheReadTokens, 2000);
      assert.equal(got.outputTokens, 55);
    }
  });

  test(`generateObject and streamObject, ${on}`, async (t) => {
    const up = await upstream(t, (ask) => {
      /* Anthropic's client may ask for the object as a tool's input */
      const [name] = (ask.body.tools ?? []).map((one) => one.name ?? one.function.name);
      return say(name ? [{ tool: name, id: 'c1', args: { city: 'Bern' } }] : '{"city":"Bern"}');
    });
    const gw = await gateway(t, bothDialects(up));
    const at = clients[client](gw)(model);
    const schema = z.object({ city: z.string() });
    const { object } = await generateObject({ ...asked, model: at, schema });
    const stream = streamObject({ ...asked, model: at, schema });
    for await (const part of stream.partialObjectStream) assert.ok(part);

    assert.deepEqual(object, { city: 'Bern' });
    assert.deepEqual(await stream.object, { city: 'Bern' });
  });

  test(`a tool loop, whole and streamed, ${on}`, async (t) => {
    const calls = [
      { tool: 'weather', id: 'call_1', args: { city: 'Bern' } },
      { tool: 'weather', id: 'call_2', args: { city: '北京' } },
    ];
    const up = await upstream(t, (ask) =>
      JSON.stringify(ask.body.messages).includes('sun in') ? say('Sunny.') : say(calls),
    );
    const gw = await gateway(t, bothDialects(up));
    const cities = [];
    const loop = {
      ...asked,
      model: clients[client](gw)(model),
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
    const whole = await generateText(loop);
    const stream = streamText(loop);

    assert.equal(whole.text, 'Sunny.');
    assert.equal(await stream.text, 'Sunny.');
    assert.equal((await stream.steps).length, 2);
    assert.deepEqual(cities, ['Bern', '北京', 'Bern', '北京']);
    assert.equal(up.asked.length, 4);
  });

  test(`errors have status, words and a verdict on retrying, ${on}`, async (t) => {
    const up = await upstream(t, refuse(400, 'No way.'));
    const gw = await gateway(t, bothDialects(up));
    const unknown = generateText({ ...asked, model: clients[client](gw)('no-such-model') });
    await assert.rejects(unknown, (e) => {
      assert.equal(e.name, 'AI_APICallError');
      assert.equal(e.statusCode, 404);
      assert.match(e.message, /has no model "no-such-model"/);
      return !e.isRetryable;
    });
    const refused = generateText({ ...asked, model: clients[client](gw)(model) });
    await assert.rejects(refused, (e) => {
      assert.equal(e.statusCode, 400);
      assert.match(e.message, /No way\./);
      return !e.isRetryable;
    });
  });

  test(`a cut stream is an error and no answer, ${on}`, async (t) => {
    const up = await upstream(t, cut(4, 'reset', say('One two three four five six seven')));
    const gw = await gateway(t, bothDialects(up));
    const errors = [];
    const stream = streamText({
      ...asked,
      model: clients[client](gw)(model),
      onError: ({ error }) => errors.push(error),
    });
    for await (const part of stream.fullStream) assert.notEqual(part.finishReason, 'stop');

    assert.equal(errors.length, 1);
    assert.match(JSON.stringify(errors[0]) + String(errors[0].message), /broke off/);
  });
}
