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

const signature = `${Buffer.from('signed by the model itself, 0').toString('base64')}`;
const thought = { think: 'The user wants weather; I call the tool.', signature };
const call = { tool: 'weather', id: 'toolu_01A', args: { city: 'Paris' } };
const turn = [thought, 'I will look.', call];
const schema = { type: 'object', properties: { city: { type: 'string' } } };

/* What a provider of Claude was sent of the turn before: its thinking, as its dialect has it. */
const sentThinking = {
  anthropic: (body) => body.messages.flatMap((m) => (Array.isArray(m.content) ? m.content : [])).find((b) => b.type === 'thinking'),
  bedrock: (body) => {
    const block = body.messages.flatMap((m) => m.content).find((b) => b.reasoningContent);
    const { text, signature: sig } = block?.reasoningContent.reasoningText ?? {};
    return { thinking: text, signature: sig };
  },
};

/* Each client asks, gets a turn that thinks and calls, sends it back as its SDK gave it with the
 * tool's answer, and gets the end. */
const clients = {
  anthropic: async (gw, models, stream) => {
    const client = anthropic(gw);
    const asked = { max_tokens: 4000, thinking: { type: 'enabled', budget_tokens: 2000 } };
    const tools = [{ name: 'weather', input_schema: schema }];
    const messages = [{ role: 'user', content: 'Weather?' }];
    const ask = (model) =>
      stream
        ? client.messages.stream({ model, messages, tools, ...asked }).finalMessage()
        : client.messages.create({ model, messages, tools, ...asked });
    const first = await ask(models[0]);
    const used = first.content.find((b) => b.type === 'tool_use');
    messages.push({ role: 'assistant', content: first.content });
    messages.push({ role: 'user', content: [{ type: 'tool_result', tool_use_id: used.id, content: '21 C' }] });
    return (await ask(models[1])).content.map((b) => b.text ?? '').join('');
  },
  openai_chat: async (gw, models, stream) => {
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
    const first = await ask(models[0]);
    messages.push(first);
    messages.push({ role: 'tool', tool_call_id: first.tool_calls[0].id, content: '21 C' });
    return (await ask(models[1])).content;
  },
  openai_responses: async (gw, models, stream) => {
    const client = openai(gw);
    const tools = [{ type: 'function', name: 'weather', parameters: schema, strict: false }];
    const input = [{ role: 'user', content: 'Weather?' }];
    const ask = (model) => {
      const asked = { model, input, tools, store: false, reasoning: { effort: 'high' } };
      return stream ? client.responses.stream(asked).finalResponse() : client.responses.create(asked);
    };
    const first = await ask(models[0]);
    const called = first.output.find((i) => i.type === 'function_call');
    input.push(...first.output.map(({ parsed_arguments, ...item }) => item));
    input.push({ type: 'function_call_output', call_id: called.call_id, output: '21 C' });
    return (await ask(models[1])).output_text;
  },
  bedrock: async (gw, models) => {
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
    const first = await ask(models[0]);
    const { toolUseId } = first.content.find((b) => b.toolUse).toolUse;
    messages.push(first);
    messages.push({ role: 'user', content: [{ toolResult: { toolUseId, content: [{ text: '21 C' }] } }] });
    const last = await ask(models[1]);
    client.destroy();
    return last.content.map((b) => b.text ?? '').join('');
  },
  gemini: async (gw, models, stream) => {
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
    const first = await ask(models[0]);
    const { functionCall } = first.parts.find((p) => p.functionCall);
    contents.push(first);
    contents.push({
      role: 'user',
      parts: [{ functionResponse: { id: functionCall.id, name: 'weather', response: { result: '21 C' } } }],
    });
    return (await ask(models[1])).parts.map((p) => (p.thought ? '' : (p.text ?? ''))).join('');
  },
};

const places = ['anthropic', 'bedrock'];

for (const client of Object.keys(clients)) {
  for (const [from, to] of places.flatMap((a) => places.map((b) => [a, b]))) {
    for (const stream of client === 'bedrock' ? [false] : [false, true]) {
      test(`${client}${stream ? ', streamed' : ''}: from Claude at ${from} to Claude at ${to}`, async (t) => {
        const up = await upstream(t, [speak(turn), speak('It is 21 C in Paris.')]);
        const gw = await gateway(t, allDialects(up));
        const text = await clients[client](gw, [`to-${from}`, `to-${to}`], stream);
        assert.equal(text, 'It is 21 C in Paris.');
        const sent = sentThinking[to](up.asked[1].body);
        assert.equal(sent?.thinking, thought.think, 'the thought');
        assert.equal(sent?.signature, signature, 'its signature, to the byte');
      });
    }
  }
}
