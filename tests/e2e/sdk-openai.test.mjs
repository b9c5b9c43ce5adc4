/* sdk-openai.test.mjs: OpenAI's SDK, with a provider of its own dialect and of the other.
 * SPDX-License-Identifier: Apache-2.0 */

import assert from 'node:assert/strict';
import test from 'node:test';
import { zodResponseFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { models, openai, user } from './lib/clients.mjs';
import { bothDialects, gateway } from './lib/gateway.mjs';
import { say, upstream } from './lib/upstream.mjs';

const png =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const parameters = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
};
const weather = {
  type: 'function',
  function: { name: 'get_weather', description: 'The weather of a city', parameters },
};
const calls = [
  'Let me look. ',
  { tool: 'get_weather', id: 'call_1', args: { city: 'Zürich', unit: '°C' } },
  { tool: 'get_weather', id: 'call_2', args: { city: '北京 "quoted" \\ 😀' } },
];

/* both asks whole and streamed; the answers have to be the same. */
async function both(gw, asked) {
  const { completions } = openai(gw).chat;
  const whole = await completions.create(asked);
  const streamed = await completions
    .stream({ ...asked, stream_options: { include_usage: true } })
    .finalChatCompletion();
  const [a, b] = [whole, streamed].map((reply) => reply.choices[0]);
  const plain = (m) => ({
    content: m.content ?? null,
    calls: m.tool_calls?.map((c) => [c.id, c.function.name, JSON.parse(c.function.arguments)]) ?? [],
  });

  assert.deepEqual(plain(b.message), plain(a.message));
  assert.equal(b.finish_reason, a.finish_reason);
  assert.deepEqual(streamed.usage, whole.usage);
  assert.equal(streamed.model, whole.model);
  return whole;
}

for (const [provider, model] of Object.entries(models)) {
  const on = `from ${provider}`;

  test(`text, whole and streamed, ${on}`, async (t) => {
    const up = await upstream(t, say('Grüezi! 你好 😀 "quoted" \\ \n end.'));
    const gw = await gateway(t, bothDialects(up));
    const reply = await both(gw, { model, messages: user() });

    assert.equal(reply.object, 'chat.completion');
    assert.equal(reply.choices[0].message.content, 'Grüezi! 你好 😀 "quoted" \\ \n end.');
    assert.equal(reply.choices[0].finish_reason, 'stop');
    assert.equal(reply.usage.prompt_tokens, 12);
    assert.equal(reply.usage.completion_tokens, 7);
    assert.equal(reply.usage.total_tokens, 19);
  });

  test(`who does not ask for usage does not see its chunk, ${on}`, async (t) => {
    const up = await upstream(t, say('One two three four'));
    const gw = await gateway(t, bothDialects(up));
    const stream = await openai(gw).chat.completions.create({ model, messages: user(), stream: true });
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);

    assert.equal(chunks.map((c) => c.choices[0].delta.content ?? '').join(''), 'One two three four');
    assert.equal(chunks[0].choices[0].delta.role, 'assistant');
    assert.equal(chunks.at(-1).choices[0].finish_reason, 'stop');
    assert.ok(chunks.every((c) => !c.usage));
    const end = await gw.settled();
    assert.deepEqual([end.input_tokens, end.output_tokens], [12, 7]);
  });

  test(`system, turns and an image reach the provider in its own words, ${on}`, async (t) => {
    const up = await upstream(t, say('A dot.'));
    const gw = await gateway(t, bothDialects(up));
    await both(gw, {
      model,
      max_completion_tokens: 64,
      temperature: 0.5,
      stop: ['END', 'FIN'],
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Hi.' },
        { role: 'assistant', content: 'Hello.' },
        {
          role: 'user',
          content: [
            { type: 'image_url', image_url: { url: `data:image/png;base64,${png}` } },
            { type: 'text', text: 'What is it?' },
          ],
        },
      ],
    });
    const [{ body }, { body: streamed }] = up.asked;

    if (provider === 'openai') {
      assert.equal(body.model, 'up-gpt');
      assert.equal(body.messages.length, 4);
      assert.equal(body.max_completion_tokens, 64);
    } else {
      assert.equal(body.model, 'up-ant');
      assert.equal(body.max_tokens, 64);
      assert.match(JSON.stringify(body.system), /Be brief/);
      assert.deepEqual(body.messages.map((m) => m.role), ['user', 'assistant', 'user']);
      assert.deepEqual(body.messages[2].content[0], {
        type: 'image',
        source: { type: 'base64', media_type: 'image/png', data: png },
      });
      assert.deepEqual(body.stop_sequences, ['END', 'FIN']);
      assert.equal(up.asked[0].headers['anthropic-version'], '2023-06-01');
    }
    assert.equal(body.temperature, 0.5);
    assert.equal(streamed.stream, true);
  });

  test(`parallel tool calls, their arguments in fragments, ${on}`, async (t) => {
    const up = await upstream(t, say(calls));
    const gw = await gateway(t, bothDialects(up));
    const reply = await both(gw, {
      model,
      messages: user(),
      tools: [weather],
      tool_choice: 'required',
      parallel_tool_calls: true,
    });
    const { message, finish_reason } = reply.choices[0];

    assert.equal(message.content, 'Let me look. ');
    assert.deepEqual(
      message.tool_calls.map((c) => [c.id, c.type, c.function.name, JSON.parse(c.function.arguments)]),
      [
        ['call_1', 'function', 'get_weather', calls[1].args],
        ['call_2', 'function', 'get_weather', calls[2].args],
      ],
    );
    assert.equal(finish_reason, 'tool_calls');
    if (provider === 'anthropic') {
      const [{ body }] = up.asked;
      assert.deepEqual(body.tools, [
        { name: 'get_weather', description: 'The weather of a city', input_schema: parameters },
      ]);
      assert.equal(body.tool_choice.type, 'any');
    }
  });

  test(`the SDK's own tool loop, ${on}`, async (t) => {
    const up = await upstream(t, [say(calls), say('Both are sunny.')]);
    const gw = await gateway(t, bothDialects(up));
    const asked = [];
    const runner = openai(gw).chat.completions.runTools({
      model,
      messages: user('Weather?'),
      tools: [
        {
          type: 'function',
          function: {
            ...weather.function,
            parse: JSON.parse,
            function: ({ city }) => {
              asked.push(city);
              return `${city}: sun`;
            },
          },
        },
      ],
    });

    assert.equal(await runner.finalContent(), 'Both are sunny.');
    assert.deepEqual(asked, [calls[1].args.city, calls[2].args.city]);
    const { messages } = up.asked[1].body;
    if (provider === 'openai') {
      assert.deepEqual(messages.slice(-2).map((m) => [m.role, m.tool_call_id]), [
        ['tool', 'call_1'],
        ['tool', 'call_2'],
      ]);
    } else {
      assert.deepEqual(messages.at(-2).content.map((b) => b.type), ['text', 'tool_use', 'tool_use']);
      assert.deepEqual(messages.at(-1).content.map((b) => [b.type, b.tool_use_id]), [
        ['tool_result', 'call_1'],
        ['tool_result', 'call_2'],
      ]);
    }
  });

  test(`finish reasons, ${on}`, async (t) => {
    const up = await upstream(t, (ask) => {
      const { content } = ask.body.messages[0];
      return say('x', { stop: typeof content === 'string' ? content : content[0].text });
    });
    const gw = await gateway(t, bothDialects(up));
    const want = { end: 'stop', length: 'length', sequence: 'stop', refusal: 'content_filter' };

    for (const [stop, reason] of Object.entries(want)) {
      const reply = await both(gw, { model, messages: user(stop) });
      assert.equal(reply.choices[0].finish_reason, reason, stop);
    }
  });

  test(`usage in all its classes, ${on}`, async (t) => {
    const usage = { input: 100, cacheRead: 2000, cacheWrite: 300, output: 55, reasoning: 20 };
    const up = await upstream(t, say('Hello', { usage }));
    const gw = await gateway(t, bothDialects(up));
    const reply = await both(gw, { model, messages: user() });

    assert.equal(reply.usage.prompt_tokens, 2400);
    assert.equal(reply.usage.prompt_tokens_details.cached_tokens, 2000);
    assert.equal(reply.usage.completion_tokens, 55);
    assert.equal(reply.usage.completion_tokens_details.reasoning_tokens, 20);
    assert.equal(reply.usage.total_tokens, 2455);
  });

  test(`structured output, read by the SDK's helper, ${on}`, async (t) => {
    const up = await upstream(t, say('{"city":"Bern","inhabitants":134000}'));
    const gw = await gateway(t, bothDialects(up));
    const City = z.object({ city: z.string(), inhabitants: z.number() });
    const reply = await openai(gw).chat.completions.parse({
      model,
      messages: user(),
      response_format: zodResponseFormat(City, 'city'),
    });
    const [{ body }] = up.asked;
    const schema =
      provider === 'openai'
        ? body.response_format.json_schema.schema
        : body.output_config.format.schema;

    assert.deepEqual(reply.choices[0].message.parsed, { city: 'Bern', inhabitants: 134000 });
    assert.deepEqual(schema.required, ['city', 'inhabitants']);
  });
}

