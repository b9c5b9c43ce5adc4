/* ask.mjs: the same question by the official SDK of each dialect, whole or streamed, and what came
 * back in one form.
 *
 *     const got = await ask(gw, 'bedrock', 'to-gemini', { tools: true }, stream);
 *     got = { text, thinking, signature, calls: [{ id, name, args }], stop, usage: { input, output },
 *             dropped: ['/pointer', …] }
 *
 * `stop` is a key of `stops` in wire.mjs as far as the dialect can tell; a question is
 * { text, image, tools, demand, thinking, schema, stop }.
 *
 * SPDX-License-Identifier: Apache-2.0 */

import Anthropic from '@anthropic-ai/sdk';
import {
  BedrockRuntimeClient,
  ConverseCommand,
  ConverseStreamCommand,
} from '@aws-sdk/client-bedrock-runtime';
import { GoogleGenAI } from '@google/genai';
import { Mistral } from '@mistralai/mistralai';
import { HTTPClient } from '@mistralai/mistralai/lib/http.js';
import OpenAI from 'openai';

/* A red pixel. */
export const png =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==';

export const weather = {
  name: 'weather',
  description: 'The weather of a city.',
  schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};

export const answer = {
  type: 'object',
  properties: { colour: { type: 'string' } },
  required: ['colour'],
  additionalProperties: false,
};

const text = (q) => q.text ?? 'What is it?';

/* What of the answer's head names losses. */
const droppedIn = (value) => (value ? value.split(', ') : []);

/* fetchWith keeps the header that names losses. */
function fetchWith(seen) {
  return async (...args) => {
    const response = await fetch(...args);
    seen.dropped = droppedIn(response.headers.get('x-freehold-dropped'));
    return response;
  };
}

async function anthropic(gw, model, q, stream) {
  const seen = {};
  const client = new Anthropic({ baseURL: gw.url, apiKey: gw.key, maxRetries: 0, fetch: fetchWith(seen) });
  const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: png } };
  const asked = {
    model,
    max_tokens: 4000,
    messages: [{ role: 'user', content: q.image ? [image, { type: 'text', text: text(q) }] : text(q) }],
    ...(q.tools && {
      tools: [{ name: weather.name, description: weather.description, input_schema: weather.schema }],
    }),
    ...(q.demand && { tool_choice: { type: 'any' } }),
    ...(q.thinking && { thinking: { type: 'enabled', budget_tokens: 2048 } }),
    ...(q.schema && { output_config: { format: { type: 'json_schema', schema: answer } } }),
    ...(q.stop && { stop_sequences: [q.stop] }),
  };
  const reply = stream
    ? await client.messages.stream(asked).finalMessage()
    : await client.messages.create(asked);
  const of = (type) => reply.content.filter((b) => b.type === type);
  const stops = { end_turn: 'end', max_tokens: 'length', tool_use: 'tools', stop_sequence: 'sequence', refusal: 'refusal' };
  return {
    text: of('text').map((b) => b.text).join(''),
    thinking: of('thinking').map((b) => b.thinking).join(''),
    signature: of('thinking')[0]?.signature,
    calls: of('tool_use').map((b) => ({ id: b.id, name: b.name, args: b.input })),
    stop: stops[reply.stop_reason],
    usage: { input: reply.usage.input_tokens, output: reply.usage.output_tokens },
    ...seen,
  };
}

const openaiClient = (gw, seen) =>
  new OpenAI({ baseURL: `${gw.url}/v1`, apiKey: gw.key, maxRetries: 0, fetch: fetchWith(seen) });

