import { X509Certificate } from 'node:crypto';
import type { ReadAnswer, Reader } from '#api/port.ts';
import type { Clock, Ms } from '#core/time.ts';
import type { Log } from '#telemetry/port.ts';

/** Whose client certificates are believed, and whose headers. */
export interface Trust {
  readonly clientCas: readonly X509Certificate[];
  readonly proxyCas: readonly X509Certificate[];
  /** Common names of front proxies; empty for any that the CA signed. */
  readonly proxyNames: readonly string[];
  readonly userHeaders: readonly string[];
  readonly uidHeaders: readonly string[];
  readonly groupHeaders: readonly string[];
  readonly extraPrefixes: readonly string[];
}

export const NO_TRUST: Trust = {
  clientCas: [],
  proxyCas: [],
  proxyNames: [],
  userHeaders: [],
  uidHeaders: [],
  groupHeaders: [],
  extraPrefixes: [],
};

export interface TrustParts {
  readonly reader: Pick<Reader, 'get'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Override the CAs that the cluster publishes. */
  readonly clientCaFile?: string;
  readonly requestheaderClientCaFile?: string;
  readonly readFile: (path: string) => string;
  readonly onChange: (trust: Trust) => void;
}

const PATH = '/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication';
const EVERY: Ms = 60_000;
const AFTER_FAILURE: Ms = 5000;

/** Keeps up with what the cluster publishes. Until the first success nobody is trusted; after a failure the last good holds. */
export function followTrust(parts: TrustParts, signal: AbortSignal): void {
  let last = '';
  const look = async (): Promise<void> => {
    if (signal.aborted) return;
    const found = await read(parts);
    const key = JSON.stringify(found);
    if (found !== undefined && key !== last) {
      const trust = trustOf(found);
      if (trust === undefined) parts.log.error('reading client CAs: one is no certificate');
      else parts.onChange(trust);
      last = key;
    }
    const stop = parts.clock.after(found === undefined ? AFTER_FAILURE : EVERY, () => void look());
    signal.addEventListener('abort', stop, { once: true });
  };
  void look();
}

type Published = Readonly<Record<string, string>>;

async function read(parts: TrustParts): Promise<Published | undefined> {
  const { reader, log, readFile, clientCaFile, requestheaderClientCaFile } = parts;
  const answer = await reader
    .get('authn', PATH, { timeout: 5000 })
    .catch((): ReadAnswer => ({ status: 0, body: null }));
  const data = (answer.body as { data?: unknown } | null)?.data;
  const published = new Map<string, string>();
  if (answer.status === 200 && typeof data === 'object' && data !== null) {
    for (const [key, value] of Object.entries(data)) if (typeof value === 'string') published.set(key, value);
  } else {
    log.warn('reading extension-apiserver-authentication: not answered', { status: answer.status });
    if (clientCaFile === undefined) return undefined;
  }
  try {
    if (clientCaFile !== undefined) published.set('client-ca-file', readFile(clientCaFile));
    // Which proxies and headers are believed is known from the cluster only: without it, none.
    if (requestheaderClientCaFile !== undefined && published.has('requestheader-allowed-names'))
      published.set('requestheader-client-ca-file', readFile(requestheaderClientCaFile));
  } catch {
    log.error('reading client CAs: a file cannot be read');
    return undefined;
  }
  return Object.fromEntries(published);
}

function trustOf(published: Published): Trust | undefined {
  try {
    return {
      clientCas: certificatesOf(published['client-ca-file']),
      proxyCas: certificatesOf(published['requestheader-client-ca-file']),
      proxyNames: listOf(published['requestheader-allowed-names']),
      userHeaders: listOf(published['requestheader-username-headers']).map(lower),
      uidHeaders: listOf(published['requestheader-uid-headers']).map(lower),
      groupHeaders: listOf(published['requestheader-group-headers']).map(lower),
      extraPrefixes: listOf(published['requestheader-extra-headers-prefix']).map(lower),
    };
  } catch {
    return undefined;
  }
}

const lower = (text: string): string => text.toLowerCase();

function certificatesOf(pem = ''): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
  return blocks.slice(0, 100).map((block) => new X509Certificate(block));
}

function listOf(json = '[]'): string[] {
  const value: unknown = JSON.parse(json);
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
}

/** Whether one of those CAs signed it, through at most three intermediates that came with it. */
export function anchoredIn(leaf: X509Certificate, cas: readonly X509Certificate[], now: Ms): boolean {
  let current: X509Certificate | undefined = leaf;
  for (let depth = 0; depth < 4 && current !== undefined; depth++) {
    if (!isCurrent(current, now)) return false;
    const issued: X509Certificate = current;
    if (cas.some((ca) => isCurrent(ca, now) && signedBy(issued, ca))) return true;
    const issuer: X509Certificate | undefined = issued.issuerCertificate;
    current = issuer?.ca && signedBy(issued, issuer) ? issuer : undefined;
  }
  return false;
}

function signedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function isCurrent(certificate: X509Certificate, now: Ms): boolean {
  return certificate.validFromDate.getTime() <= now && now <= certificate.validToDate.getTime();
}
