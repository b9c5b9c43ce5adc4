/* sdk-anthropic.test.mjs: Anthropic's SDK, with a provider of its own dialect and of the other.
 * SPDX-License-Identifier: Apache-2.0 */

import assert from 'node:assert/strict';
import test from 'node:test';
import { anthropic, models, user } from './lib/clients.mjs';
import { bothDialects, gateway } from './lib/gateway.mjs';
import { count, say, upstream } from './lib/upstream.mjs';

const png =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const weather = {
  name: 'get_weather',
  description: 'The weather of a city',
  input_schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};
const calls = [
  'Let me look. ',
  { tool: 'get_weather', id: 'toolu_1', args: { city: 'Zürich', unit: '°C' } },
  { tool: 'get_weather', id: 'toolu_2', args: { city: '北京 "quoted" \\ 😀' } },
];

/* both asks for the message whole and streamed; they have to be the same but for their id. */
async function both(gw, asked, options) {
  const { messages } = anthropic(gw);
  const whole = await messages.create(asked, options);
  const streamed = await messages.stream(asked, options).finalMessage();
  /* the helper adds members of its own: compare what both have */
  for (const key of ['role', 'model', 'content', 'stop_reason', 'stop_sequence', 'usage']) {
    assert.deepEqual(streamed[key], whole[key], key);
  }
  return whole;
}

