import 'reflect-metadata';
import { createPrivateKey, randomBytes, webcrypto } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY = 24 * 3600 * 1000;

export interface KeyFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

export interface Subject {
  readonly commonName: string;
  readonly organizations?: readonly string[];
}

interface Authority extends KeyFiles {
  readonly certificate: x509.X509Certificate;
  readonly privateKey: CryptoKey;
}

/** Everybody that talks to the API server of a local cluster, and what the API server takes them for. */
export const USERS = {
  admin: { commonName: 'local:admin', organizations: ['system:masters'] },
  'kube-scheduler': { commonName: 'system:kube-scheduler' },
  'kube-controller-manager': { commonName: 'system:kube-controller-manager' },
  kwok: { commonName: 'local:kwok', organizations: ['local:kubelets'] },
} as const satisfies Readonly<Record<string, Subject>>;

export type ClusterUser = keyof typeof USERS;

export interface Pki {
  readonly directory: string;
  /** Signs the API server and the cluster's own clients. */
  readonly clusterCa: KeyFiles;
  /** Signs the identities of Comptroller's controllers: its key goes to the keeper and nowhere else. */
  readonly comptrollerCa: KeyFiles;
  /** Both of the above: what the API server accepts client certificates from. */
  readonly clientCaBundle: string;
  readonly frontProxyCa: KeyFiles;
  readonly frontProxyClient: KeyFiles;
  readonly etcdCa: KeyFiles;
  readonly etcdServer: KeyFiles;
  readonly etcdClient: KeyFiles;
  /** Of the API server, the scheduler and the manager alike: all on loopback. */
  readonly serving: KeyFiles;
  readonly serviceAccount: { readonly publicKeyFile: string; readonly keyFile: string };
  readonly users: Readonly<Record<ClusterUser, KeyFiles>>;
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

/** Names as data, never as text: a comma in a user's name must not become another attribute. */
function nameOf({ commonName, organizations = [] }: Subject): x509.JsonName {
  return [...organizations.map((organization) => ({ O: [organization] })), { CN: [commonName] }];
}

function serialNumber(): string {
  const bytes = randomBytes(16);
  // Positive, and of full length without leading zeros.
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString('hex');
}

/** From a day ago, for clients whose clocks are wrong on purpose, to a year from now: a local cluster does not live longer. */
function validity(): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(Date.now() - DAY), notAfter: new Date(Date.now() + 365 * DAY) };
}

async function writeKey(file: string, key: CryptoKey): Promise<void> {
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', key);
  writeFileSync(file, x509.PemConverter.encode(pkcs8, 'PRIVATE KEY'), { mode: 0o600 });
}

async function newAuthority(directory: string, name: string): Promise<Authority> {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: nameOf({ commonName: name }),
    ...validity(),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const files = { certFile: join(directory, `${name}.crt`), keyFile: join(directory, `${name}.key`) };
  await writeKey(files.keyFile, keys.privateKey);
  writeFileSync(files.certFile, `${certificate.toString('pem')}\n`, { mode: 0o644 });
  return { ...files, certificate, privateKey: keys.privateKey };
}

type Purpose = 'client' | 'server' | 'both';

const USAGES: Readonly<Record<Purpose, x509.ExtendedKeyUsage[]>> = {
  client: [x509.ExtendedKeyUsage.clientAuth],
  server: [x509.ExtendedKeyUsage.serverAuth],
  both: [x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth],
};

/** Every server of a local cluster listens on loopback; the service names are for what verifies by them. */
const SERVER_NAMES: x509.JsonGeneralNames = [
  { type: 'dns', value: 'localhost' },
  { type: 'dns', value: 'kubernetes' },
  { type: 'dns', value: 'kubernetes.default' },
  { type: 'dns', value: 'kubernetes.default.svc' },
  { type: 'dns', value: 'kubernetes.default.svc.cluster.local' },
  { type: 'ip', value: '127.0.0.1' },
  { type: 'ip', value: '10.96.0.1' },
];

