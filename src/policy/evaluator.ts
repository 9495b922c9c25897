import type { Clock, Ms } from '#core/time.ts';
import type { NoteDraft } from '#ledger/port.ts';
import type { Log, Meter } from '#telemetry/port.ts';
import { type Activation, activate } from './activate.ts';
import { type PublicJwk, verifyingKeys } from './keys.ts';
import type { Job } from './lane.ts';
import { BundleError, isRecord } from './manifest.ts';
import type { BundleId, Decision, Evaluator, PolicyInput } from './port.ts';
import type { Judgement } from './result.ts';
import { watchBundle } from './watch.ts';

export type BundleNote = Extract<NoteDraft, { note: 'bundle' }>;

export interface EvaluatorOptions {
  /** Holds policy.wasm, data.json, selftest.json, manifest.json and signatures.json; it is watched. */
  readonly bundleDir: string;
  /** Public JWKs with `kid`. A bundle that none of them signed is never used. */
  readonly keys: readonly PublicJwk[];
  /** How many different keys must have signed. Default 1. */
  readonly quorum?: number;
  /** The highest version that the ledger has seen: a lower one is refused (I16). */
  readonly minVersion: number;
  readonly meter: Meter;
  readonly log: Log;
  readonly clock: Clock;
  /** Records each activation before it holds, and each refusal. Where it throws or says not ok, nothing is activated. */
  readonly onBundle: (note: BundleNote) => Promise<unknown>;
  /** What the cache drops of a resource (`core/pods`), as JSON Pointers: the self-test proves that no rule reads it. */
  readonly untracked?: (resource: string) => readonly string[];
  /** How long a batch, and a single input in the slow lane, may take. */
  readonly timeouts?: { readonly batch: Ms; readonly single: Ms };
}

export interface ReloadingEvaluator extends Evaluator {
  /** Looks at the bundle's directory again. Resolves when the bundle there is in force, or was refused (and reported). */
  reload(): Promise<void>;
}

/** Above this an input takes the slow lane; above the other it is refused. */
const FAST_BYTES = 256 * 1024;
/** As large as the API server takes an object, as it was and as it will be. */
const SLOW_BYTES = 3 * 1024 * 1024;
/** How long a tenant whose input was too slow stays in the slow lane, and how many are remembered. */
const SUSPICION: Ms = 60_000;
const MAX_SUSPECTS = 1024;
/**
 * Of an input that took this share of what a batch may take the tenant is slow: a few of those in one batch are too long
 * for it, and nobody of them for a lane of their own.
 */
const SLOW_SHARE = 1 / 8;
/** Refusals that a machine with more time, files or room would not make: a new bundle is tried again so many times. */
const PASSING: ReadonlySet<string> = new Set(['self-test', 'missing', 'ledger']);
const TRIES = 6;
/** While no bundle is in force, the one that was refused is tried again for ever: each time after twice as long. */
const FIRST_RETRY: Ms = 4_000;
const LARGEST_RETRY: Ms = 5 * 60_000;
const TIMEOUTS = { batch: 250, single: 500 };
const UNKNOWN: BundleId = { version: 0, digest: '0'.repeat(64) };

