/** What the gate adds to a write: every stage as it is in `run`, and an API server that answers at once. */
import { replicaset } from '#controllers/workloads/replicaset.ts';
import { createGate } from '#gate/gate.ts';
import { type Budgets, createQuotaGuard, DEFAULT_BUDGETS } from '#gate/quota.ts';
import { namespace, replicaSet } from '#kit/build.ts';
import { gateBench, type Happening, workFor } from '#kit/gate.ts';
import { openTestLedger, realClock, temporaryDirectory, testKeeper } from '#kit/ledger.ts';
import { planOf } from '#kit/scenario.ts';
import { discard, scratch, signedBaseline, start } from '../../policy/support.ts';
import { micros, percentiles, type Row } from './row.ts';

const ROUNDS = 300;
const WARM = 60;

export async function gate(): Promise<readonly Row[]> {
  const [bundle, disk] = [scratch(), await temporaryDirectory()];
  const { evaluator } = await start(await signedBaseline(bundle));
  const { ledger } = await openTestLedger(disk.path, testKeeper());
  await ledger.note({ note: 'leadership', epoch: { lease: 'l', transitions: 1, holder: 'me' }, won: true });
  try {
    return [
      await measure('stages alone', 1, {}),
      await measure('with policy', 1, { evaluator }),
      await measure('with policy and ledger', 1, { evaluator, ledger }),
      await measure('with policy and ledger', 64, { evaluator, ledger }),
    ];
  } finally {
    await ledger.close('done');
    await evaluator.close();
    await disk.remove();
    discard(bundle);
  }
}

type Real = Partial<Pick<ReturnType<typeof gateBench>['parts'], 'evaluator' | 'ledger'>>;

/** Charged as always, and never used up: one owner makes more in these seconds than its budget is for. */
const ENDLESS = Object.fromEntries(
  Object.keys(DEFAULT_BUDGETS).map((scope) => [scope, { rate: 1e12, burst: 1e12 }]),
) as unknown as Budgets;

/** A ReplicaSet that lacks so many pods: one plan, sent in groups of 1, 2, 4, ... */
async function measure(what: string, pods: number, real: Real): Promise<Row> {
  const owner = replicaSet({ name: 'web', replicas: pods });
  const given = [namespace('default'), owner];
  const bench = gateBench({ objects: given });
  const parts = { ...bench.parts, ...real, clock: realClock, quota: createQuotaGuard(ENDLESS) };
  const sends = createGate(parts);
  const { confirm: _, ...plan } = planOf(replicaset, { given, key: 'default/web' });
  const creations = { ...plan, chains: plan.chains.filter((chain) => chain.every(({ verb }) => verb === 'create')) };
  const each: number[] = [];
  let cpu = process.cpuUsage();
  for (let round = 0; round < ROUNDS + WARM; round++) {
    if (round === WARM) cpu = process.cpuUsage();
    const before = performance.now();
    const { outcomes } = await sends.execute(workFor(replicaset, owner, parts), creations);
    const took = performance.now() - before;
    if (!outcomes.flat().every(({ kind }) => kind === 'applied'))
      throw new Error(`writing: ${JSON.stringify(outcomes)}`);
    if (round >= WARM) each.push((took * 1000) / pods);
    (bench.happened as Happening[]).length = 0;
  }
  const { user, system } = process.cpuUsage(cpu);
  return {
    what: `gate, a create, ${what}, ${pods === 1 ? 'one at a time' : `plans of ${pods}`}`,
    result: `${percentiles(each.sort((a, b) => a - b))}, ${micros((user + system) / ROUNDS / pods)} of CPU`,
  };
}
