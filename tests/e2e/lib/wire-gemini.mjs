/* wire-gemini.mjs: what a model says as generateContent has it.
 * SPDX-License-Identifier: Apache-2.0 */

import { fragments, partsOf, plainUsage, stopName } from './wire.mjs';

const stops = { end: 'STOP', length: 'MAX_TOKENS', tools: 'STOP', sequence: 'STOP', refusal: 'SAFETY' };

export function geminiUsage(usage) {
  const prompt = usage.input + (usage.cacheRead ?? 0);
  const thoughts = usage.reasoning ?? 0;
  return {
    promptTokenCount: prompt,
    candidatesTokenCount: usage.output - thoughts,
    totalTokenCount: prompt + usage.output,
    ...(usage.cacheRead !== undefined && { cachedContentTokenCount: usage.cacheRead }),
    ...(usage.reasoning !== undefined && { thoughtsTokenCount: thoughts }),
  };
}

const part = (p) =>
  typeof p === 'string'
    ? { text: p }
    : p.think !== undefined
      ? { text: p.think, thought: true, ...(p.signature && { thoughtSignature: p.signature }) }
      : { functionCall: { id: p.id, name: p.tool, args: p.args } };

const reply = (parts, finishReason, more) => ({
  candidates: [{ content: { role: 'model', parts }, index: 0, ...(finishReason && { finishReason }) }],
  usageMetadata: geminiUsage(more.usage ?? plainUsage),
  modelVersion: more.model ?? 'up-gemini',
  responseId: more.id ?? 'resp-up1',
});

export const geminiReply = (content, more = {}) =>
  reply(partsOf(content).map(part), stops[stopName(content, more)], more);

/* Text and thoughts come in fragments, a call comes whole; the last chunk says why it ended. */
export function geminiEvents(content, more = {}) {
  const pieces = partsOf(content).flatMap((p) => {
    if (typeof p === 'string') return fragments(p).map((text) => ({ text }));
    if (p.think === undefined) return [part(p)];
    const thoughts = fragments(p.think).map((text) => ({ text, thought: true }));
    if (p.signature) thoughts.at(-1).thoughtSignature = p.signature;
    return thoughts;
  });
  const last = pieces.pop();
  return [
    ...pieces.map((p) => reply([p], undefined, more)),
    reply([last], stops[stopName(content, more)], more),
  ].map((data) => `data: ${JSON.stringify(data)}\r\n\r\n`);
}
