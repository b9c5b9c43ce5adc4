/* keeper.mjs: a scripted provider that keeps things: batches and files of both labs, OpenAI's stored
 * responses. What a batch asks is answered at once.
 *
 *     const keeper = keep();
 *     const up = await upstream(t, keeper.answer);
 *
 * Files are in `keeper.files`, by id, as they were uploaded; `keeper.batches` likewise.
 *
 * SPDX-License-Identifier: Apache-2.0 */

import { json, refuse, whole } from './upstream.mjs';
import { anthropicReply, openaiReply } from './wire.mjs';
import { responsesReply } from './wire-responses.mjs';

const LAB = 'https://api.anthropic.com'; /* where results_url leads, and no test may go */
const then = '2026-11-20T08:00:00Z';
const seconds = Date.parse(then) / 1000;

const jsonl = (objects) => objects.map((object) => `${JSON.stringify(object)}\n`).join('');

/* Each request uses as many tokens as it has number, in and out, so that sums show what counted. */
const used = (n) => ({ usage: { input: n, output: 10 * n } });

/* partsOf takes a multipart form apart: name, file name, content. */
export function partsOf(ask) {
  const boundary = /boundary=(\S+)/.exec(ask.headers['content-type'])?.[1];
  return ask.raw
    .toString('latin1')
    .split(`--${boundary}`)
    .slice(1, -1)
    .map((part) => {
      const end = part.indexOf('\r\n\r\n');
      const [, name, , file] = /name="([^"]*)"(; filename="([^"]*)")?/.exec(part.slice(0, end));
      return { name, file, content: Buffer.from(part.slice(end + 4, -2), 'latin1') };
    });
}

