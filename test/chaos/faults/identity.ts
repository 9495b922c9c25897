/** Certificates that end, and authorities that one side does not know. */
import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { brief, isOurs, readAudit } from '#kit/audit.ts';
import { throwawayCa } from '#kit/throwaway-ca.ts';
import type { Arena, Fault, Measured, Replica } from '../fault.ts';
import { keeperOf } from '../keeper-of.ts';
import { endingSoon } from './parts/authorities.ts';
import { endsOf, expectEnd, hears, LOST_LEADERSHIP, REFUSED_TO_START, running, shown } from './parts/replicas.ts';

/** Of the certificates that end: at least so long, and three times what a start takes on this machine. */
const LEAST_LIFE = 8000;

/** Ends it in order and starts it with other flags. */
async function restart({ fleet }: Arena, replica: Replica, flags: readonly string[]): Promise<void> {
  fleet.hold(replica);
  if (replica.process !== undefined) await fleet.kill(replica, 'SIGTERM');
  await fleet.release(replica, flags);
}

const caFlags = ({ certFile, keyFile }: { readonly certFile: string; readonly keyFile: string }): readonly string[] => [
  `--keeper-ca-cert-file=${certFile}`,
  `--keeper-ca-key-file=${keyFile}`,
];

/** What the API server let us do in a span of time: anything but reading is too much. */
function nothingDone({ cluster }: Arena, from: number, until: number): void {
  const done = readAudit(cluster).filter((event) => {
    const at = Date.parse(event.requestReceivedTimestamp);
    return (
      isOurs(event) &&
      at > from &&
      at < until &&
      event.verb !== 'get' &&
      event.verb !== 'list' &&
      event.verb !== 'watch'
    );
  });
  assert.deepEqual(brief(done), [], 'something was written without an identity');
}

async function certificatesEnd(arena: Arena, full: boolean): Promise<Measured> {
  const { fleet, cluster, at } = arena;
  const replica = await fleet.leader();
  const short = join(at.directory, 'ending-soon.crt');
  const { certFile, keyFile } = cluster.comptrollerCa;
  const began = performance.now();
  await restart(arena, replica, []);
  await fleet.leader();
  const life = Math.max(LEAST_LIFE, 3 * (performance.now() - began));
  const end = Date.now() + life;
  await endingSoon(cluster.comptrollerCa, life, short);
  const nextEnd = endsOf(fleet);
  await restart(arena, replica, caFlags({ certFile: short, keyFile }));
  await fleet.leader();
  const keeper = keeperOf(running(replica).pid);
  // A keeper that is stopped cannot renew, one whose CA ends may not.
  if (full) process.kill(keeper, 'SIGSTOP');
  try {
    await hears(replica, 'renewing a certificate failed', life);
    expectEnd(
      await nextEnd(life + 40_000),
      LOST_LEADERSHIP,
      /the CA certificate has ended; renew it|asking the keeper: no answer/,
    );
    expectEnd(await nextEnd(), REFUSED_TO_START, /starting the keeper: .*it ended at .*; renew it/);
    nothingDone(arena, end + 1000, Date.now());
  } finally {
    copyFileSync(certFile, short);
  }
  const healed = performance.now();
  await fleet.leader();
  return { 'led again after': shown(performance.now() - healed) };
}

/** Runs on a misconfiguration for a while: it says what is wrong, does nothing, and works once it is put right. */
async function misconfigured(
  arena: Arena,
  wrong: readonly string[],
  right: readonly string[],
  says: RegExp,
): Promise<Measured> {
  const { fleet } = arena;
  const replica = await fleet.leader();
  await restart(arena, replica, wrong);
  const from = Date.now();
  try {
    await hears(replica, says);
    await pause(3000);
    nothingDone(arena, from, Date.now());
  } finally {
    await restart(arena, replica, right);
  }
  const healed = performance.now();
  await fleet.leader();
  return { 'led again after': shown(performance.now() - healed) };
}

async function keeperUnknown(arena: Arena): Promise<Measured> {
  const { cluster, at } = arena;
  const strange = await throwawayCa(at.directory, { name: `strange-${arena.draw.int(0, 1e9)}` });
  return misconfigured(
    arena,
    caFlags(strange),
    caFlags(cluster.comptrollerCa),
    /"status":401,"remedy":"the API server does not know our CA/,
  );
}

async function serverUnknown(arena: Arena): Promise<Measured> {
  const { at } = arena;
  const strange = await throwawayCa(at.directory, { name: `other-${arena.draw.int(0, 1e9)}` });
  const kubeconfig = join(at.directory, 'kubeconfig-of-another-ca');
  const text = JSON.parse(readFileSync(at.kubeconfig, 'utf8')) as { clusters: { cluster: Record<string, string> }[] };
  for (const { cluster } of text.clusters) cluster['certificate-authority'] = strange.certFile;
  writeFileSync(kubeconfig, JSON.stringify(text), { mode: 0o600 });
  const flag = (path: string): readonly string[] => [`--kubeconfig=${path}`];
  return misconfigured(
    arena,
    flag(kubeconfig),
    flag(at.kubeconfig),
    /"trouble":"untrusted","detail":"[A-Z_]+","remedy":"look at certificate-authority/,
  );
}

export const IDENTITY_FAULTS: readonly Fault[] = [
  {
    name: 'certificates-end',
    group: 'identity',
    expects: 'certificates that cannot be renewed are told of, end leadership and every write, and heal with the CA',
    needs: { shim: true },
    ends: 10,
    inflict: certificatesEnd,
  },
  {
    name: 'keeper-ca-unknown',
    group: 'identity',
    expects: 'an API server that does not know the CA of the keeper is told of; it neither ends nor writes',
    needs: { shim: true },
    inflict: keeperUnknown,
  },
  {
    name: 'server-ca-unknown',
    group: 'identity',
    expects: 'an API server by a CA that is not trusted gets no request; it is told of, and nothing ends',
    needs: { shim: true },
    inflict: serverUnknown,
  },
];
