/* upstream.mjs: a scripted provider. It speaks all dialects, by path, and can stall, cut, reset
 * and lie; it writes down what it got.
 *
 *     const up = await upstream(t, say('Hello'));                    the same answer every time
 *     const up = await upstream(t, [refuse(503), say('Hello')]);     in turn, the last for ever
 *     const up = await upstream(t, (ask) => say(ask.body.model));    made from the request
 *
 * An answer is `async (ask, line) => …`; those below are made of `line.write` and its kin, and can
 * be wrapped in one another: `cut(3, 'reset', slowly(1, say('Hello')))`.
 *
 * SPDX-License-Identifier: Apache-2.0 */

import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';
import { atEnd } from './cleanup.mjs';
import { anthropicEvents, anthropicReply, openaiEvents, openaiReply } from './wire.mjs';
import { dialectOf, isStreamed, wireOf } from './wires.mjs';

const HEAD_END = Buffer.from('\r\n\r\n');

/* parse takes one whole request off `bytes`; else it gives how many bytes to wait for. */
function parse(bytes) {
  const end = bytes.indexOf(HEAD_END);
  if (end < 0) return { wait: bytes.length + 1 };
  const [first, ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const [method, target] = first.split(' ');
  const headers = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    headers[name] = name in headers ? `${headers[name]}, ${value}` : value;
  }
  const start = end + HEAD_END.length;
  const size = start + Number(headers['content-length'] ?? 0);
  if (bytes.length < size) return { wait: size };
  const raw = bytes.subarray(start, size);
  const [path, query = ''] = target.split('?');
  const ask = { method, path, query, headers, raw, size };
  ask.dialect = /\/messages/.test(path) ? 'anthropic' : 'openai';
  ask.wire = dialectOf(path);
  try {
    ask.body = JSON.parse(raw.toString());
  } catch {
    ask.body = undefined;
  }
  return { ask };
}

/* What an answer writes to. `closed` resolves when the other side or we ended it. */
function lineOf(socket) {
  const closed = once(socket, 'close').catch(() => {});
  const line = {
    socket,
    closed,
    write: async (data) => {
      if (socket.destroyed || socket.writableEnded) return;
      await Promise.race([new Promise((done) => socket.write(data, done)), closed]);
    },
    fin: () => {
      socket.end();
      return closed;
    },
    reset: () => {
      (socket.below ?? socket).resetAndDestroy();
      return closed;
    },
    stall: () => closed,
    wait: (ms) => Promise.race([sleep(ms, undefined, { ref: false }), closed]),
  };
  return line;
}

export async function upstream(t, script, { tls: identity, connected } = {}) {
  const turns = Array.isArray(script) ? script : undefined;
  const up = { asked: [], begun: 0, connections: [], open: new Set(), mistakes: [] };

  const below = new Map();

  async function answer(ask, line) {
    let todo = turns ? turns[Math.min(ask.nth, turns.length - 1)] : script;
    /* an answer that is made from the request gives another answer */
    for (let i = 0; typeof todo === 'function' && i < 4; i++) todo = await todo(ask, line);
  }

  async function serve(socket) {
    const connection = { n: up.connections.length + 1, servername: socket.servername, bytes: 0 };
    up.connections.push(connection);
    up.open.add(socket);
    socket.below = below.get(socket.remotePort);
    socket.on('error', () => {});
    socket.on('close', () => up.open.delete(socket));
    socket.setNoDelay(true);
    const line = lineOf(socket);
    if (connected) await connected(line, connection.n);
    let pieces = [];
    let size = 0;
    let wait = 1;
    let busy = Promise.resolve();
    socket.on('data', (data) => {
      if (size === 0) up.begun++;
      connection.bytes += data.length;
      pieces.push(data);
      size += data.length;
      while (size >= wait) {
        const rest = pieces.length === 1 ? pieces[0] : Buffer.concat(pieces);
        const got = parse(rest);
        pieces = [rest.subarray(got.ask?.size ?? 0)];
        size = pieces[0].length;
        wait = got.wait ?? 1;
        if (got.ask) take(got.ask);
      }
    });

    function take(ask) {
      Object.assign(ask, { nth: up.asked.length, connection: connection.n });
      up.asked.push(ask);
      busy = busy
        .then(() => answer(ask, line))
        .catch((error) => {
          up.mistakes.push(error); /* in the script, not in what is tested */
          return line.reset();
        });
    }
  }

  const server = identity
    ? tls.createServer(identity, serve)
    : net.createServer(serve);
  server.on('tlsClientError', () => {});
  if (identity) {
    /* a TLS socket cannot be reset, what it stands on can */
    server.on('connection', (socket) => {
      socket.on('error', () => {});
      below.set(socket.remotePort, socket);
    });
  }
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  up.port = server.address().port;
  up.url = `${identity ? 'https' : 'http'}://127.0.0.1:${up.port}`;
  up.close = async () => {
    const gone = new Promise((done) => server.close(done));
    for (const socket of up.open) socket.destroy();
    await gone;
    if (up.mistakes.length > 0) throw up.mistakes[0];
  };
  atEnd(t, up.close);
  return up;
}

