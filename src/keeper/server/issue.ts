import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type JsonName,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import type { Ms } from '#core/time.ts';
import { generationGroup, MAX_LIFETIME, type Profile } from '#identity/profiles.ts';
import type { IssueRequest } from '../port.ts';
import { MAX_CSR } from '../wire.ts';
import type { Authority } from './authority.ts';

const BACKDATE: Ms = 5 * 60_000;
const provider = webcrypto as unknown as Crypto;

export interface Issuer {
  readonly authority: Authority;
  readonly profiles: ReadonlyMap<string, Profile>;
  /** The generation an identity's certificates carry now. */
  readonly generation: (identity: string) => number;
  readonly now: () => Ms;
}

/** Subject, groups and usages come from the compiled profile; of the request only its public key is taken. */
export async function issue(issuer: Issuer, request: IssueRequest): Promise<string> {
  const profile = issuer.profiles.get(request.profile);
  if (profile === undefined) {
    throw new Error(`issuing: the field profile names none of ${[...issuer.profiles.keys()].join(', ')}`);
  }
  const csr = await readRequest(request.csr);
  const now = issuer.now();
  const { authority } = issuer;
  const life = Math.min(request.lifetime, profile.lifetime, MAX_LIFETIME);
  const notAfter = Math.min(now + life, authority.notAfter);
  if (!(notAfter > now)) throw new Error('issuing: the CA certificate has ended; renew it and restart the keeper');
  const certificate = await X509CertificateGenerator.create(
    {
      subject: subjectOf(profile, issuer.generation(profile.name)),
      issuer: authority.certificate.subjectName,
      serialNumber: serialNumber(),
      notBefore: new Date(now - BACKDATE),
      notAfter: new Date(notAfter),
      publicKey: csr.publicKey,
      signingKey: authority.signingKey,
      signingAlgorithm: authority.signingAlgorithm,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth]),
        await authorityKeyOf(authority),
        await SubjectKeyIdentifierExtension.create(csr.publicKey, false, provider),
      ],
    },
    provider,
  );
  return `${certificate.toString('pem')}\n`;
}

/** As the CA calls its key itself, where it does: it need not be the digest that is made here otherwise. */
async function authorityKeyOf({ certificate }: Authority): Promise<AuthorityKeyIdentifierExtension> {
  const own = certificate.getExtension(SubjectKeyIdentifierExtension);
  return own === null
    ? AuthorityKeyIdentifierExtension.create(certificate, false, provider)
    : new AuthorityKeyIdentifierExtension(own.keyId);
}

/** Parses the CSR, allows EC P-256 only, and checks that the asker holds the key. */
async function readRequest(pem: string): Promise<Pkcs10CertificateRequest> {
  if (pem.length > MAX_CSR) throw new Error(`issuing: the field csr is longer than ${MAX_CSR} characters`);
  let csr: Pkcs10CertificateRequest;
  try {
    csr = new Pkcs10CertificateRequest(pem);
  } catch {
    throw new Error('issuing: the field csr must be a PEM PKCS#10 request');
  }
  const algorithm = csr.publicKey.algorithm as { name: string; namedCurve?: string };
  if (algorithm.name !== 'ECDSA' || algorithm.namedCurve !== 'P-256') {
    throw new Error('issuing: the field csr must hold an EC P-256 key; make a new key on that curve');
  }
  const valid = await csr.verify(provider).catch(() => false);
  if (!valid)
    throw new Error('issuing: the field csr is not signed by its own key; sign it with the key that it names');
  return csr;
}

function subjectOf(profile: Profile, generation: number): JsonName {
  const groups = profile.generational ? [generationGroup(profile.name, generation), ...profile.groups] : profile.groups;
  return [{ CN: [profile.user] }, ...groups.map((group) => ({ O: [group] }))];
}

/** 128 random bits. The first byte is kept in 0x40..0x7f, so that the number is positive and of full length. */
function serialNumber(): string {
  const bytes = randomBytes(17).subarray(0, 17);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString('hex');
}
