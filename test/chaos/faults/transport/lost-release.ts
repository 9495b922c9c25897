/** A person lets go what the breaker holds, and the word is lost: on its way back, or on its way into the cluster. */

import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { ready, scale } from '#kit/manager.ts';
import { until } from '#kit/wait.ts';
import type { RunningManager } from '#local/manager.ts';
import type { RequestSeen } from '../../between/port.ts';
import type { Arena, Measured } from '../../fault.ts';
import { readBooks, release, type SeenHold } from '../holds.ts';
import { running } from '../parts/replicas.ts';
import { openWitness } from '../witness.ts';

/** Above what one cause may take without asking, and all but one of them. */
const PODS = 44;

const keepsBooks = ({ method, url }: RequestSeen): boolean => method !== 'GET' && url.includes('/comptroller-breaker');

/** Says it, and does not wait for the answer: the connection ends once the words are out. */
function sayAndLeave({ cluster }: Arena, { port }: RunningManager, id: string): Promise<void> {
  const [cert, key] = [cluster.adminKeys.certFile, cluster.adminKeys.keyFile].map((file) => readFileSync(file));
  const body = JSON.stringify({ id, reason: 'the fault harness will not hear the answer' });
  const headers = { 'content-type': 'application/json' };
  const path = '/breaker/release';
  return new Promise((resolve) => {
    const options = { host: '127.0.0.1', port, path, method: 'POST', headers, cert, key, agent: false } as const;
    const sent = request({ ...options, rejectUnauthorized: false });
    sent.on('error', () => resolve());
    sent.on('close', () => resolve());
    sent.end(body, () => setImmediate(() => sent.destroy()));
  });
}

async function openHold(arena: Arena): Promise<SeenHold | undefined> {
  const books = await readBooks(arena, await arena.fleet.leader()).catch(() => undefined);
  return books?.holds.find(({ state, scope }) => state === 'open' && scope !== 'cluster');
}

/** Until the ReplicaSet has one pod: says it again as often as somebody leads who does not know of it. */
async function insist(arena: Arena, namespace: string, name: string): Promise<number> {
  let said = 0;
  const done = async (): Promise<boolean> => {
    const set = await arena.admin.get('apps/replicasets', { namespace, name });
    if (set?.status?.replicas === 1) return true;
    const hold = await openHold(arena);
    if (hold === undefined) return false;
    const status = await release(arena, await arena.fleet.leader(), hold.id).catch(() => 0);
    if (status === 200) said++;
    return false;
  };
  await until(done, { timeout: 60_000, every: 500, why: 'the release to have its effect' });
  return said;
}

/**
 * The answer at the door is lost; so is the answer of the API server to what the replica keeps of it; then the replica is
 * killed. Whoever leads next knows of the release or holds again: never does it let go more than once.
 */
export async function loseRelease(arena: Arena): Promise<Measured> {
  const { admin, between, fleet } = arena;
  const witness = await openWitness(arena);
  const wished = await witness.wish(PODS);
  await wished.met(60_000);
  const at = { namespace: witness.namespace, name: 'wish-1' };
  await scale(admin, at, 1);
  const hold = await until(() => openHold(arena), { timeout: 30_000, every: 200, why: 'the breaker to hold it' });
  const leader = await fleet.leader();
  let lost = 0;
  between.meddle((request) => {
    if (!keepsBooks(request) || lost > 0) return undefined;
    lost++;
    return arena.draw.chance(0.5) ? { kind: 'lose-answer' } : { kind: 'swallow' };
  });
  try {
    // Who leaves so early may not have been heard either, and says it again.
    const kept = async (): Promise<boolean> => {
      if (lost === 0) await sayAndLeave(arena, running(leader), hold.id);
      return lost > 0;
    };
    await until(kept, { timeout: 30_000, every: 2000, why: 'the release to be kept in the cluster' });
    await fleet.kill(leader);
  } finally {
    between.pass();
  }
  await fleet.leader();
  const again = await insist(arena, at.namespace, at.name);
  await ready(admin, at, 1, 60_000);
  const fewest = witness.fewest('wish-1');
  if (fewest < 1) throw new Error(`the release let go more than was held: only ${fewest} pods were left`);
  await admin.delete('core/namespaces', { name: witness.namespace });
  await witness.stop();
  return { 'said again': again };
}