async function openai_chat(gw, model, q, stream) {
  const seen = {};
  const client = openaiClient(gw, seen);
  const image = { type: 'image_url', image_url: { url: `data:image/png;base64,${png}` } };
  const asked = {
    model,
    messages: [{ role: 'user', content: q.image ? [image, { type: 'text', text: text(q) }] : text(q) }],
    ...(q.tools && {
      tools: [
        { type: 'function', function: { name: weather.name, description: weather.description, parameters: weather.schema } },
      ],
    }),
    ...(q.demand && { tool_choice: 'required' }),
    ...(q.thinking && { reasoning_effort: 'high' }),
    ...(q.schema && {
      response_format: { type: 'json_schema', json_schema: { name: 'answer', schema: answer, strict: true } },
    }),
    ...(q.stop && { stop: [q.stop] }),
    ...(stream && { stream_options: { include_usage: true } }),
  };
  /* the helper keeps the last of what it does not know: thinking is put together by hand */
  let thought = '';
  const reply = stream
    ? await client.chat.completions
        .stream(asked)
        .on('chunk', (c) => (thought += c.choices[0]?.delta.reasoning_content ?? ''))
        .finalChatCompletion()
    : await client.chat.completions.create(asked);
  const { message, finish_reason } = reply.choices[0];
  const stops = { stop: 'end', length: 'length', tool_calls: 'tools', content_filter: 'refusal' };
  return {
    text: message.content ?? '',
    thinking: stream ? thought : (message.reasoning_content ?? ''),
    signature: message.reasoning_details?.find((d) => d.signature)?.signature,
    calls: (message.tool_calls ?? []).map((c) => ({
      id: c.id,
      name: c.function.name,
      args: JSON.parse(c.function.arguments),
    })),
    stop: stops[finish_reason],
    usage: { input: reply.usage.prompt_tokens, output: reply.usage.completion_tokens },
    ...seen,
  };
}

async function openai_responses(gw, model, q, stream) {
  const seen = {};
  const client = openaiClient(gw, seen);
  const image = { type: 'input_image', image_url: `data:image/png;base64,${png}`, detail: 'auto' };
  const asked = {
    model,
    store: false,
    input: q.image
      ? [{ role: 'user', content: [image, { type: 'input_text', text: text(q) }] }]
      : text(q),
    ...(q.tools && {
      tools: [
        { type: 'function', name: weather.name, description: weather.description, parameters: weather.schema, strict: false },
      ],
    }),
    ...(q.demand && { tool_choice: 'required' }),
    ...(q.thinking && { reasoning: { effort: 'high', summary: 'auto' } }),
    ...(q.schema && { text: { format: { type: 'json_schema', name: 'answer', schema: answer, strict: true } } }),
  };
  const reply = stream
    ? await client.responses.stream(asked).finalResponse()
    : await client.responses.create(asked);
  const of = (type) => reply.output.filter((i) => i.type === type);
  const calls = of('function_call').map((i) => ({ id: i.call_id, name: i.name, args: JSON.parse(i.arguments) }));
  const reasons = { max_output_tokens: 'length', content_filter: 'refusal' };
  return {
    text: reply.output_text,
    thinking: of('reasoning').flatMap((i) => i.summary.map((s) => s.text)).join(''),
    signature: of('reasoning')[0]?.encrypted_content,
    calls,
    stop: reply.incomplete_details ? reasons[reply.incomplete_details.reason] : calls.length ? 'tools' : 'end',
    usage: { input: reply.usage.input_tokens, output: reply.usage.output_tokens },
    ...seen,
  };
}

/* AWS's SDK speaks HTTP/2 without being asked; what it does not show of the head a middleware does. */
function bedrockClient(gw, seen) {
  const client = new BedrockRuntimeClient({
    endpoint: gw.http2,
    region: 'eu-north-1',
    token: { token: gw.key },
    authSchemePreference: ['httpBearerAuth'],
    maxAttempts: 1,
  });
  client.middlewareStack.add(
    (next) => async (args) => {
      const done = await next(args);
      seen.dropped = droppedIn(done.response?.headers?.['x-freehold-dropped']);
      return done;
    },
    { step: 'deserialize', priority: 'low' },
  );
  return client;
}

/* gather puts the events of a ConverseStream together. */
async function gather(events) {
  const blocks = [];
  let stopReason, usage;
  for await (const event of events) {
    const start = event.contentBlockStart;
    const delta = event.contentBlockDelta;
    if (start?.start?.toolUse) blocks[start.contentBlockIndex] = { toolUse: { ...start.start.toolUse, input: '' } };
    if (delta) {
      const block = (blocks[delta.contentBlockIndex] ??= {});
      const { text: words, toolUse, reasoningContent: r } = delta.delta;
      if (words !== undefined) block.text = (block.text ?? '') + words;
      if (toolUse) block.toolUse.input += toolUse.input;
      if (r) {
        const thought = (block.reasoningContent ??= { reasoningText: { text: '' } }).reasoningText;
        thought.text += r.text ?? '';
        if (r.signature) thought.signature = (thought.signature ?? '') + r.signature;
      }
    }
    stopReason = event.messageStop?.stopReason ?? stopReason;
    usage = event.metadata?.usage ?? usage;
  }
  for (const block of blocks) {
    if (block?.toolUse) block.toolUse.input = JSON.parse(block.toolUse.input || '{}');
  }
  if (!stopReason) throw new Error('the stream ended without messageStop');
  return { content: blocks.filter(Boolean), stopReason, usage };
}