/* A port at which nobody listens. */
export async function nobody() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return { url: `http://127.0.0.1:${port}`, port };
}

/* ---- answers ---- */

const reasons = { 200: 'OK', 400: 'Bad Request', 429: 'Too Many Requests' };

const head = (status, headers) =>
  `HTTP/1.1 ${status} ${reasons[status] ?? 'X'}\r\n` +
  Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('') +
  '\r\n';

const chunk = (data) => {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data;
  const size = Buffer.from(`${bytes.length.toString(16)}\r\n`);
  return Buffer.concat([size, bytes, Buffer.from('\r\n')]);
};

/* bytes writes what it is given, each piece by itself, framing and all. */
export const bytes =
  (...pieces) =>
  async (ask, line) => {
    for (const piece of pieces) await line.write(piece);
  };

/* whole answers with a body and its length. */
export const whole = (status, body, headers = {}) => {
  const data = Buffer.isBuffer(body) ? body : Buffer.from(body);
  return async (ask, line) => {
    await line.write(
      Buffer.concat([
        Buffer.from(head(status, { 'content-length': data.length, ...headers })),
        data,
      ]),
    );
  };
};

export const json = (status, body, headers = {}) =>
  whole(status, JSON.stringify(body), { 'content-type': 'application/json', ...headers });

/* events answers with a stream: the head is a write, each event is one, and so is the end. */
export const events = (list, { framing = 'chunked', headers = {} } = {}) => {
  return async (ask, line) => {
    const frame = { chunked: { 'transfer-encoding': 'chunked' }, close: { connection: 'close' } };
    const type = { 'content-type': 'text/event-stream; charset=utf-8' };
    await line.write(head(200, { ...type, ...frame[framing], ...headers }));
    for (const event of list) await line.write(framing === 'chunked' ? chunk(event) : event);
    if (framing === 'chunked') await line.write('0\r\n\r\n');
    else await line.fin();
  };
};

/* say gives a proper answer in the dialect it was asked in, whole or streamed. */
export const say =
  (content, more = {}) =>
  (ask) => {
    const [reply, stream] =
      ask.dialect === 'anthropic' ? [anthropicReply, anthropicEvents] : [openaiReply, openaiEvents];
    const include = ask.body?.stream_options?.include_usage === true;
    if (ask.body?.stream) return events(stream(content, { includeUsage: include, ...more }), more);
    return json(200, reply(content, more), more.headers);
  };

