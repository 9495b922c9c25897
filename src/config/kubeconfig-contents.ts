/** What a kubeconfig's current context says. For the child of `kubeconfig.ts` alone: the library is large, and reads credentials. */
import { X509Certificate } from 'node:crypto';
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import type { Answer, ApiServer } from './kubeconfig.ts';

const MAX_FILE = 1024 * 1024;

/** Something that the owner of the file can put right. */
class Problem extends Error {}

function readBounded(path: string, what: string): string {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    throw new Problem(`${what} cannot be read; check that it exists and who may read it`);
  }
  try {
    const { size } = fstatSync(file);
    if (size > MAX_FILE) throw new Problem(`${what} is larger than 1 MiB`);
    return readFileSync(file, 'utf8');
  } finally {
    closeSync(file);
  }
}

function load(path: string): KubeConfig {
  const config = new KubeConfig();
  try {
    config.loadFromString(readBounded(path, 'the file'));
    config.makePathsAbsolute(dirname(path));
  } catch (error) {
    if (error instanceof Problem) throw error;
    // The library's message may hold a piece of the file.
    throw new Problem('the file is no kubeconfig');
  }
  return config;
}

function serverOf(text: string, field: string): string {
  const url = URL.parse(text);
  if (url === null) throw new Problem(`${field} is not an address; use https://host:port`);
  if (url.protocol !== 'https:') throw new Problem(`${field} is not https; identities are client certificates`);
  if (url.username !== '' || url.pathname !== '/' || url.search !== '' || url.hash !== '')
    throw new Problem(`${field} holds more than host and port; use https://host:port`);
  return url.origin;
}

function caOf(cluster: { caData?: string; caFile?: string }): string {
  const field = cluster.caData === undefined ? 'certificate-authority' : 'certificate-authority-data';
  if (cluster.caData === undefined && cluster.caFile === undefined)
    throw new Problem('certificate-authority-data is missing; add the CA of the API server');
  const pem =
    cluster.caData === undefined
      ? readBounded(cluster.caFile ?? '', field)
      : Buffer.from(cluster.caData, 'base64').toString('utf8');
  const certificates = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
  try {
    if (certificates.length === 0) throw new TypeError();
    // Only certificates are carried on: a bundle may hold keys beside them.
    return `${certificates.map((one) => new X509Certificate(one) && one).join('\n')}\n`;
  } catch {
    throw new Problem(`${field} holds no PEM certificate`);
  }
}

/** Never throws: what is wrong is told in words that hold nothing of the file. */
export function answerOf([path = '', master = '']: readonly string[]): Answer {
  try {
    return { ok: true, value: read(path, master) };
  } catch (error) {
    return { ok: false, problem: error instanceof Problem ? error.message : 'reading it failed' };
  }
}

function read(path: string, master: string): ApiServer {
  const config = load(path);
  const context = config.getCurrentContext();
  if (!context) throw new Problem('current-context is missing; choose one');
  const cluster = config.getCurrentCluster();
  if (!cluster) throw new Problem('the cluster of current-context is missing; add it under clusters');
  if (cluster.skipTLSVerify)
    throw new Problem('insecure-skip-tls-verify is refused; add certificate-authority-data instead');
  if (cluster.proxyUrl !== undefined) throw new Problem('proxy-url is not supported; remove it');
  const server = master === '' ? serverOf(cluster.server, 'server') : serverOf(master, '--master');
  const { tlsServerName } = cluster;
  return {
    server,
    caPem: caOf(cluster),
    ...(tlsServerName !== undefined && tlsServerName !== '' && { tlsServerName }),
  };
}