async function bedrock(gw, model, q, stream) {
  const seen = {};
  const client = bedrockClient(gw, seen);
  const image = { image: { format: 'png', source: { bytes: Buffer.from(png, 'base64') } } };
  const asked = {
    modelId: model,
    messages: [{ role: 'user', content: [...(q.image ? [image] : []), { text: text(q) }] }],
    inferenceConfig: { maxTokens: 4000, ...(q.stop && { stopSequences: [q.stop] }) },
    ...(q.tools && {
      toolConfig: {
        tools: [
          { toolSpec: { name: weather.name, description: weather.description, inputSchema: { json: weather.schema } } },
        ],
        ...(q.demand && { toolChoice: { any: {} } }),
      },
    }),
    ...(q.thinking && {
      additionalModelRequestFields: { thinking: { type: 'enabled', budget_tokens: 2048 } },
    }),
    ...(q.schema && {
      outputConfig: {
        textFormat: {
          type: 'json_schema',
          structure: { jsonSchema: { schema: JSON.stringify(answer), name: 'answer' } },
        },
      },
    }),
  };
  try {
    const reply = stream
      ? await client.send(new ConverseStreamCommand(asked)).then((r) => gather(r.stream))
      : await client
          .send(new ConverseCommand(asked))
          .then((r) => ({ content: r.output.message.content, stopReason: r.stopReason, usage: r.usage }));
    const stops = { end_turn: 'end', max_tokens: 'length', tool_use: 'tools', stop_sequence: 'sequence', content_filtered: 'refusal' };
    const thoughts = reply.content.filter((b) => b.reasoningContent?.reasoningText);
    return {
      text: reply.content.map((b) => b.text ?? '').join(''),
      thinking: thoughts.map((b) => b.reasoningContent.reasoningText.text).join(''),
      signature: thoughts[0]?.reasoningContent.reasoningText.signature,
      calls: reply.content
        .filter((b) => b.toolUse)
        .map((b) => ({ id: b.toolUse.toolUseId, name: b.toolUse.name, args: b.toolUse.input })),
      stop: stops[reply.stopReason],
      usage: { input: reply.usage.inputTokens, output: reply.usage.outputTokens },
      ...seen,
    };
  } finally {
    client.destroy();
  }
}

async function gemini(gw, model, q, stream) {
  const client = new GoogleGenAI({ apiKey: gw.key, httpOptions: { baseUrl: `${gw.url}/gemini` } });
  const image = { inlineData: { mimeType: 'image/png', data: png } };
  const asked = {
    model,
    contents: [{ role: 'user', parts: [...(q.image ? [image] : []), { text: text(q) }] }],
    config: {
      ...(q.tools && {
        tools: [
          {
            functionDeclarations: [
              { name: weather.name, description: weather.description, parametersJsonSchema: weather.schema },
            ],
          },
        ],
      }),
      ...(q.demand && { toolConfig: { functionCallingConfig: { mode: 'ANY' } } }),
      ...(q.thinking && { thinkingConfig: { includeThoughts: true, thinkingBudget: 2048 } }),
      ...(q.schema && { responseMimeType: 'application/json', responseJsonSchema: answer }),
      ...(q.stop && { stopSequences: [q.stop] }),
    },
  };
  const parts = [];
  let last, head;
  if (stream) {
    for await (const chunk of await client.models.generateContentStream(asked)) {
      parts.push(...(chunk.candidates?.[0]?.content?.parts ?? []));
      last = { ...last, ...chunk, candidates: chunk.candidates ?? last?.candidates };
      head ??= chunk.sdkHttpResponse?.headers;
      if (chunk.candidates?.[0]?.finishReason) last.finish = chunk.candidates[0].finishReason;
    }
    if (!last?.finish) throw new Error('the stream ended without a finishReason');
  } else {
    last = await client.models.generateContent(asked);
    head = last.sdkHttpResponse?.headers;
    parts.push(...(last.candidates[0].content?.parts ?? []));
    last.finish = last.candidates[0].finishReason;
  }
  const calls = parts
    .filter((p) => p.functionCall)
    .map((p) => ({ id: p.functionCall.id, name: p.functionCall.name, args: p.functionCall.args }));
  const stops = { STOP: calls.length ? 'tools' : 'end', MAX_TOKENS: 'length', SAFETY: 'refusal' };
  const u = last.usageMetadata;
  return {
    text: parts.filter((p) => p.text !== undefined && !p.thought).map((p) => p.text).join(''),
    thinking: parts.filter((p) => p.thought).map((p) => p.text ?? '').join(''),
    signature: parts.find((p) => p.thoughtSignature)?.thoughtSignature,
    calls,
    stop: stops[last.finish],
    usage: { input: u.promptTokenCount, output: (u.candidatesTokenCount ?? 0) + (u.thoughtsTokenCount ?? 0) },
    dropped: droppedIn(head?.['x-freehold-dropped'] ?? head?.get?.('x-freehold-dropped')),
  };
}

