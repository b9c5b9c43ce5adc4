/* wire-mistral.mjs: what a model says as Mistral's API has it: OpenAI's shapes, with its own words.
 * SPDX-License-Identifier: Apache-2.0 */

import { fragments, openaiReply, openaiUsage, partsOf, plainUsage } from './wire.mjs';

const thinking = (part) => ({ type: 'thinking', thinking: [{ type: 'text', text: part.think }] });

/* Thinking is a chunk of the content; then all of it is a list. */
function contentOf(content) {
  const parts = partsOf(content).filter((p) => !p.tool);
  if (!parts.some((p) => p.think !== undefined)) return parts.join('');
  return parts.map((p) => (typeof p === 'string' ? { type: 'text', text: p } : thinking(p)));
}

export function mistralReply(content, more = {}) {
  const whole = openaiReply(content, { model: 'up-mistral', id: 'mistral-up1', ...more });
  const { tool_calls, role } = whole.choices[0].message;
  whole.choices[0].message = { role, content: contentOf(content), tool_calls: tool_calls ?? null };
  return whole;
}

export function mistralEvents(content, more = {}) {
  const whole = mistralReply(content, more);
  const chunk = (delta, finish_reason = null, usage = undefined) => ({
    id: whole.id,
    object: 'chat.completion.chunk',
    created: whole.created,
    model: whole.model,
    choices: [{ index: 0, delta, finish_reason }],
    ...(usage && { usage }),
  });
  const deltas = partsOf(content).flatMap((p) => {
    if (typeof p === 'string') return fragments(p).map((text) => ({ content: text }));
    if (p.think !== undefined) {
      return fragments(p.think).map((think) => ({ content: [thinking({ think })] }));
    }
    return [];
  });
  const calls = whole.choices[0].message.tool_calls;
  const last = calls ? { content: '', tool_calls: calls.map((c, index) => ({ ...c, index })) } : { content: '' };
  return [
    chunk({ role: 'assistant', content: '' }),
    ...deltas.map((delta) => chunk(delta)),
    chunk(last, whole.choices[0].finish_reason, openaiUsage(more.usage ?? plainUsage)),
  ]
    .map((data) => `data: ${JSON.stringify(data)}\n\n`)
    .concat('data: [DONE]\n\n');
}
