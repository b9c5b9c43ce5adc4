/* local.test.mjs: a real model on this machine. `freehold up` finds its engine and its weights, or
 * brings them, which takes a while the first time; then the official SDKs talk to it.
 * SPDX-License-Identifier: Apache-2.0 */

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { anthropic, openai, user } from './lib/clients.mjs';
import { gateway, spilled } from './lib/gateway.mjs';

const minutes = 60000;
const model = 'smollm2';
const config = {
  providers: { local: { kind: 'local' } },
  models: { [model]: { routes: [{ provider: 'local', model: 'SmolLM2-135M-Instruct' }] } },
};
const here = { inherit: true, patience: 12 * minutes };
const parameters = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
};

test('the local model answers the official SDKs', { timeout: 15 * minutes }, async (t) => {
  const gw = await gateway(t, config, here);
  assert.match(gw.output, /model\s+ready|engine\s+ready/, gw.output);

  await t.test("a stream, by Anthropic's SDK", async () => {
    const pieces = [];
    const stream = anthropic(gw).messages.stream({
      model,
      max_tokens: 24,
      system: 'You are brief.',
      messages: user('Count from one to ten.'),
    });
    stream.on('text', (text) => pieces.push(text));
    const reply = await stream.finalMessage();

    assert.ok(pieces.length > 1, 'in several pieces');
    assert.equal(reply.content[0].text, pieces.join(''));
    assert.ok(reply.usage.input_tokens > 0 && reply.usage.output_tokens > 0);
    assert.ok(['end_turn', 'max_tokens'].includes(reply.stop_reason));
  });

  await t.test("a tool call, by OpenAI's SDK, whole and streamed", async () => {
    const asked = {
      model,
      max_tokens: 96,
      messages: user('What is the weather in Paris?'),
      tools: [{ type: 'function', function: { name: 'get_weather', parameters } }],
      tool_choice: { type: 'function', function: { name: 'get_weather' } },
    };
    const { completions } = openai(gw).chat;
    const whole = await completions.create(asked);
    const streamed = await completions.stream(asked).finalChatCompletion();

    for (const { message, finish_reason } of [whole.choices[0], streamed.choices[0]]) {
      assert.equal(finish_reason, 'tool_calls');
      const [call] = message.tool_calls;
      assert.equal(call.function.name, 'get_weather');
      assert.equal(typeof JSON.parse(call.function.arguments).city, 'string');
    }
  });

  await t.test('an object by a schema, through the translation', async () => {
    const schema = { ...parameters, additionalProperties: false };
    const reply = await anthropic(gw).messages.create({
      model,
      max_tokens: 64,
      messages: user('Name a city, as JSON.'),
      output_config: { format: { type: 'json_schema', schema } },
    });
    assert.equal(typeof JSON.parse(reply.content[0].text).city, 'string');
  });

  await t.test('the same words, whole and streamed, cost the same', async () => {
    const asked = { model, max_tokens: 16, temperature: 0, seed: 1, messages: user('Say hello.') };
    const { completions } = openai(gw).chat;
    const whole = await completions.create(asked);
    const options = { stream_options: { include_usage: true } };
    const streamed = await completions.stream({ ...asked, ...options }).finalChatCompletion();

    assert.equal(streamed.choices[0].message.content, whole.choices[0].message.content);
    for (const name of ['prompt_tokens', 'completion_tokens']) {
      assert.equal(streamed.usage[name], whole.usage[name], name);
    }
  });

  await t.test('it is all in the books, and the engine’s key is nowhere', async () => {
    const { rows, total } = await gw.usage(6);
    assert.deepEqual([rows.length, rows[0].model, rows[0].provider], [1, model, 'local']);
    assert.ok(total.input_tokens > 0 && total.output_tokens > 0);
    const file = path.join(gw.state, 'run/engine.key');
    const key = (await readFile(file, 'utf8')).trim();
    assert.deepEqual(
      (await spilled(gw, [key])).filter((line) => !line.endsWith(file)),
      [],
    );
  });

  await t.test('when it is stopped nothing of it is left', async () => {
    const pids = await gw.tree();
    await gw.stop();
    for (const pid of pids) assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
  });
});

test('until the model is there it says 503, and a client that waits gets its answer', {
  timeout: 15 * minutes,
}, async (t) => {
  const gw = await gateway(t, config, { ...here, until: /gateway +ready/ });
  gw.key = (await gw.createKey('early')).key;
  const asked = { model, max_tokens: 8, messages: user() };

  try {
    await anthropic(gw).messages.create(asked);
  } catch (e) {
    assert.equal(e.status, 503);
    assert.equal(e.type, 'overloaded_error');
    assert.ok(Number(e.headers.get('retry-after')) >= 1);
  }
  for (let tries = 0; !/^ready /m.test(gw.output) && tries < 1200; tries++) await sleep(500);
  const reply = await anthropic(gw, { maxRetries: 5 }).messages.create(asked);
  assert.equal(reply.content[0].type, 'text');
});
