/* wire.mjs: what a model says, in Anthropic's dialect and in OpenAI's, whole and streamed. The
 * other dialects are in wire-*.mjs, all of them together in wires.mjs.
 * SPDX-License-Identifier: Apache-2.0 */

/* Content is a string or a list of parts:
 *     'text'   {think, signature}   {tool, id, args}
 * and `more` is {usage: {input, cacheRead, cacheWrite, output, reasoning}, stop, model, id}. Token
 * classes do not overlap, as in Anthropic's dialect; `stop` is a key of `stops`. */

export const stops = {
  end: ['end_turn', 'stop'],
  length: ['max_tokens', 'length'],
  tools: ['tool_use', 'tool_calls'],
  sequence: ['stop_sequence', 'stop'],
  refusal: ['refusal', 'content_filter'],
};

export const plainUsage = { input: 12, output: 7 };

export const partsOf = (content) => (Array.isArray(content) ? content : [content]);

/* stopName is the key of `stops` that an answer ends with. */
export const stopName = (content, more) =>
  more.stop ?? (partsOf(content).some((p) => p.tool) ? 'tools' : 'end');

const stopOf = (content, more, dialect) => stops[stopName(content, more)][dialect];

/* In fragments of a few characters, such that a stream has several of them, and never too many. */
export const fragments = (text) =>
  text.match(new RegExp(`.{1,${Math.max(8, Math.ceil(text.length / 200))}}`, 'gsu')) ?? [''];

export function anthropicUsage(usage) {
  return {
    input_tokens: usage.input,
    ...(usage.cacheRead !== undefined && { cache_read_input_tokens: usage.cacheRead }),
    ...(usage.cacheWrite !== undefined && { cache_creation_input_tokens: usage.cacheWrite }),
    output_tokens: usage.output,
    ...(usage.reasoning !== undefined && {
      output_tokens_details: { thinking_tokens: usage.reasoning },
    }),
  };
}

export function openaiUsage(usage) {
  const prompt = usage.input + (usage.cacheRead ?? 0) + (usage.cacheWrite ?? 0);
  return {
    prompt_tokens: prompt,
    completion_tokens: usage.output,
    total_tokens: prompt + usage.output,
    ...((usage.cacheRead ?? usage.cacheWrite) !== undefined && {
      prompt_tokens_details: {
        cached_tokens: usage.cacheRead ?? 0,
        ...(usage.cacheWrite !== undefined && { cache_write_tokens: usage.cacheWrite }),
      },
    }),
    ...(usage.reasoning !== undefined && {
      completion_tokens_details: { reasoning_tokens: usage.reasoning },
    }),
  };
}

const anthropicBlock = (part) =>
  typeof part === 'string'
    ? { type: 'text', text: part }
    : part.think !== undefined
      ? { type: 'thinking', thinking: part.think, signature: part.signature ?? '' }
      : { type: 'tool_use', id: part.id, name: part.tool, input: part.args };

export function anthropicReply(content, more = {}) {
  return {
    id: more.id ?? 'msg_up1',
    type: 'message',
    role: 'assistant',
    model: more.model ?? 'up-ant',
    content: partsOf(content).map(anthropicBlock),
    stop_reason: stopOf(content, more, 0),
    stop_sequence: more.stop === 'sequence' ? 'END' : null,
    usage: anthropicUsage(more.usage ?? plainUsage),
  };
}

function anthropicDeltas(part) {
  if (typeof part === 'string') {
    return fragments(part).map((text) => ({ type: 'text_delta', text }));
  }
  if (part.think !== undefined) {
    const thinking = fragments(part.think).map((t) => ({ type: 'thinking_delta', thinking: t }));
    return [...thinking, { type: 'signature_delta', signature: part.signature ?? '' }];
  }
  const json = fragments(JSON.stringify(part.args));
  return ['', ...json].map((partial_json) => ({ type: 'input_json_delta', partial_json }));
}

const emptied = (block) =>
  ({ text: { text: '' }, thinking: { thinking: '', signature: '' }, tool_use: { input: {} } })[
    block.type
  ];

export const anthropicEvent = (data) => `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;

export function anthropicEvents(content, more = {}) {
  const whole = anthropicReply(content, more);
  const blocks = partsOf(content).flatMap((part, index) => {
    const block = whole.content[index];
    return [
      { type: 'content_block_start', index, content_block: { ...block, ...emptied(block) } },
      ...anthropicDeltas(part).map((delta) => ({ type: 'content_block_delta', index, delta })),
      { type: 'content_block_stop', index },
    ];
  });
  const start = {
    ...whole,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: { ...whole.usage, output_tokens: 1 },
  };
  return [
    { type: 'message_start', message: start },
    { type: 'ping' },
    ...blocks,
    {
      type: 'message_delta',
      delta: { stop_reason: whole.stop_reason, stop_sequence: whole.stop_sequence },
      usage: { output_tokens: whole.usage.output_tokens },
    },
    { type: 'message_stop' },
  ].map(anthropicEvent);
}

const openaiCall = (part) => ({
  id: part.id,
  type: 'function',
  function: { name: part.tool, arguments: JSON.stringify(part.args) },
});

export function openaiReply(content, more = {}) {
  const parts = partsOf(content);
  const calls = parts.filter((p) => p.tool).map(openaiCall);
  const thought = parts.filter((p) => p.think !== undefined).map((p) => p.think);
  const said = parts.filter((p) => typeof p === 'string');
  return {
    id: more.id ?? 'chatcmpl-up1',
    object: 'chat.completion',
    created: 1764000000,
    model: more.model ?? 'up-gpt',
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: said.length ? said.join('') : null,
          ...(thought.length && { reasoning_content: thought.join('') }),
          ...(calls.length && { tool_calls: calls }),
        },
        finish_reason: stopOf(content, more, 1),
      },
    ],
    usage: openaiUsage(more.usage ?? plainUsage),
  };
}

/* Calls come side by side, a fragment of each in turn, as providers may send them. */
function openaiCallDeltas(calls) {
  const rows = calls.map((part, index) => [
    { index, id: part.id, type: 'function', function: { name: part.tool, arguments: '' } },
    ...fragments(JSON.stringify(part.args)).map((a) => ({ index, function: { arguments: a } })),
  ]);
  const longest = Math.max(0, ...rows.map((row) => row.length));
  return Array.from({ length: longest }, (_, i) => rows.map((row) => row[i]))
    .flat()
    .filter(Boolean)
    .map((call) => ({ tool_calls: [call] }));
}

export function openaiEvents(content, more = {}) {
  const whole = openaiReply(content, more);
  const head = { id: whole.id, object: 'chat.completion.chunk', created: whole.created };
  const chunk = (delta, finish_reason = null) => ({
    ...head,
    model: whole.model,
    choices: [{ index: 0, delta, finish_reason }],
  });
  const parts = partsOf(content);
  const text = (part) =>
    typeof part === 'string'
      ? fragments(part).map((t) => ({ content: t }))
      : fragments(part.think).map((t) => ({ reasoning_content: t }));
  const deltas = [
    { role: 'assistant', content: '' },
    ...parts.filter((p) => !p.tool).flatMap(text),
    ...openaiCallDeltas(parts.filter((p) => p.tool)),
  ];
  return [
    ...deltas.map((delta) => chunk(delta)),
    chunk({}, whole.choices[0].finish_reason),
    ...(more.includeUsage === false
      ? []
      : [{ ...head, model: whole.model, choices: [], usage: whole.usage }]),
  ]
    .map((data) => `data: ${JSON.stringify(data)}\n\n`)
    .concat('data: [DONE]\n\n');
}