for (const [provider, model] of Object.entries(models)) {
  const on = `from ${provider}`;

  test(`text, whole and streamed, ${on}`, async (t) => {
    const up = await upstream(t, say('Grüezi! 你好 😀 "quoted" \\ \n end.'));
    const gw = await gateway(t, bothDialects(up));
    const reply = await both(gw, { model, max_tokens: 64, messages: user() });

    assert.equal(reply.content.length, 1);
    assert.equal(reply.content[0].text, 'Grüezi! 你好 😀 "quoted" \\ \n end.');
    assert.equal(reply.stop_reason, 'end_turn');
    assert.deepEqual(reply.usage, { input_tokens: 12, output_tokens: 7 });
  });

  test(`the stream's events come one by one and in order, ${on}`, async (t) => {
    const up = await upstream(t, say('One two three four five six'));
    const gw = await gateway(t, bothDialects(up));
    const seen = [];
    const stream = anthropic(gw).messages.stream({ model, max_tokens: 64, messages: user() });
    stream.on('streamEvent', (event) => seen.push(event.type));
    stream.on('text', (text) => seen.push(text));

    assert.equal(await stream.finalText(), 'One two three four five six');
    const types = seen.filter((word) => /^(message|content)_/.test(word));
    assert.deepEqual([...new Set(types)], [
      'message_start',
      'content_block_start',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ]);
    assert.ok(types.filter((word) => word === 'content_block_delta').length > 1);
  });

  test(`system, turns and an image reach the provider in its own words, ${on}`, async (t) => {
    const up = await upstream(t, say('A dot.'));
    const gw = await gateway(t, bothDialects(up));
    const image = { type: 'base64', media_type: 'image/png', data: png };
    await both(gw, {
      model,
      max_tokens: 64,
      system: [{ type: 'text', text: 'Be brief.' }],
      temperature: 0.5,
      stop_sequences: ['END'],
      messages: [
        { role: 'user', content: 'Hi.' },
        { role: 'assistant', content: 'Hello.' },
        { role: 'user', content: [{ type: 'image', source: image }, { type: 'text', text: '?' }] },
      ],
    });
    const [{ body }, { body: streamed }] = up.asked;

    if (provider === 'anthropic') {
      assert.equal(body.model, 'up-ant');
      assert.deepEqual(body.system, [{ type: 'text', text: 'Be brief.' }]);
      assert.deepEqual(body.messages[2].content[0].source, image);
      assert.deepEqual(body.stop_sequences, ['END']);
    } else {
      assert.equal(body.model, 'up-gpt');
      assert.deepEqual(body.messages[0], { role: 'system', content: 'Be brief.' });
      assert.deepEqual(body.messages[2], { role: 'assistant', content: 'Hello.' });
      assert.equal(body.messages[3].content[0].image_url.url, `data:image/png;base64,${png}`);
      assert.equal(body.max_completion_tokens, 64);
      assert.deepEqual(body.stop, ['END']);
      assert.deepEqual(streamed.stream_options, { include_usage: true });
    }
    assert.equal(body.temperature, 0.5);
    assert.equal(streamed.stream, true);
  });

  test(`parallel tool calls, their arguments in fragments, ${on}`, async (t) => {
    const up = await upstream(t, say(calls));
    const gw = await gateway(t, bothDialects(up));
    const reply = await both(gw, {
      model,
      max_tokens: 64,
      messages: user(),
      tools: [weather],
      tool_choice: { type: 'any', disable_parallel_tool_use: false },
    });
    const [text, first, second] = reply.content;

    assert.equal(text.text, 'Let me look. ');
    assert.deepEqual([first.type, first.id, first.name], ['tool_use', 'toolu_1', 'get_weather']);
    assert.deepEqual(first.input, calls[1].args);
    assert.deepEqual([second.id, second.input], ['toolu_2', calls[2].args]);
    assert.equal(reply.stop_reason, 'tool_use');
    if (provider === 'openai') {
      const [{ body }] = up.asked;
      assert.deepEqual(body.tools, [
        {
          type: 'function',
          function: {
            name: 'get_weather',
            description: 'The weather of a city',
            parameters: weather.input_schema,
          },
        },
      ]);
      assert.equal(body.tool_choice, 'required');
      assert.equal(body.parallel_tool_calls, true);
    }
  });

  test(`results of tools go back with their calls, ${on}`, async (t) => {
    const up = await upstream(t, say('Sunny.'));
    const gw = await gateway(t, bothDialects(up));
    await both(gw, {
      model,
      max_tokens: 64,
      tools: [weather],
      tool_choice: { type: 'tool', name: 'get_weather' },
      messages: [
        ...user('Weather?'),
        {
          role: 'assistant',
          content: [
            { type: 'text', text: 'Looking.' },
            { type: 'tool_use', id: 'toolu_1', name: 'get_weather', input: { city: 'Bern' } },
            { type: 'tool_use', id: 'toolu_2', name: 'get_weather', input: {} },
          ],
        },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 'toolu_1', content: 'sun' },
            { type: 'tool_result', tool_use_id: 'toolu_2', content: [{ type: 'text', text: 'rain' }] },
            { type: 'text', text: 'And?' },
          ],
        },
      ],
    });
    const [{ body }] = up.asked;

    if (provider === 'anthropic') {
      assert.equal(body.messages[2].content[1].tool_use_id, 'toolu_2');
      return;
    }
    const [, turn, one, two, more] = body.messages;
    assert.equal(turn.content, 'Looking.');
    assert.deepEqual(
      turn.tool_calls.map((call) => [call.id, call.function.name, JSON.parse(call.function.arguments)]),
      [
        ['toolu_1', 'get_weather', { city: 'Bern' }],
        ['toolu_2', 'get_weather', {}],
      ],
    );
    assert.deepEqual([one.role, one.tool_call_id, one.content], ['tool', 'toolu_1', 'sun']);
    assert.deepEqual([two.role, two.tool_call_id], ['tool', 'toolu_2']);
    assert.equal(more.role, 'user');
    assert.deepEqual(body.tool_choice, { type: 'function', function: { name: 'get_weather' } });
  });

  test(`stop reasons, ${on}`, async (t) => {
    const up = await upstream(t, (ask) => say('x', { stop: ask.body.messages[0].content }));
    const gw = await gateway(t, bothDialects(up));
    const want = { end: 'end_turn', length: 'max_tokens', refusal: 'refusal' };

    if (provider === 'anthropic') want.sequence = 'stop_sequence';
    for (const [stop, reason] of Object.entries(want)) {
      const reply = await both(gw, { model, max_tokens: 64, messages: user(stop) });
      assert.equal(reply.stop_reason, reason, stop);
    }
  });

  test(`usage in all its classes, ${on}`, async (t) => {
    const usage = { input: 100, cacheRead: 2000, cacheWrite: 300, output: 55, reasoning: 20 };
    const up = await upstream(t, say('Hello', { usage }));
    const gw = await gateway(t, bothDialects(up));
    const reply = await both(gw, { model, max_tokens: 64, messages: user() });

    assert.equal(reply.usage.input_tokens, 100);
    assert.equal(reply.usage.cache_read_input_tokens, 2000);
    assert.equal(reply.usage.cache_creation_input_tokens, 300);
    assert.equal(reply.usage.output_tokens, 55);
    assert.equal(reply.usage.output_tokens_details.thinking_tokens, 20);
  });

  test(`structured output, ${on}`, async (t) => {
    const up = await upstream(t, say('{"city":"Bern"}'));
    const gw = await gateway(t, bothDialects(up));
    const schema = {
      type: 'object',
      properties: { city: { type: 'string' } },
      required: ['city'],
      additionalProperties: false,
    };
    const format = { type: 'json_schema', schema };
    const asked = { model, max_tokens: 64, messages: user(), output_config: { format } };
    const reply = await both(gw, asked);
    const [{ body }] = up.asked;

    assert.deepEqual(JSON.parse(reply.content[0].text), { city: 'Bern' });
    if (provider === 'anthropic') assert.deepEqual(body.output_config.format, format);
    else assert.deepEqual(body.response_format.json_schema.schema, schema);
  });

  test(`counting tokens, ${on}`, async (t) => {
    const up = await upstream(t, count(42));
    const gw = await gateway(t, bothDialects(up));
    const { data, response } = await anthropic(gw)
      .messages.countTokens({ model, messages: user() })
      .withResponse();

    if (provider === 'anthropic') {
      assert.equal(data.input_tokens, 42);
      assert.equal(up.asked[0].path, '/v1/messages/count_tokens');
    } else {
      assert.ok(data.input_tokens > 0);
      assert.equal(response.headers.get('x-freehold-estimated'), 'input_tokens');
      assert.equal(up.asked.length, 0);
    }
  });
}

