import type { Clock, Ms } from '#core/time.ts';
import { type Bundle, openBundle, type Trust } from './bundle.ts';
import { createLane, type Job, type Lane } from './lane.ts';
import { BundleError, parseObject } from './manifest.ts';
import { checkModule } from './module.ts';
import type { BundleId } from './port.ts';
import type { Judgement } from './result.ts';
import { type Probe, parseSelfTest, probesOf } from './selftest.ts';

/** A bundle that was verified and tested, with the workers that judge by it. */
export interface Activation {
  readonly id: BundleId;
  /** For most inputs: many cross at once. */
  readonly fast: Lane;
  /** For large inputs, and what a slow or crashed batch left: one at a time, tenants in turn. */
  readonly slow: Lane;
  /** Finishes what is under way, then stops the workers. */
  drain(): Promise<void>;
  close(): Promise<void>;
}

export interface LaneSettings {
  readonly clock: Clock;
  readonly timeouts: { readonly batch: Ms; readonly single: Ms };
  readonly onRestart: (why: 'timeout' | 'crash') => void;
  readonly untracked: ((resource: string) => readonly string[]) | undefined;
  /** False where nothing will be judged afterwards: only the test itself is of interest. */
  readonly warmUp?: boolean;
}

const BATCH = 64;
const BATCH_BYTES = 1024 * 1024;

/** Loads what lies in the directory; undefined when that is in force already. Throws a BundleError, and nothing changed. */
export async function activate(
  directory: string,
  trust: Trust,
  settings: LaneSettings,
  inForce: BundleId | undefined,
): Promise<Activation | undefined> {
  const bundle = await openBundle(directory, trust);
  if (bundle.id.digest === inForce?.digest) return undefined;
  // A version names one bundle: what was said of it in an audit must not come to mean another.
  if (bundle.id.version === inForce?.version)
    throw new BundleError('version', `another bundle of version ${bundle.id.version} is in force`, bundle.id);
  const activation = await startLanes(bundle, settings);
  try {
    await activation.fast.ready();
    await selfTest(activation, bundle, settings);
    return activation;
  } catch (error) {
    await activation.close();
    if (error instanceof BundleError) throw error;
    throw new BundleError('self-test', error instanceof Error ? error.message : 'testing the bundle', bundle.id);
  }
}

async function startLanes({ id, files }: Bundle, { clock, timeouts, onRestart }: LaneSettings): Promise<Activation> {
  let module: WebAssembly.Module;
  try {
    module = await WebAssembly.compile(files['policy.wasm']);
    checkModule(module);
  } catch (error) {
    // Of a compiler's error only our own text is carried on.
    const ours =
      error instanceof Error && error.message.startsWith('loading the policy')
        ? error.message
        : 'policy.wasm does not compile';
    throw new BundleError('engine', ours, id);
  }
  const setup = { module, data: new Uint8Array(files['data.json']).buffer };
  const slow = createLane({
    setup,
    clock,
    batch: 1,
    batchBytes: 1,
    timeout: timeouts.single,
    onLost(jobs, why) {
      onRestart(why);
      const code = why === 'timeout' ? 'POLICY_TIMEOUT' : 'POLICY_CRASHED';
      for (const job of jobs) job.settle({ kind: 'error', code, micros: 0 });
    },
  });
  const fast = createLane({
    setup,
    clock,
    batch: BATCH,
    batchBytes: BATCH_BYTES,
    timeout: timeouts.batch,
    onLost(jobs, why) {
      onRestart(why);
      // One of them is to blame; alone, it harms no other.
      for (const job of jobs) slow.push(job);
    },
  });
  return {
    id,
    fast,
    slow,
    async drain() {
      await fast.drain();
      await slow.drain();
    },
    async close() {
      await Promise.all([fast.close(), slow.close()]);
    },
  };
}

/** Evaluations: enough for the engine to compile what writes will need, few enough for a start of a second. */
const WARM_UP = 2000;

async function selfTest(
  { fast, id }: Activation,
  { files }: Bundle,
  { untracked, warmUp = true }: LaneSettings,
): Promise<void> {
  const cases = parseSelfTest(parseObject(files['selftest.json'], 'selftest.json'));
  const probes = probesOf(cases, (input) => untrackedOf(input, untracked));
  // The first wrong one ends it: a bundle that hangs would take its time for each of them.
  await Promise.all(
    probes.map(async (probe) => {
      const wrong = probe.check(await judge(fast, probe));
      if (wrong !== undefined) throw new BundleError('self-test', `${probe.name}: ${wrong}`, id);
    }),
  );
  // The engine compiles what it sees often: it sees it here, and the first writes of a reign find it warm.
  const own = probes.slice(0, cases.length);
  for (let done = probes.length; warmUp && done < WARM_UP; done += own.length)
    await Promise.all(own.map((probe) => judge(fast, probe)));
}

function judge(lane: Lane, { input }: Probe): Promise<Judgement> {
  const text = new TextEncoder().encode(JSON.stringify(input));
  return new Promise((resolve) => {
    lane.push({ text, tenant: '', settle: resolve } satisfies Job);
  });
}

/** What the input itself says is dropped, and what this process's cache drops of that resource. */
function untrackedOf(input: unknown, untracked: LaneSettings['untracked']): readonly string[] {
  const { write, untracked: own } = input as { write?: { group?: unknown; resource?: unknown }; untracked?: unknown };
  const resource = `${write?.group === '' ? 'core' : String(write?.group)}/${String(write?.resource)}`;
  const said = Array.isArray(own) ? own.filter((pointer) => typeof pointer === 'string') : [];
  return [...new Set([...said, ...(untracked?.(resource) ?? [])])];
}