/** Throws only on a wrong configuration of keys. A bundle that cannot be used is reported, and every decision is an error. */
export async function createEvaluator(options: EvaluatorOptions): Promise<ReloadingEvaluator> {
  const { bundleDir, clock, meter, log } = options;
  const keys = verifyingKeys(options.keys);
  const quorum = options.quorum ?? 1;
  const timeouts = options.timeouts ?? TIMEOUTS;
  const suspects = createSuspects(clock, timeouts.batch * SLOW_SHARE);
  const listeners = new Set<(bundle: BundleId) => void>();
  let current: Activation | undefined;
  let highest = options.minVersion;
  let closed = false;
  let reloads: Promise<void> = Promise.resolve();
  let refusals = 0;
  /** The last refusal that was recorded, so that a try that ends as the one before is not recorded again. */
  let said = '';
  let cancelRetry = (): void => {};

  async function replace(): Promise<void> {
    if (closed) return;
    const trust = { keys, quorum, minVersion: highest, now: clock.now().wall };
    const lanes = { clock, timeouts, onRestart: restarted, untracked: options.untracked };
    const next = await activate(bundleDir, trust, lanes, current?.id);
    if (next === undefined) return;
    if (!(await recorded({ note: 'bundle', bundle: next.id, activated: true }))) {
      await next.close();
      throw new BundleError('ledger', 'recording the activation failed', next.id);
    }
    const last = current;
    renewTries();
    current = next;
    highest = next.id.version;
    if (last !== undefined) meter.set('policy_bundle_info', labels(last.id), 0);
    meter.set('policy_bundle_info', labels(next.id), 1);
    log.info('policy bundle activated', { ...labels(next.id) });
    for (const listener of listeners) listener(next.id);
    await last?.drain();
  }

  function restarted(why: 'timeout' | 'crash'): void {
    meter.count('policy_evaluator_restarts_total', { why });
    log.warn('policy evaluator replaced', { why });
  }

  /** The last good bundle stays in force. */
  async function refuse(error: unknown): Promise<void> {
    const fault = error instanceof BundleError ? error.fault : 'engine';
    const why = `${fault}: ${error instanceof Error ? error.message : 'loading the bundle'}`.slice(0, 512);
    const bundle = (error instanceof BundleError ? error.id : undefined) ?? UNKNOWN;
    meter.count('policy_bundle_errors_total', { why: fault });
    log.error('policy bundle refused', { why, inForce: current?.id.version });
    if (current === undefined || (PASSING.has(fault) && refusals < TRIES)) retryLater();
    const again = `${bundle.digest} ${why}`;
    if (again === said && refusals > 1) return;
    if (await recorded({ note: 'bundle', bundle, activated: false, why })) said = again;
    else log.error('recording a refused policy bundle failed', { why: fault });
  }

  function renewTries(): void {
    cancelRetry();
    refusals = 0;
    said = '';
  }

  /** A machine too busy for the self-test may have time later; files that stay as they are make nobody ask again. */
  function retryLater(): void {
    cancelRetry();
    if (closed) return;
    const delay = Math.min(FIRST_RETRY * 2 ** Math.min(refusals++, 10), LARGEST_RETRY);
    cancelRetry = clock.after(delay, () => void reload());
  }

  async function recorded(note: BundleNote): Promise<boolean> {
    try {
      const answer = await options.onBundle(note);
      return !(isRecord(answer) && answer.ok === false);
    } catch {
      return false;
    }
  }

  function reload(): Promise<void> {
    reloads = reloads.then(() => replace().catch(refuse));
    return reloads;
  }

  const unwatch = await watchBundle(bundleDir, clock, () => {
    renewTries();
    void reload();
  });
  await reload();

  return {
    reload,
    active: () => current?.id,
    onActivation(callback) {
      listeners.add(callback);
      return () => void listeners.delete(callback);
    },
    async decide(inputs, texts) {
      const activation = current;
      const decisions = await Promise.all(
        inputs.map((input, at) => decideOne(input, texts?.[at], activation, suspects)),
      );
      for (const [at, decision] of decisions.entries()) observe(meter, inputs[at], decision);
      return decisions;
    },
    async close() {
      closed = true;
      cancelRetry();
      unwatch();
      await reloads;
      await current?.close();
      current = undefined;
    },
  };
}

function decideOne(
  input: PolicyInput,
  written: string | undefined,
  activation: Activation | undefined,
  suspects: Suspects,
): Promise<Decision> {
  const error = (code: Extract<Decision, { kind: 'error' }>['code']): Promise<Decision> =>
    Promise.resolve({ kind: 'error', bundle: activation?.id, code, micros: 0 });
  if (activation === undefined) return error('POLICY_MISSING');
  const text = textOf(input, written);
  if (text === undefined) return error('POLICY_MALFORMED');
  if (text.length > SLOW_BYTES) return error('POLICY_INPUT_TOO_LARGE');
  const tenant = String(input.write?.namespace ?? '');
  const lane = text.length > FAST_BYTES || suspects.has(tenant) ? activation.slow : activation.fast;
  return new Promise((resolve) => {
    const settle: Job['settle'] = (judgement) => {
      suspects.weigh(tenant, judgement);
      resolve({ ...judgement, bundle: activation.id });
    };
    lane.push({ text, tenant, settle });
  });
}

const encoder = new TextEncoder();

/** Anything but a plain object would be taken for no input at all, or for something else. */
function textOf(input: unknown, written: string | undefined): Uint8Array | undefined {
  if (typeof input !== 'object' || input === null || Array.isArray(input) || ArrayBuffer.isView(input))
    return undefined;
  try {
    return encoder.encode(written ?? JSON.stringify(input));
  } catch {
    return undefined;
  }
}

function isTimeout(judgement: Judgement): boolean {
  return judgement.kind === 'error' && judgement.code === 'POLICY_TIMEOUT';
}

type Suspects = ReturnType<typeof createSuspects>;

/** Tenants that had an input judged too slowly: theirs wait for each other, not everybody for them (I15). */
function createSuspects(clock: Clock, slow: Ms) {
  const until = new Map<string, Ms>();
  return {
    weigh(tenant: string, judgement: Judgement): void {
      if (!isTimeout(judgement) && judgement.micros / 1000 <= slow) return;
      until.delete(tenant);
      until.set(tenant, clock.now().mono + SUSPICION);
      const oldest = until.size > MAX_SUSPECTS ? until.keys().next().value : undefined;
      if (oldest !== undefined) until.delete(oldest);
    },
    has(tenant: string): boolean {
      const end = until.get(tenant);
      if (end === undefined) return false;
      if (end > clock.now().mono) return true;
      until.delete(tenant);
      return false;
    },
  };
}

function observe(meter: Meter, input: PolicyInput | undefined, decision: Decision): void {
  if (decision.micros > 0) meter.observe('policy_decision_duration_seconds', {}, decision.micros / 1e6);
  meter.count('policy_decisions_total', { controller: input?.controller?.name ?? '', verdict: decision.kind });
}

function labels({ version, digest }: BundleId): { version: string; digest: string } {
  return { version: String(version), digest };
}
