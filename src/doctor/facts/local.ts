import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Config } from '#config/config.ts';
import { placesIn } from '#identity/places.ts';
import { readStatus } from '#identity/status.ts';
import { connectKeeper } from '#keeper/client.ts';
import type { CaFact, FileFact, KeeperFact, Known, ProcessFact } from '../port.ts';
import { known, whyOf } from './known.ts';
import { certificateOf, certificatesOf } from './server.ts';

/** The CA of the identities by its files. Of the key nothing is kept but whether it is the right one. */
export async function caFact({ keeper }: Config): Promise<CaFact> {
  const { caCertFile, caKeyFile } = keeper;
  if (caCertFile === undefined || caKeyFile === undefined) throw new Error('no --keeper-ca-cert-file is given');
  const pem = readFileSync(caCertFile, 'utf8');
  const [certificate] = certificatesOf(pem, caCertFile);
  if (certificate === undefined) throw new Error(`${caCertFile} holds no certificate`);
  const matches = await known(() => isKeyOf(pem, caKeyFile));
  return { certificate, matches };
}

function isKeyOf(pem: string, keyFile: string): boolean {
  const text = readFileSync(keyFile, 'utf8');
  try {
    return new X509Certificate(pem).checkPrivateKey(createPrivateKey(text));
  } catch {
    // Not a key at all is not the right key; OpenSSL's message could hold a piece of it.
    return false;
  }
}

export async function keeperFact(config: Config): Promise<KeeperFact> {
  const socket = config.keeper.socket ?? placesIn(config.stateDir).keeperSocket;
  const keeper = await connectKeeper(socket);
  try {
    const { ca, checkpointKey } = await keeper.about();
    return { certificate: certificateOf(ca, "the keeper's answer"), checkpointKey };
  } finally {
    keeper.close();
  }
}

export function processFact({ stateDir }: Config): ProcessFact {
  const status = readStatus(placesIn(stateDir));
  if (status === undefined) return undefined;
  const identities = status.identities.map(({ identity, notAfter, renewsAt, generation }) => ({
    identity,
    notAfter: Date.parse(notAfter),
    renewsAt: Date.parse(renewsAt),
    generation: generation ?? undefined,
  }));
  return { pid: status.pid, identities };
}

type Named = Omit<FileFact, 'stat'>;

/** Every file and directory whose modes matter. */
export function fileFacts(
  config: Config,
  configFile: string | undefined,
  adminKubeconfig: string | undefined,
): FileFact[] {
  const secret = (what: string, path: string | undefined, needed = true): Named[] =>
    path === undefined ? [] : [{ what, path, care: 'secret', needed }];
  const trusted = (what: string, path: string | undefined): Named[] =>
    path === undefined ? [] : [{ what, path, care: 'trusted', needed: true }];
  const { keeper, serving, policy, cluster, stateDir, ledgerDir } = config;
  const places = placesIn(stateDir);
  const given = [
    ...trusted('the configuration', configFile),
    ...trusted('the kubeconfig', config.kubeconfig),
    ...secret("the administrator's kubeconfig", adminKubeconfig),
    ...trusted('the CA', keeper.caCertFile),
    ...secret('the key of the CA', keeper.caKeyFile),
    ...trusted('the policy bundle', policy.bundle),
    ...policy.keys.flatMap((key) => trusted('a policy key', key)),
    ...trusted('the root CA', cluster.rootCaFile),
    ...trusted('the serving certificate', serving.certFile),
    ...secret('the key of the serving certificate', serving.keyFile),
    ...trusted('the client CA', serving.clientCaFile),
    ...trusted('the request header CA', serving.requestheaderClientCaFile),
  ];
  const own = [
    ...secret('the state directory', stateDir, false),
    ...secret("the keeper's directory", places.keeper, false),
    ...secret('the ledger', ledgerDir, false),
    ...secret("the keys of the ledger's digests", join(ledgerDir, 'keys'), false),
    ...[stateDir, places.keeper, join(ledgerDir, 'keys')]
      .flatMap(filesIn)
      .flatMap((path) => secret('the file', path, false)),
    ...inBundle(policy.bundle).flatMap((path) => trusted('the file', path)),
  ];
  const around = new Set([...given, ...own.slice(0, 1)].map(({ path }) => dirname(path)));
  const directories = [...around].flatMap((path) => trusted('the directory', path));
  return [...given, ...own, ...directories].map((file) => ({ ...file, stat: statOf(file.path) }));
}

function filesIn(directory: string): string[] {
  try {
    const entries = readdirSync(directory, { withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map(({ name }) => join(directory, name));
  } catch {
    return [];
  }
}

function inBundle(directory: string | undefined): string[] {
  return directory === undefined ? [] : filesIn(directory);
}

function statOf(path: string): Known<{ mode: number; uid: number; directory: boolean } | undefined> {
  try {
    const found = statSync(path);
    return { ok: true, value: { mode: found.mode & 0o7777, uid: found.uid, directory: found.isDirectory() } };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { ok: true, value: undefined };
    return { ok: false, why: whyOf(error) };
  }
}

/** Whose files they have to be: who owns the state is who runs Comptroller, though root may look. */
export function ownerOf(stateDir: string): number {
  const stat = statOf(stateDir);
  return (stat.ok ? stat.value?.uid : undefined) ?? process.getuid?.() ?? 0;
}