async function newLeaf(
  authority: Authority,
  { directory, file, subject, purpose }: { directory: string; file: string; subject: Subject; purpose: Purpose },
): Promise<KeyFiles> {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: nameOf(subject),
    issuer: authority.certificate.subjectName.toJSON(),
    ...validity(),
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey: authority.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(USAGES[purpose]),
      await x509.AuthorityKeyIdentifierExtension.create(authority.certificate),
      ...(purpose === 'client' ? [] : [new x509.SubjectAlternativeNameExtension(SERVER_NAMES)]),
    ],
  });
  const files = { certFile: join(directory, `${file}.crt`), keyFile: join(directory, `${file}.key`) };
  await writeKey(files.keyFile, keys.privateKey);
  writeFileSync(files.certFile, `${certificate.toString('pem')}\n`, { mode: 0o644 });
  return files;
}

async function newServiceAccountKey(directory: string): Promise<Pki['serviceAccount']> {
  const keys = await newKeys();
  const files = {
    publicKeyFile: join(directory, 'service-account.pub'),
    keyFile: join(directory, 'service-account.key'),
  };
  await writeKey(files.keyFile, keys.privateKey);
  const spki = await webcrypto.subtle.exportKey('spki', keys.publicKey);
  writeFileSync(files.publicKeyFile, x509.PemConverter.encode(spki, 'PUBLIC KEY'), { mode: 0o644 });
  return files;
}

/** Makes every key and certificate of a cluster, under `directory`. */
export async function createPki(directory: string): Promise<Pki> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  chmodSync(directory, 0o700);
  const authority = (name: string) => newAuthority(directory, name);
  const [clusterCa, comptrollerCa, frontProxyCa, etcdCa] = await Promise.all([
    authority('cluster-ca'),
    authority('comptroller-ca'),
    authority('front-proxy-ca'),
    authority('etcd-ca'),
  ]);
  const leaf = (by: Authority, file: string, subject: Subject, purpose: Purpose) =>
    newLeaf(by, { directory, file, subject, purpose });
  const user = (name: ClusterUser) => leaf(clusterCa, name, USERS[name], 'client');
  const [serving, frontProxyClient, etcdServer, etcdClient, serviceAccount, ...users] = await Promise.all([
    leaf(clusterCa, 'serving', { commonName: 'kube-apiserver' }, 'server'),
    leaf(frontProxyCa, 'front-proxy-client', { commonName: 'front-proxy-client' }, 'client'),
    leaf(etcdCa, 'etcd-server', { commonName: 'etcd' }, 'both'),
    leaf(etcdCa, 'etcd-client', { commonName: 'kube-apiserver' }, 'client'),
    newServiceAccountKey(directory),
    user('admin'),
    user('kube-scheduler'),
    user('kube-controller-manager'),
    user('kwok'),
  ]);
  const [admin, scheduler, manager, kwok] = users as [KeyFiles, KeyFiles, KeyFiles, KeyFiles];
  const clientCaBundle = join(directory, 'client-ca-bundle.crt');
  writeFileSync(clientCaBundle, [clusterCa, comptrollerCa].map((ca) => readFileSync(ca.certFile, 'utf8')).join(''), {
    mode: 0o644,
  });
  return {
    directory,
    clusterCa: filesOf(clusterCa),
    comptrollerCa: filesOf(comptrollerCa),
    clientCaBundle,
    frontProxyCa: filesOf(frontProxyCa),
    frontProxyClient,
    etcdCa: filesOf(etcdCa),
    etcdServer,
    etcdClient,
    serving,
    serviceAccount,
    users: { admin, 'kube-scheduler': scheduler, 'kube-controller-manager': manager, kwok },
  };
}

function filesOf({ certFile, keyFile }: KeyFiles): KeyFiles {
  return { certFile, keyFile };
}

/** A client certificate for any other user, signed by one of the cluster's CAs: for tests of who may do what. */
export async function issueClient(ca: KeyFiles, directory: string, file: string, subject: Subject): Promise<KeyFiles> {
  const der = createPrivateKey(readFileSync(ca.keyFile)).export({ format: 'der', type: 'pkcs8' });
  const privateKey = await webcrypto.subtle.importKey('pkcs8', new Uint8Array(der), ALGORITHM, false, ['sign']);
  const certificate = new x509.X509Certificate(readFileSync(ca.certFile, 'utf8'));
  return newLeaf({ ...ca, certificate, privateKey }, { directory, file, subject, purpose: 'client' });
}
