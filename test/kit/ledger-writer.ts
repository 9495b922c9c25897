import { openTestLedger, someIntent } from './ledger.ts';

/**
 * A process that writes a ledger until it is killed: `fork(this, [directory])`. It says each thing after it is true:
 * `opened`, then for each intent its Audit-ID, and `answered` once the outcome of every second one is durable too.
 * Its parent is its keeper.
 */
export type Said =
  | { readonly say: 'sign'; readonly body: string }
  | { readonly say: 'opened' }
  | { readonly say: 'durable'; readonly auditId: string; readonly answered: boolean };

const [directory = '', verifierKey = ''] = process.argv.slice(2);
const say = (said: Said): void => void process.send?.(said);

const waiting: ((lines: string) => void)[] = [];
process.on('message', (lines) => waiting.shift()?.(String(lines)));
const sign = (body: string): Promise<string> =>
  new Promise((resolve) => {
    waiting.push(resolve);
    say({ say: 'sign', body });
  });

const { ledger } = await openTestLedger(directory, { verifierKey, sign });
await ledger.note({ note: 'leadership', epoch: { lease: 'lease-uid', transitions: 1, holder: 'here' }, won: true });
say({ say: 'opened' });
const worker = async (from: number): Promise<void> => {
  for (let n = from; ; n += 8) {
    const recorded = await ledger.intent(someIntent(n), 'write');
    if (!recorded.ok) throw new Error(recorded.code);
    const { auditId } = recorded.value;
    if (n % 2 === 0) ledger.outcome(recorded.value, { kind: 'applied', status: 201, took: 1 });
    // What was put in before a note that is durable is durable.
    if (n % 2 === 0) await ledger.note({ note: 'era', why: 'to wait for the outcome' });
    say({ say: 'durable', auditId, answered: n % 2 === 0 });
  }
};
await Promise.all(Array.from({ length: 8 }, (_, n) => worker(n)));
