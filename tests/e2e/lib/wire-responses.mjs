/* wire-responses.mjs: what a model says as OpenAI's Responses have it.
 * SPDX-License-Identifier: Apache-2.0 */

import { fragments, partsOf, plainUsage, stopName } from './wire.mjs';

export function responsesUsage(usage) {
  const input = usage.input + (usage.cacheRead ?? 0) + (usage.cacheWrite ?? 0);
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: usage.cacheRead ?? 0 },
    output_tokens: usage.output,
    output_tokens_details: { reasoning_tokens: usage.reasoning ?? 0 },
    total_tokens: input + usage.output,
  };
}

const item = (part, i, status = 'completed') =>
  typeof part === 'string'
    ? {
        id: `msg_up${i}`,
        type: 'message',
        role: 'assistant',
        status,
        content: [{ type: 'output_text', text: part, annotations: [], logprobs: [] }],
      }
    : part.think !== undefined
      ? {
          id: `rs_up${i}`,
          type: 'reasoning',
          summary: [{ type: 'summary_text', text: part.think }],
          ...(part.signature && { encrypted_content: part.signature }),
        }
      : {
          id: `fc_up${i}`,
          type: 'function_call',
          call_id: part.id,
          name: part.tool,
          arguments: JSON.stringify(part.args),
          status,
        };

export function responsesReply(content, more = {}) {
  const stop = stopName(content, more);
  const reasons = { length: 'max_output_tokens', refusal: 'content_filter' };
  return {
    id: more.id ?? 'resp_up1',
    object: 'response',
    created_at: 1764000000,
    status: reasons[stop] ? 'incomplete' : 'completed',
    error: null,
    incomplete_details: reasons[stop] ? { reason: reasons[stop] } : null,
    instructions: null,
    max_output_tokens: null,
    model: more.model ?? 'up-gpt',
    output: partsOf(content).map((part, i) => item(part, i)),
    parallel_tool_calls: true,
    previous_response_id: null,
    reasoning: { effort: null, summary: null },
    store: false,
    temperature: 1,
    text: { format: { type: 'text' } },
    tool_choice: 'auto',
    tools: [],
    top_p: 1,
    truncation: 'disabled',
    usage: responsesUsage(more.usage ?? plainUsage),
    user: null,
    metadata: {},
  };
}

/* The events of one item, without their numbers. */
function itemEvents(part, output_index) {
  const whole = item(part, output_index);
  const at = { item_id: whole.id, output_index };
  if (typeof part === 'string') {
    const text = { type: 'output_text', text: '', annotations: [], logprobs: [] };
    return [
      { type: 'response.output_item.added', output_index, item: { ...whole, status: 'in_progress', content: [] } },
      { type: 'response.content_part.added', ...at, content_index: 0, part: text },
      ...fragments(part).map((delta) => ({
        type: 'response.output_text.delta', ...at, content_index: 0, delta, logprobs: [],
      })),
      { type: 'response.output_text.done', ...at, content_index: 0, text: part, logprobs: [] },
      { type: 'response.content_part.done', ...at, content_index: 0, part: whole.content[0] },
      { type: 'response.output_item.done', output_index, item: whole },
    ];
  }
  if (part.think !== undefined) {
    const summary = { type: 'summary_text', text: '' };
    return [
      { type: 'response.output_item.added', output_index, item: { ...whole, summary: [] } },
      { type: 'response.reasoning_summary_part.added', ...at, summary_index: 0, part: summary },
      ...fragments(part.think).map((delta) => ({
        type: 'response.reasoning_summary_text.delta', ...at, summary_index: 0, delta,
      })),
      { type: 'response.reasoning_summary_text.done', ...at, summary_index: 0, text: part.think },
      { type: 'response.reasoning_summary_part.done', ...at, summary_index: 0, part: whole.summary[0] },
      { type: 'response.output_item.done', output_index, item: whole },
    ];
  }
  return [
    { type: 'response.output_item.added', output_index, item: { ...whole, status: 'in_progress', arguments: '' } },
    ...fragments(whole.arguments).map((delta) => ({
      type: 'response.function_call_arguments.delta', ...at, delta,
    })),
    { type: 'response.function_call_arguments.done', ...at, name: whole.name, arguments: whole.arguments },
    { type: 'response.output_item.done', output_index, item: whole },
  ];
}

export const responsesEvent = (data, sequence_number) =>
  `event: ${data.type}\ndata: ${JSON.stringify({ ...data, sequence_number })}\n\n`;

export function responsesEvents(content, more = {}) {
  const whole = responsesReply(content, more);
  const begun = { ...whole, status: 'in_progress', output: [], usage: null, incomplete_details: null };
  return [
    { type: 'response.created', response: begun },
    { type: 'response.in_progress', response: begun },
    ...partsOf(content).flatMap(itemEvents),
    { type: `response.${whole.status}`, response: whole },
  ].map(responsesEvent);
}
