/* raw.mjs: a client that writes what it likes.
 * SPDX-License-Identifier: Apache-2.0 */

import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/* answersIn takes apart what came back; `rest` is what is no whole answer. */
export function answersIn(text) {
  const answers = [];
  for (;;) {
    const end = text.indexOf('\r\n\r\n');
    if (end < 0) break;
    const [first, ...lines] = text.slice(0, end).split('\r\n');
    const headers = Object.fromEntries(
      lines.map((line) => [
        line.slice(0, line.indexOf(':')).toLowerCase(),
        line.slice(line.indexOf(':') + 1).trim(),
      ]),
    );
    const status = Number(first.split(' ')[1]);
    const none = status < 200 || status === 204;
    const length = none ? 0 : Number(headers['content-length'] ?? text.length);
    const body = text.slice(end + 4, end + 4 + length);
    let json;
    try {
      json = JSON.parse(body);
    } catch {
      json = undefined;
    }
    answers.push({ status, headers, body, json });
    text = text.slice(end + 4 + length);
  }
  return { answers, rest: text };
}

/* raw writes the pieces (text, bytes, or milliseconds to wait) and reads until the gateway closes,
 * until `want` answers are there, or `patience` ms have passed without a byte. */
export async function raw(gw, pieces, { want = 1, patience = 3000 } = {}) {
  const socket = net.connect(gw.port, '127.0.0.1');
  let text = '';
  let last = performance.now();
  let over = false;
  socket.on('error', () => {});
  socket.on('data', (data) => {
    text += data.toString('latin1');
    last = performance.now();
  });
  socket.on('close', () => (over = true));
  await Promise.race([once(socket, 'connect'), once(socket, 'error')]);
  for (const piece of pieces) {
    if (over) break;
    if (typeof piece === 'number') await sleep(piece);
    else await new Promise((done) => socket.write(piece, () => done()));
    last = performance.now();
  }
  while (!over && performance.now() - last < patience && answersIn(text).answers.length < want) {
    await sleep(10);
  }
  const got = { ...answersIn(Buffer.from(text, 'latin1').toString()), closed: over };
  socket.destroy();
  return got;
}

/* request puts a whole one together. */
export function request(gw, path, { method = 'POST', headers = {}, body = '' } = {}) {
  const all = {
    host: `127.0.0.1:${gw.port}`,
    'x-api-key': gw.key,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    ...headers,
  };
  const lines = Object.entries(all)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([
    Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`),
    Buffer.from(body),
  ]);
}