/* speak is `say` in any of the six dialects. */
export const speak =
  (content, more = {}) =>
  (ask) => {
    const wire = wireOf(ask);
    if (!isStreamed(ask)) return json(200, wire.reply(content, more), more.headers);
    const include = ask.body?.stream_options?.include_usage === true;
    const list = wire.events(content, { includeUsage: include, ...more });
    return events(list, { ...more, headers: { 'content-type': wire.type, ...more.headers } });
  };

/* decline refuses in any of the six. */
export const decline =
  (status, message = `the provider says ${status}`, more = {}) =>
  (ask) => {
    const wire = wireOf(ask);
    const headers = { ...wire.faultHeaders?.(status), ...more.headers };
    return json(status, wire.fault(status, message), headers);
  };

/* breakOff streams `content` for `writes` events and then says that it failed, or, where a dialect
 * has no words for it, is cut. */
export const breakOff =
  (writes, content, message = 'the provider broke') =>
  (ask) => {
    const wire = wireOf(ask);
    const list = wire.events(content, { includeUsage: false }).slice(0, writes);
    const headers = { 'content-type': wire.type };
    if (wire.broken) return events([...list, wire.broken(message)], { headers });
    return cut(1 + writes, 'close', events(wire.events(content), { headers }));
  };

export const count = (n) => json(200, { input_tokens: n });

const types = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  422: 'invalid_request_error',
  429: 'rate_limit_error',
  529: 'overloaded_error',
};

export const faultBody = (dialect, status, message, more = {}) =>
  dialect === 'anthropic'
    ? {
        type: 'error',
        error: { type: more.type ?? types[status] ?? 'api_error', message },
        request_id: 'req_up1',
      }
    : {
        error: {
          message,
          type: more.type ?? types[status] ?? 'server_error',
          param: null,
          code: more.code ?? null,
        },
      };

/* refuse answers with an error in the dialect it was asked in. */
export const refuse =
  (status, message = `the provider says ${status}`, more = {}) =>
  (ask) =>
    json(status, faultBody(ask.dialect, status, message, more), more.headers);

/* ---- answers made worse ---- */

/* cut lets `writes` writes through, then ends: 'close', 'reset' or 'stall'. */
export const cut = (writes, how, answer) => async (ask, line) => {
  let left = writes;
  const ends = { close: line.fin, reset: line.reset, stall: line.stall };
  const worse = {
    ...line,
    write: async (data) => {
      if (left-- > 0) return line.write(data);
      if (left < -1) return line.closed;
      /* what was written has to get there: a reset throws away what is under way */
      if (how === 'reset') await line.wait(30);
      return ends[how]();
    },
  };
  await play(answer, ask, worse);
};

/* slowly writes `size` bytes at a time, and waits `ms` behind each. */
export const slowly =
  (size, answer, ms = 0) =>
  async (ask, line) => {
    const worse = {
      ...line,
      write: async (data) => {
        const all = Buffer.from(data);
        for (let at = 0; at < all.length; at += size) {
          await line.write(all.subarray(at, at + size));
          await (ms ? line.wait(ms) : new Promise((done) => setImmediate(done)));
        }
      },
    };
    await play(answer, ask, worse);
  };

/* late waits before it answers. */
export const late = (ms, answer) => async (ask, line) => {
  await line.wait(ms);
  await play(answer, ask, line);
};

/* paced waits before each write. */
export const paced = (ms, answer) => async (ask, line) => {
  const worse = {
    ...line,
    write: async (data) => {
      await line.wait(ms);
      return line.write(data);
    },
  };
  await play(answer, ask, worse);
};

/* andThen does something more when the answer is out, such as closing a connection that was kept. */
export const andThen = (answer, more) => async (ask, line) => {
  await play(answer, ask, line);
  await more(line, ask);
};

export const stall = async (ask, line) => line.stall();
export const close = async (ask, line) => line.fin();
export const reset = async (ask, line) => line.reset();

/* play gives the answer. */
export async function play(answer, ask, line) {
  for (let i = 0; typeof answer === 'function' && i < 4; i++) answer = await answer(ask, line);
}
