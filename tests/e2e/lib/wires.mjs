/* wires.mjs: all dialects, by name: how a provider of each answers, streams and refuses, and how a
 * gateway's config names it.
 * SPDX-License-Identifier: Apache-2.0 */

import { anthropicEvents, anthropicReply, openaiEvents, openaiReply } from './wire.mjs';
import { bedrockEvents, bedrockReply, chunkFrame, exceptionFrame } from './wire-bedrock.mjs';
import { geminiEvents, geminiReply } from './wire-gemini.mjs';
import { mistralEvents, mistralReply } from './wire-mistral.mjs';
import { responsesEvents, responsesReply } from './wire-responses.mjs';

const SSE = 'text/event-stream; charset=utf-8';

const openaiFault = (status, message) => ({
  error: { message, type: status < 500 ? 'invalid_request_error' : 'server_error', param: null, code: null },
});

const anthropicTypes = {
  400: 'invalid_request_error',
  429: 'rate_limit_error',
  503: 'overloaded_error',
  529: 'overloaded_error',
};

const geminiNames = { 400: 'INVALID_ARGUMENT', 429: 'RESOURCE_EXHAUSTED', 503: 'UNAVAILABLE' };

/* `path` tells a request of the dialect by where it goes; `place` is a provider that speaks it, at a
 * scripted upstream; `broken` is how a stream of it says that it failed. */
export const wires = {
  anthropic: {
    path: /\/messages|:(streamR|r)awPredict/,
    place: (url) => ({ kind: 'anthropic_compatible', url, key: 'env:ANT_KEY' }),
    model: 'up-ant',
    type: SSE,
    reply: anthropicReply,
    events: anthropicEvents,
    fault: (status, message) => ({
      type: 'error',
      error: { type: anthropicTypes[status] ?? 'api_error', message },
      request_id: 'req_up1',
    }),
    broken: (message) =>
      `event: error\ndata: ${JSON.stringify({ type: 'error', error: { type: 'overloaded_error', message } })}\n\n`,
  },
  openai_chat: {
    path: /\/chat\/completions/,
    place: (url) => ({ kind: 'openai_compatible', url: `${url}/v1`, key: 'env:OAI_KEY' }),
    model: 'up-gpt',
    type: SSE,
    reply: openaiReply,
    events: openaiEvents,
    fault: openaiFault,
    broken: (message) => `data: ${JSON.stringify(openaiFault(500, message))}\n\n`,
  },
  openai_responses: {
    path: /\/responses/,
    place: (url) => ({
      kind: 'openai',
      dialect: 'openai_responses',
      url: `${url}/v1`,
      key: 'env:OAI_KEY',
    }),
    model: 'up-gpt',
    type: SSE,
    reply: responsesReply,
    events: responsesEvents,
    fault: openaiFault,
    broken: (message) =>
      `event: error\ndata: ${JSON.stringify({ type: 'error', code: 'server_error', message, param: null, sequence_number: 3 })}\n\n`,
  },
  bedrock: {
    path: /\/converse/,
    place: (url) => ({
      kind: 'bedrock',
      dialect: 'bedrock',
      url,
      region: 'eu-north-1',
      key: 'env:AWS_BEARER',
    }),
    model: 'anthropic.claude-up-v1:0',
    type: 'application/vnd.amazon.eventstream',
    reply: bedrockReply,
    events: bedrockEvents,
    fault: (status, message) => ({ message }),
    faultHeaders: (status) => ({
      'x-amzn-errortype': status === 429 ? 'ThrottlingException' : status < 500 ? 'ValidationException' : 'InternalServerException',
    }),
    broken: (message) => exceptionFrame('modelStreamErrorException', message),
  },
  gemini: {
    path: /:(streamG|g)enerateContent/,
    place: (url) => ({ kind: 'gemini', url, key: 'env:GEM_KEY' }),
    model: 'up-gemini',
    type: 'text/event-stream',
    reply: geminiReply,
    events: geminiEvents,
    fault: (status, message) => ({
      error: { code: status, message, status: geminiNames[status] ?? 'INTERNAL' },
    }),
    broken: (message) =>
      `data: ${JSON.stringify({ error: { code: 503, message, status: 'UNAVAILABLE' } })}\r\n\r\n`,
  },
  mistral: {
    path: /\/mistral\/v1\/chat/,
    place: (url) => ({ kind: 'mistral', url: `${url}/mistral`, key: 'env:MIS_KEY' }),
    model: 'up-mistral',
    type: SSE,
    reply: mistralReply,
    events: mistralEvents,
    fault: (status, message) => ({ object: 'error', message, type: 'invalid_request', param: null, code: null }),
    broken: undefined, /* there is none: it just breaks off */
  },
};

/* Claude by InvokeModel: Anthropic's dialect, wrapped as Bedrock wraps it. */
export const invoke = {
  ...wires.bedrock,
  path: /\/invoke/,
  reply: (content, more) => anthropicReply(content, { model: 'claude-up', ...more }),
  events: (content, more) =>
    anthropicEvents(content, { model: 'claude-up', ...more }).map((event) =>
      chunkFrame(JSON.parse(event.slice(event.indexOf('data: ') + 6))),
    ),
};

/* dialectOf tells the dialect of a request by its path. */
export const dialectOf = (path) =>
  wires.mistral.path.test(path)
    ? 'mistral'
    : invoke.path.test(path)
    ? 'invoke'
    : (Object.keys(wires).find((name) => wires[name].path.test(path)) ?? 'openai_chat');

/* wireOf gives how a request of the scripted provider is answered. */
export const wireOf = (ask) => (ask.wire === 'invoke' ? invoke : wires[ask.wire]);

/* Whether a stream is asked for stands in the body of some dialects, in the path of others. */
export const isStreamed = (ask) =>
  /converse-stream|with-response-stream|streamGenerateContent|streamRawPredict/.test(ask.path) || ask.body?.stream === true;