const chunkText = (content) =>
  typeof content === 'string'
    ? { text: content, thinking: '' }
    : (content ?? []).reduce(
        (sum, c) => ({
          text: sum.text + (c.type === 'text' ? c.text : ''),
          thinking: sum.thinking + (c.type === 'thinking' ? c.thinking.map((t) => t.text ?? '').join('') : ''),
        }),
        { text: '', thinking: '' },
      );

async function mistral(gw, model, q, stream) {
  const seen = {};
  const httpClient = new HTTPClient().addHook('response', (response) => {
    seen.dropped = droppedIn(response.headers.get('x-freehold-dropped'));
  });
  const client = new Mistral({ apiKey: gw.key, serverURL: `${gw.url}/mistral`, httpClient });
  const image = { type: 'image_url', imageUrl: `data:image/png;base64,${png}` };
  const asked = {
    model,
    messages: [{ role: 'user', content: q.image ? [image, { type: 'text', text: text(q) }] : text(q) }],
    ...(q.tools && {
      tools: [
        { type: 'function', function: { name: weather.name, description: weather.description, parameters: weather.schema } },
      ],
    }),
    ...(q.demand && { toolChoice: 'any' }),
    ...(q.thinking && { promptMode: 'reasoning' }),
    ...(q.schema && {
      responseFormat: { type: 'json_schema', jsonSchema: { name: 'answer', schemaDefinition: answer, strict: true } },
    }),
    ...(q.stop && { stop: [q.stop] }),
  };
  const got = { text: '', thinking: '', toolCalls: [], finish: undefined, usage: undefined };
  const take = (message) => {
    const said = chunkText(message.content);
    got.text += said.text;
    got.thinking += said.thinking;
    got.toolCalls.push(...(message.toolCalls ?? []));
  };
  if (stream) {
    for await (const { data } of await client.chat.stream(asked)) {
      for (const choice of data.choices) {
        take(choice.delta);
        got.finish = choice.finishReason ?? got.finish;
      }
      got.usage = data.usage ?? got.usage;
    }
    if (!got.finish) throw new Error('the stream ended without a finish reason');
  } else {
    const reply = await client.chat.complete(asked);
    take(reply.choices[0].message);
    got.finish = reply.choices[0].finishReason;
    got.usage = reply.usage;
  }
  const stops = { stop: 'end', length: 'length', tool_calls: 'tools' };
  const parse = (a) => (typeof a === 'string' ? JSON.parse(a || '{}') : a);
  return {
    text: got.text,
    thinking: got.thinking,
    calls: got.toolCalls.map((c) => ({ id: c.id, name: c.function.name, args: parse(c.function.arguments) })),
    stop: stops[got.finish],
    usage: { input: got.usage.promptTokens, output: got.usage.completionTokens },
    dropped: seen.dropped,
  };
}

export const clients = { anthropic, openai_chat, openai_responses, bedrock, gemini, mistral };

export const ask = (gw, client, model, question = {}, stream = false) =>
  clients[client](gw, model, question, stream);
