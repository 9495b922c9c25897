import { X509Certificate } from 'node:crypto';
import type { Reader } from '#api/port.ts';
import type { Clock } from '#core/time.ts';
import type { CertificateFact, ServerFact } from '../port.ts';

/** Whose certificate or token a request shows is the reader's business: there is only one. */
export const PERSON = 'person';

export async function serverFact(reader: Reader, clock: Clock): Promise<ServerFact> {
  const before = clock.now();
  const { status, body, date } = await reader.get(PERSON, '/version');
  const took = clock.now().mono - before.mono;
  const said = (body as { gitVersion?: unknown } | undefined)?.gitVersion;
  const gitVersion = status === 200 && typeof said === 'string' ? said.slice(0, 64) : '';
  return { gitVersion, here: before.wall + took / 2, took, ...(date !== undefined && { there: date }) };
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** The certificates of a PEM text; throws where there is none, or one is malformed. */
export function certificatesOf(pem: string, what: string): CertificateFact[] {
  const found = pem.match(CERTIFICATE) ?? [];
  if (found.length === 0) throw new Error(`${what} holds no PEM certificate`);
  return found.map((one) => certificateOf(one, what));
}

export function certificateOf(pem: string, what: string): CertificateFact {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(pem);
  } catch {
    throw new Error(`${what} holds a malformed certificate`);
  }
  return {
    fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    notBefore: Date.parse(certificate.validFrom),
    notAfter: Date.parse(certificate.validTo),
    ca: certificate.ca,
  };
}

const AUTHENTICATION = '/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication';

/** What the API server itself publishes of its client CA file. */
export async function clientCaFact(reader: Reader): Promise<ReadonlySet<string>> {
  const body = await readObject(reader, AUTHENTICATION);
  const pem = (body as { data?: Record<string, unknown> } | undefined)?.data?.['client-ca-file'];
  if (typeof pem !== 'string') throw new Error('the API server publishes no client CA');
  return new Set(certificatesOf(pem, 'the client CA').map(({ fingerprint }) => fingerprint));
}

/** The object at a path, undefined for none; throws for any other answer. */
export async function readObject(reader: Reader, path: string): Promise<unknown> {
  const { status, body } = await reader.get(PERSON, path);
  if (status === 200) return body;
  if (status === 404) return undefined;
  throw new Error(refused(status));
}

function refused(status: number): string {
  if (status === 401) return 'the API server does not know who asks (401)';
  if (status === 403) return 'who asks may not read it (403)';
  return `the API server answered ${status}`;
}
