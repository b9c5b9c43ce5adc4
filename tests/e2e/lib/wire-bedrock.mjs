/* wire-bedrock.mjs: what a model says as Converse has it, and frames of event streams.
 * SPDX-License-Identifier: Apache-2.0 */

import { fragments, partsOf, plainUsage, stopName } from './wire.mjs';

const table = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n >>> 0;
});

/* CRC-32 as in zlib; node's own came after 20. */
export function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = table[(crc ^ byte) & 255] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/* frame makes one message of an event stream; `headers` are strings. */
export function frame(headers, payload) {
  const named = Object.entries(headers).map(([name, value]) => {
    const head = Buffer.alloc(1 + name.length + 3);
    head.writeUInt8(name.length, 0);
    head.write(name, 1);
    head.writeUInt8(7, 1 + name.length);
    head.writeUInt16BE(Buffer.byteLength(value), 2 + name.length);
    return Buffer.concat([head, Buffer.from(value)]);
  });
  const block = Buffer.concat(named);
  const body = Buffer.from(payload);
  const out = Buffer.alloc(12 + block.length + body.length + 4);
  out.writeUInt32BE(out.length, 0);
  out.writeUInt32BE(block.length, 4);
  out.writeUInt32BE(crc32(out.subarray(0, 8)), 8);
  block.copy(out, 12);
  body.copy(out, 12 + block.length);
  out.writeUInt32BE(crc32(out.subarray(0, out.length - 4)), out.length - 4);
  return out;
}

export const eventFrame = (type, data) =>
  frame(
    { ':event-type': type, ':content-type': 'application/json', ':message-type': 'event' },
    JSON.stringify(data),
  );

export const exceptionFrame = (type, message) =>
  frame(
    { ':exception-type': type, ':content-type': 'application/json', ':message-type': 'exception' },
    JSON.stringify({ message }),
  );

/* chunkFrame wraps a model's native event as InvokeModelWithResponseStream does. */
export const chunkFrame = (data) =>
  eventFrame('chunk', { bytes: Buffer.from(JSON.stringify(data)).toString('base64') });

const stops = {
  end: 'end_turn',
  length: 'max_tokens',
  tools: 'tool_use',
  sequence: 'stop_sequence',
  refusal: 'content_filtered',
};

export function bedrockUsage(usage) {
  const all = usage.input + usage.output + (usage.cacheRead ?? 0) + (usage.cacheWrite ?? 0);
  return {
    inputTokens: usage.input,
    outputTokens: usage.output,
    totalTokens: all,
    ...(usage.cacheRead !== undefined && { cacheReadInputTokens: usage.cacheRead }),
    ...(usage.cacheWrite !== undefined && { cacheWriteInputTokens: usage.cacheWrite }),
  };
}

const block = (part) =>
  typeof part === 'string'
    ? { text: part }
    : part.think !== undefined
      ? { reasoningContent: { reasoningText: { text: part.think, signature: part.signature ?? '' } } }
      : { toolUse: { toolUseId: part.id, name: part.tool, input: part.args } };

export function bedrockReply(content, more = {}) {
  return {
    output: { message: { role: 'assistant', content: partsOf(content).map(block) } },
    stopReason: stops[stopName(content, more)],
    usage: bedrockUsage(more.usage ?? plainUsage),
    metrics: { latencyMs: 5 },
  };
}

function deltas(part) {
  if (typeof part === 'string') return fragments(part).map((text) => ({ text }));
  if (part.think !== undefined) {
    const text = fragments(part.think).map((t) => ({ reasoningContent: { text: t } }));
    return [...text, { reasoningContent: { signature: part.signature ?? '' } }];
  }
  return fragments(JSON.stringify(part.args)).map((input) => ({ toolUse: { input } }));
}

export function bedrockEvents(content, more = {}) {
  const whole = bedrockReply(content, more);
  const blocks = partsOf(content).flatMap((part, contentBlockIndex) => [
    ...(part.tool
      ? [['contentBlockStart', { contentBlockIndex, start: { toolUse: { toolUseId: part.id, name: part.tool } } }]]
      : []),
    ...deltas(part).map((delta) => ['contentBlockDelta', { contentBlockIndex, delta }]),
    ['contentBlockStop', { contentBlockIndex }],
  ]);
  return [
    ['messageStart', { role: 'assistant' }],
    ...blocks,
    ['messageStop', { stopReason: whole.stopReason }],
    ['metadata', { usage: whole.usage, metrics: whole.metrics }],
  ].map(([type, data]) => eventFrame(type, data));
}