export function keep() {
  const keeper = { files: new Map(), batches: new Map(), n: 0 };

  /* ---- Anthropic ---- */

  const shownBatch = (batch) => ({
    id: batch.id,
    type: 'message_batch',
    processing_status: batch.status,
    request_counts: { processing: 0, succeeded: batch.requests.length, errored: 0, canceled: 0, expired: 0 },
    created_at: then,
    expires_at: then,
    ended_at: then,
    archived_at: null,
    cancel_initiated_at: null,
    results_url: batch.status === 'ended' ? `${LAB}/v1/messages/batches/${batch.id}/results` : null,
  });

  /* A request with the model "broken" has no answer. */
  const messageResult = (batch, { custom_id, params }, n) => ({
    custom_id,
    result:
      params.model === 'broken'
        ? { type: 'errored', error: { type: 'error', error: { type: 'api_error', message: 'x' } } }
        : {
            type: 'succeeded',
            message: anthropicReply(`Answer ${n}`, {
              id: `msg_${batch.id}_${n}`,
              model: params.model,
              ...used(n + 1),
            }),
          },
  });

  const anthropicFile = ({ id, filename, content }) => ({
    id,
    type: 'file',
    filename,
    mime_type: 'text/plain',
    size_bytes: content.length,
    created_at: then,
    downloadable: true,
  });

  const anthropic = {
    'POST /messages/batches': (ask) => {
      const batch = { id: `msgbatch_${++keeper.n}`, status: 'in_progress', ...ask.body };
      keeper.batches.set(batch.id, batch);
      return json(200, shownBatch(batch));
    },
    'GET /messages/batches': () =>
      json(200, {
        data: [...keeper.batches.values()].map(shownBatch),
        has_more: false,
        first_id: null,
        last_id: null,
      }),
    'GET /messages/batches/:id': (ask, batch) => {
      batch.status = 'ended';
      return json(200, shownBatch(batch));
    },
    'DELETE /messages/batches/:id': (ask, batch) => {
      keeper.batches.delete(batch.id);
      return json(200, { id: batch.id, type: 'message_batch_deleted' });
    },
    'POST /messages/batches/:id/cancel': (ask, batch) =>
      json(200, shownBatch({ ...batch, status: 'canceling' })),
    'GET /messages/batches/:id/results': (ask, batch) =>
      whole(200, jsonl(batch.requests.map((request, n) => messageResult(batch, request, n))), {
        'content-type': 'application/x-jsonl',
      }),
    'POST /files': (ask) => json(200, anthropicFile(store(ask, 'file_'))),
    'GET /files': () =>
      json(200, {
        data: [...keeper.files.values()].map(anthropicFile),
        has_more: false,
        first_id: null,
        last_id: null,
        next_page: null,
      }),
    'GET /files/:id': (ask, file) => json(200, anthropicFile(file)),
    'DELETE /files/:id': (ask, file) => {
      keeper.files.delete(file.id);
      return json(200, { id: file.id, type: 'file_deleted' });
    },
    'GET /files/:id/content': (ask, file) => content(file),
  };

  /* ---- OpenAI ---- */

  const openaiFile = ({ id, filename, content, purpose }) => ({
    id,
    object: 'file',
    bytes: content.length,
    created_at: seconds,
    filename,
    purpose,
    status: 'processed',
  });

  const answers = {
    '/v1/chat/completions': (n, id) => openaiReply(`Answer ${n}`, { id: `chatcmpl-${id}`, ...used(n + 1) }),
    '/v1/responses': (n, id) => responsesReply(`Answer ${n}`, { id: `resp_${id}`, ...used(n + 1) }),
    '/v1/embeddings': (n) => ({
      object: 'list',
      data: [{ object: 'embedding', index: 0, embedding: [0.5] }],
      model: 'embed-up',
      usage: { prompt_tokens: n + 1, total_tokens: n + 1 },
    }),
  };

  const batchResult = (batch, line, n) => ({
    id: `batch_req_${batch.id}_${n}`,
    custom_id: line.custom_id,
    response: {
      status_code: 200,
      request_id: 'r',
      body: answers[line.url](n, `${batch.id}_${n}`),
    },
    error: null,
  });

  const openaiBatch = (batch) => ({
    id: batch.id,
    object: 'batch',
    endpoint: batch.endpoint,
    input_file_id: batch.input_file_id,
    completion_window: '24h',
    status: batch.status,
    output_file_id: batch.output,
    created_at: seconds,
    request_counts: { total: batch.n, completed: batch.n, failed: 0 },
  });

  const openai = {
    'POST /files': (ask) => json(200, openaiFile(store(ask, 'file-'))),
    'GET /files': () =>
      json(200, { object: 'list', data: [...keeper.files.values()].map(openaiFile), has_more: false }),
    'GET /files/:id': (ask, file) => json(200, openaiFile(file)),
    'DELETE /files/:id': (ask, file) => {
      keeper.files.delete(file.id);
      return json(200, { id: file.id, object: 'file', deleted: true });
    },
    'GET /files/:id/content': (ask, file) => content(file),
    'POST /batches': (ask) => {
      const batch = { id: `batch_${++keeper.n}`, status: 'completed', ...ask.body };
      const lines = keeper.files.get(batch.input_file_id).content.toString().trim().split('\n');
      const results = lines.map((line, n) => batchResult(batch, JSON.parse(line), n));
      const file = { id: `file-${++keeper.n}`, filename: 'out.jsonl', purpose: 'batch_output' };
      keeper.files.set(file.id, { ...file, content: Buffer.from(jsonl(results)) });
      Object.assign(batch, { output: file.id, n: lines.length });
      keeper.batches.set(batch.id, batch);
      return json(200, openaiBatch(batch));
    },
    'GET /batches': () =>
      json(200, { object: 'list', data: [...keeper.batches.values()].map(openaiBatch), has_more: false }),
    'GET /batches/:id': (ask, batch) => json(200, openaiBatch(batch)),
    'POST /batches/:id/cancel': (ask, batch) => json(200, openaiBatch({ ...batch, status: 'cancelling' })),
    'GET /responses/:id': (ask, id) => json(200, responsesReply('Kept', { id, ...used(7) })),
    'DELETE /responses/:id': (ask, id) => json(200, { id, object: 'response', deleted: true }),
    'POST /responses/:id/cancel': (ask, id) =>
      json(200, { ...responsesReply('Kept', { id }), status: 'cancelled' }),
    'GET /responses/:id/input_items': () =>
      json(200, {
        object: 'list',
        data: [{ id: 'msg_1', type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Hi.' }] }],
        has_more: false,
      }),
  };

  /* ---- both ---- */

  function store(ask, prefix) {
    const parts = partsOf(ask);
    const { file: filename, content } = parts.find((part) => part.name === 'file');
    const purpose = parts.find((part) => part.name === 'purpose')?.content.toString();
    const file = { id: `${prefix}${++keeper.n}`, filename, purpose, content };
    keeper.files.set(file.id, file);
    return file;
  }

  const content = (file) =>
    whole(200, file.content, {
      'content-type': 'application/octet-stream',
      'content-disposition': `attachment; filename="${file.filename}"`,
    });

  keeper.answer = (ask) => {
    const [, , kind, ...rest] = ask.path.split('/');
    const routes = ask.headers['anthropic-version'] ? anthropic : openai;
    const at = kind === 'messages' ? 1 : 0;
    const id = rest[at];
    const pattern = [kind, ...rest].map((word) => (word === id ? ':id' : word)).join('/');
    const route = routes[`${ask.method} /${pattern}`];
    const kept = kind === 'responses' ? id : (keeper.files.get(id) ?? keeper.batches.get(id));

    if (!route || (id && !kept)) return refuse(404, 'nothing is kept there');
    return route(ask, kept);
  };
  return keeper;
}
