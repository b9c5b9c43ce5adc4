/* conversation.test.mjs: a conversation with Claude that thinks and calls tools, held by clients of
 * different dialects over Claude in different places: not a byte of a signature is lost.
 * SPDX-License-Identifier: Apache-2.0 */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { GoogleGenAI } from '@google/genai';
import { BedrockRuntimeClient, ConverseCommand } from '@aws-sdk/client-bedrock-runtime';

import { anthropic, openai } from './lib/clients.mjs';
import { allDialects, gateway } from './lib/gateway.mjs';
import { speak, upstream } from './lib/upstream.mjs';

/* A turn of Claude that thinks and calls, the `n`-th of a conversation. */
const thoughts = [0, 1, 2].map((n) => ({
  think: `The user wants weather; I call the tool, time ${n}.`,
  signature: Buffer.from(`signed by the model itself, ${n}`).toString('base64'),
}));
const call = (n) => ({ tool: 'weather', id: `toolu_0${n}A`, args: { city: 'Paris' } });
const turn = (n) => [thoughts[n], 'I will look.', call(n)];
const schema = { type: 'object', properties: { city: { type: 'string' } } };

/* What a provider of Claude was sent of the turns before: their thinking, as its dialect has it. */
const blocks = (body) => body.messages.flatMap((m) => (Array.isArray(m.content) ? m.content : []));
const sentThinking = {
  anthropic: (body) =>
    blocks(body)
      .filter((b) => b.type === 'thinking')
      .map(({ thinking, signature }) => ({ think: thinking, signature })),
  bedrock: (body) =>
    blocks(body)
      .filter((b) => b.reasoningContent)
      .map(({ reasoningContent: { reasoningText } }) => ({ think: reasoningText.text, signature: reasoningText.signature })),
};

/* Each client asks a model for the next turn, and keeps it as its SDK gave it, with the answers of the
 * tools that were called. Gives the turn's text. */
