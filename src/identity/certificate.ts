import 'reflect-metadata';
import { createHash, KeyObject, webcrypto, X509Certificate } from 'node:crypto';
import { X509Certificate as PeculiarCertificate, Pkcs10CertificateRequestGenerator } from '@peculiar/x509';
import type { Ms } from '#core/time.ts';
import { generationIn, type Profile } from './profiles.ts';

const EC = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const provider = webcrypto as unknown as Crypto;

/** A new key and the request for its certificate. The key stays in this folder. */
export interface Pending {
  readonly key: KeyObject;
  readonly csr: string;
}

export async function newRequest(): Promise<Pending> {
  const keys = await webcrypto.subtle.generateKey(EC, true, ['sign', 'verify']);
  const csr = await Pkcs10CertificateRequestGenerator.create(
    // The keeper ignores the subject: it takes the profile's.
    {
      name: 'CN=requested',
      keys: keys as webcrypto.CryptoKeyPair,
      signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    },
    provider,
  );
  return { key: KeyObject.from(keys.privateKey), csr: csr.toString('pem') };
}

export interface Leaf {
  readonly pem: string;
  readonly serial: string;
  readonly spki: string;
  readonly notAfter: Ms;
  /** Undefined in mode `upstream`, where rights hang on the user. */
  readonly generation: number | undefined;
}

/** Checks an issued certificate before anything connects with it; throws with what is not as it was asked for. */
export function acceptLeaf(pem: string, pending: Pending, profile: Profile, caPem: string, now: Ms): Leaf {
  const leaf = new X509Certificate(pem);
  const refuse = (what: string): never => {
    throw new Error(`checking the certificate of ${profile.name}: ${what}`);
  };
  const ca = new X509Certificate(caPem);
  if (!leaf.checkIssued(ca) || !leaf.verify(ca.publicKey)) refuse("it is not signed by the keeper's CA");
  if (!leaf.checkPrivateKey(pending.key)) refuse('it is for another key');
  if (leaf.ca || !(leaf.keyUsage ?? []).includes(CLIENT_AUTH)) refuse('it is not for client authentication');
  const notAfter = Date.parse(leaf.validTo);
  if (Date.parse(leaf.validFrom) > now) refuse("it is not valid yet; compare this machine's clock with the keeper's");
  if (notAfter <= now) refuse("it has ended already; compare this machine's clock with the keeper's");
  const generation = acceptSubject(pem, profile, refuse);
  const der = leaf.publicKey.export({ type: 'spki', format: 'der' });
  const spki = createHash('sha256').update(der).digest('hex');
  return { pem, serial: leaf.serialNumber.toLowerCase(), spki, notAfter, generation };
}

function acceptSubject(pem: string, profile: Profile, refuse: (what: string) => never): number | undefined {
  const subject = new PeculiarCertificate(pem).subjectName;
  const users = subject.getField('CN');
  if (users.length !== 1 || users[0] !== profile.user) refuse(`it is not for the user ${profile.user}`);
  const groups = subject.getField('O');
  const others = groups.filter((group) => !profile.groups.includes(group));
  if (groups.length - others.length !== profile.groups.length) refuse('its groups are not the declared ones');
  if (!profile.generational) return others.length === 0 ? undefined : refuse('its groups are not the declared ones');
  const generation = others.length === 1 ? generationIn(others[0] ?? '', profile.name) : undefined;
  return generation ?? refuse('it carries no generation of this identity');
}
