import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { projectionOf } from '#cache/projections.ts';
import type { Config } from '#config/config.ts';
import type { Resource } from '#core/resource.ts';
import type { Clock } from '#core/time.ts';
import { lockIn } from '#ledger/lock.ts';
import { type Look, lookAtNewest } from '#ledger/look.ts';
import { parseVerifierKey, type VerifierKey } from '#ledger/note.ts';
import { keysBeside } from '#ledger/verify.ts';
import { activate } from '#policy/activate.ts';
import { readPublicKey, verifyingKeys } from '#policy/keys.ts';
import { BundleError } from '#policy/manifest.ts';
import type { BundleFact, KeeperFact, Known, LedgerFact } from '../port.ts';

/** Loads the bundle as `run` would, self-test included, in workers that end right after. */
export async function bundleFact({ policy }: Config, highest: Known<number>, clock: Clock): Promise<BundleFact> {
  if (policy.bundle === undefined) throw new Error('no --policy-bundle is given');
  const keys = verifyingKeys(policy.keys.map(readPublicKey));
  const trust = { keys, quorum: 1, minVersion: 0, now: clock.now().wall };
  const settings = {
    clock,
    // A machine under load is no fault of the bundle: more patience than `run` has.
    timeouts: { batch: 5_000, single: 5_000 },
    warmUp: false,
    onRestart: () => undefined,
    untracked: (resource: string) => projectionOf(resource as Resource).untracked,
  };
  try {
    const activation = await activate(policy.bundle, trust, settings, undefined);
    if (activation === undefined) throw new Error('the bundle was not loaded');
    await activation.close();
    return { loaded: { ok: true, ...activation.id }, highest };
  } catch (error) {
    if (!(error instanceof BundleError)) throw error;
    const { fault, message, id } = error;
    return { loaded: { ok: false, fault, why: message, ...(id && { version: id.version }) }, highest };
  }
}

/** The newest log, by the running keeper's key where one answers. */
export async function lookFact(ledgerDir: string, keeper: Known<KeeperFact>): Promise<Look | undefined> {
  const keys: readonly VerifierKey[] = keeper.ok
    ? [parseVerifierKey(keeper.value.checkpointKey)]
    : await keysBeside(ledgerDir);
  return lookAtNewest(ledgerDir, keys);
}

export async function ledgerFact(
  ledgerDir: string,
  look: Look | undefined,
  keeper: Known<KeeperFact>,
  clock: Clock,
): Promise<LedgerFact> {
  const log = look && {
    id: look.id,
    size: look.size,
    ...(look.wrong !== undefined && { wrong: look.wrong }),
    trust: keeper.ok ? ('keeper' as const) : ('beside' as const),
  };
  return { ...(log && { log }), freeBytes: await freeAt(ledgerDir), lock: await lockIn(ledgerDir, clock) };
}

/** Of the directory, or of what it will be made in. */
async function freeAt(path: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(path) === path) throw error;
    return freeAt(dirname(path));
  }
}