const clients = {
  anthropic: (gw, stream) => {
    const client = anthropic(gw);
    const asked = { max_tokens: 4000, thinking: { type: 'enabled', budget_tokens: 2000 } };
    const tools = [{ name: 'weather', input_schema: schema }];
    const messages = [{ role: 'user', content: 'Weather?' }];
    const ask = (model) =>
      stream
        ? client.messages.stream({ model, messages, tools, ...asked }).finalMessage()
        : client.messages.create({ model, messages, tools, ...asked });
    return async (model) => {
      const { content } = await ask(model);
      messages.push({ role: 'assistant', content });
      for (const used of content.filter((b) => b.type === 'tool_use')) {
        messages.push({ role: 'user', content: [{ type: 'tool_result', tool_use_id: used.id, content: '21 C' }] });
      }
      return content.map((b) => b.text ?? '').join('');
    };
  },
  openai_chat: (gw, stream) => {
    const client = openai(gw);
    const tools = [{ type: 'function', function: { name: 'weather', parameters: schema } }];
    const messages = [{ role: 'user', content: 'Weather?' }];
    const ask = async (model) => {
      const asked = { model, messages, tools, reasoning_effort: 'high' };
      const reply = stream
        ? await client.chat.completions.stream(asked).finalChatCompletion()
        : await client.chat.completions.create(asked);
      return reply.choices[0].message;
    };
    return async (model) => {
      const message = await ask(model);
      messages.push(message);
      for (const { id } of message.tool_calls ?? []) messages.push({ role: 'tool', tool_call_id: id, content: '21 C' });
      return message.content;
    };
  },
  openai_responses: (gw, stream) => {
    const client = openai(gw);
    const tools = [{ type: 'function', name: 'weather', parameters: schema, strict: false }];
    const input = [{ role: 'user', content: 'Weather?' }];
    const ask = (model) => {
      const asked = { model, input, tools, store: false, reasoning: { effort: 'high' } };
      return stream ? client.responses.stream(asked).finalResponse() : client.responses.create(asked);
    };
    return async (model) => {
      const { output, output_text } = await ask(model);
      input.push(...output.map(({ parsed_arguments, ...item }) => item));
      for (const { call_id } of output.filter((i) => i.type === 'function_call')) {
        input.push({ type: 'function_call_output', call_id, output: '21 C' });
      }
      return output_text;
    };
  },
  bedrock: (gw) => {
    const client = new BedrockRuntimeClient({
      endpoint: gw.http2,
      region: 'eu-north-1',
      token: { token: gw.key },
      authSchemePreference: ['httpBearerAuth'],
    });
    const toolConfig = { tools: [{ toolSpec: { name: 'weather', inputSchema: { json: schema } } }] };
    const messages = [{ role: 'user', content: [{ text: 'Weather?' }] }];
    const ask = async (modelId) => {
      const reply = await client.send(
        new ConverseCommand({
          modelId,
          messages,
          toolConfig,
          additionalModelRequestFields: { thinking: { type: 'enabled', budget_tokens: 2000 } },
        }),
      );
      return reply.output.message;
    };
    return async (model) => {
      const message = await ask(model);
      messages.push(message);
      for (const { toolUse } of message.content.filter((b) => b.toolUse)) {
        const { toolUseId } = toolUse;
        messages.push({ role: 'user', content: [{ toolResult: { toolUseId, content: [{ text: '21 C' }] } }] });
      }
      return message.content.map((b) => b.text ?? '').join('');
    };
  },
  gemini: (gw, stream) => {
    const client = new GoogleGenAI({ apiKey: gw.key, httpOptions: { baseUrl: `${gw.url}/gemini` } });
    const config = {
      thinkingConfig: { includeThoughts: true, thinkingBudget: 2000 },
      tools: [{ functionDeclarations: [{ name: 'weather', parametersJsonSchema: schema }] }],
    };
    const contents = [{ role: 'user', parts: [{ text: 'Weather?' }] }];
    const ask = async (model) => {
      if (!stream) return (await client.models.generateContent({ model, contents, config })).candidates[0].content;
      const parts = [];
      for await (const chunk of await client.models.generateContentStream({ model, contents, config })) {
        parts.push(...(chunk.candidates?.[0]?.content?.parts ?? []));
      }
      return { role: 'model', parts };
    };
    return async (model) => {
      const content = await ask(model);
      contents.push(content);
      for (const { functionCall } of content.parts.filter((p) => p.functionCall)) {
        const { id, name } = functionCall;
        contents.push({ role: 'user', parts: [{ functionResponse: { id, name, response: { result: '21 C' } } }] });
      }
      return content.parts.map((p) => (p.thought ? '' : (p.text ?? ''))).join('');
    };
  },
};

const ways = [
  ['anthropic', 'anthropic'],
  ['anthropic', 'bedrock'],
  ['bedrock', 'anthropic'],
  ['bedrock', 'bedrock'],
  ['anthropic', 'bedrock', 'anthropic'],
  ['bedrock', 'bedrock', 'anthropic', 'bedrock'],
];

for (const client of Object.keys(clients)) {
  for (const way of ways) {
    for (const stream of client === 'bedrock' ? [false] : [false, true]) {
      test(`${client}${stream ? ', streamed' : ''}: Claude at ${way.join(', then at ')}`, async (t) => {
        const thinking = way.slice(1).map((_, n) => n); // every turn but the last
        const up = await upstream(t, [...thinking.map((n) => speak(turn(n))), speak('It is 21 C in Paris.')]);
        const gw = await gateway(t, allDialects(up));
        const next = clients[client](gw, stream);
        let text;
        for (const place of way) text = await next(`to-${place}`);
        assert.equal(text, 'It is 21 C in Paris.');
        way.forEach((place, n) =>
          assert.deepEqual(sentThinking[place](up.asked[n].body), thoughts.slice(0, n), `turn ${n}, to the byte`),
        );
      });
    }
  }
}