test('models are listed and found', async (t) => {
  const up = await upstream(t, say('x'));
  const gw = await gateway(t, bothDialects(up));
  const names = [];
  for await (const one of openai(gw).models.list()) names.push(one.id);

  assert.deepEqual(names, ['anthropic-first', 'openai-first', 'via-anthropic', 'via-openai']);
  assert.equal((await openai(gw).models.retrieve('via-openai')).object, 'model');
  await assert.rejects(openai(gw).models.retrieve('nobody'), { status: 404 });
});

test('an explicit prefix, and a model whose name has a slash', async (t) => {
  const up = await upstream(t, say('Hello'));
  const config = bothDialects(up);
  config.models['lab/model:1@2'] = { routes: [{ provider: 'oai', model: 'up-gpt' }] };
  const gw = await gateway(t, config);
  const client = openai(gw, { baseURL: `${gw.url}/openai/v1` });
  const reply = await client.chat.completions.create({ model: 'lab/model:1@2', messages: user() });

  assert.equal(reply.choices[0].message.content, 'Hello');
  assert.equal((await client.models.retrieve('lab/model:1@2')).id, 'lab/model:1@2');
});

test('members that nobody knows reach a provider of the same dialect as they are', async (t) => {
  const up = await upstream(t, say('Hello'));
  const gw = await gateway(t, bothDialects(up));
  const text =
    '{ "vendor_option" : {"deep":[1, 2.50, 1e400,"\\u00e9"]},\n' +
    '"model": "via-openai", "temperature":0.10, "messages":[] }';
  const got = await gw.ask('/v1/chat/completions', { body: text });

  assert.equal(got.status, 200, got.text);
  assert.equal(up.asked[0].raw.toString(), text.replace('"via-openai"', '"up-gpt"'));
});