test('thinking keeps its signature, byte for byte, and goes back with it', async (t) => {
  const signature = 'EqQBCgIYAhIM+/==';
  const up = await upstream(t, say([{ think: 'Hmm, 二 …', signature }, 'Two.']));
  const gw = await gateway(t, bothDialects(up));
  const asked = {
    model: 'via-anthropic',
    max_tokens: 2048,
    thinking: { type: 'enabled', budget_tokens: 1024 },
    messages: user('1+1?'),
  };
  const reply = await both(gw, asked);

  assert.deepEqual(reply.content[0], { type: 'thinking', thinking: 'Hmm, 二 …', signature });
  await both(gw, {
    ...asked,
    messages: [...user('1+1?'), { role: 'assistant', content: reply.content }, ...user('Sure?')],
  });
  assert.deepEqual(up.asked.at(-1).body.messages[1].content[0].signature, signature);
});

test("another dialect's reasoning comes as thinking", async (t) => {
  const up = await upstream(t, say([{ think: 'Hmm.' }, 'Two.']));
  const gw = await gateway(t, bothDialects(up));
  const reply = await both(gw, { model: 'via-openai', max_tokens: 64, messages: user('1+1?') });

  assert.equal(reply.content[0].type, 'thinking');
  assert.equal(reply.content[0].thinking, 'Hmm.');
  assert.equal(reply.content[1].text, 'Two.');
});

test('models are listed and found, as far as the key may use them', async (t) => {
  const up = await upstream(t, say('x'));
  const gw = await gateway(t, bothDialects(up));
  const names = [];
  for await (const one of anthropic(gw).models.list()) names.push(one.id);

  assert.deepEqual(names, ['anthropic-first', 'openai-first', 'via-anthropic', 'via-openai']);
  assert.equal((await anthropic(gw).models.retrieve('via-openai')).type, 'model');
  await assert.rejects(anthropic(gw).models.retrieve('nobody'), { status: 404 });
});

test('the older version, with its key in x-api-key, and an explicit prefix', async (t) => {
  const up = await upstream(t, say('Hello'));
  const gw = await gateway(t, bothDialects(up));
  const headers = { 'anthropic-version': '2023-06-01', 'anthropic-beta': 'a-2025-01-01,b-2026-01-01' };
  const body = { model: 'via-anthropic', max_tokens: 9, messages: user() };
  const got = await gw.ask('/anthropic/v1/messages?beta=true', { headers, body });

  assert.equal(got.status, 200);
  assert.equal(got.json.content[0].text, 'Hello');
  assert.equal(up.asked[0].headers['anthropic-version'], '2023-06-01');
  assert.equal(up.asked[0].headers['anthropic-beta'], 'a-2025-01-01,b-2026-01-01');
  assert.equal(up.asked[0].query, 'beta=true');
});
