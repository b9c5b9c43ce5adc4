/* certs.mjs: certificates for a test, made by openssl.
 * SPDX-License-Identifier: Apache-2.0 */

import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { atEnd } from './cleanup.mjs';

const openssl = (...args) => promisify(execFile)('openssl', args);
const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/* authority makes one; `file` is its certificate, `issue` gives what a TLS server needs. */
export async function authority(t, name = 'Test CA') {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'freehold-ca-'));
  atEnd(t, () => rm(dir, { recursive: true, force: true }));
  const at = (file) => path.join(dir, file);
  const self = (cn, ...more) =>
    openssl('req', '-x509', ...curve, '-keyout', at('ca.key'), '-out', at('ca.pem'),
      '-subj', `/CN=${cn}`, '-days', '30', ...more);
  await self(name, '-addext', 'keyUsage=critical,keyCertSign');
  let n = 0;

  /* issue signs a certificate for names such as 'DNS:a.test' or 'IP:127.0.0.1'. */
  async function issue(names, { days = 30 } = {}) {
    const [key, csr, pem, ext] = ['key', 'csr', 'pem', 'ext'].map((kind) => at(`${++n}.${kind}`));
    await openssl('req', '-new', ...curve, '-keyout', key, '-out', csr, '-subj', '/CN=ignored');
    await writeFile(ext, `subjectAltName=${names}\nextendedKeyUsage=serverAuth\n`);
    await openssl('x509', '-req', '-in', csr, '-CA', at('ca.pem'), '-CAkey', at('ca.key'),
      '-CAcreateserial', '-out', pem, '-days', String(days), '-extfile', ext);
    return { key: await readFile(key), cert: await readFile(pem) };
  }
  return { file: at('ca.pem'), issue };
}

/* selfSigned gives a certificate that nobody vouches for. */
export async function selfSigned(t, names) {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'freehold-ca-'));
  atEnd(t, () => rm(dir, { recursive: true, force: true }));
  const [key, cert] = [path.join(dir, 'key'), path.join(dir, 'pem')];
  await openssl('req', '-x509', ...curve, '-keyout', key, '-out', cert, '-subj', '/CN=self',
    '-days', '30', '-addext', `subjectAltName=${names}`);
  return { key: await readFile(key), cert: await readFile(cert), file: cert };
}
