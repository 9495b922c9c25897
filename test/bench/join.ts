/**
 * `node test/bench/join.ts [attempts] [others]`: events a second of the join, of a ledger and an audit log made for it, and memory
 * as the log goes on. The log is never on disk, so it may be of any length.
 */
import { Readable } from 'node:stream';
import { joinAudit } from '#ledger/completeness.ts';
import { verifyLedger } from '#ledger/verify.ts';
import { openTestLedger, someIntent, temporaryDirectory, testKeeper } from '../kit/ledger.ts';

const attempts = Number(process.argv[2] ?? 20_000);
/** Of other users, beside each of ours: what an audit log is mostly full of. */
const others = Number(process.argv[3] ?? 4);

function line(auditID: string, user: string, name: string): string {
  const now = new Date().toISOString().replace('Z', '000Z');
  return `${JSON.stringify({
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level: 'Metadata',
    auditID,
    stage: 'ResponseComplete',
    requestURI: '/api/v1/namespaces/default/pods?fieldManager=kube-controller-manager&timeout=10s',
    verb: 'create',
    user: { username: user, groups: ['comptroller:replicaset:g1', 'comptroller:controllers', 'system:authenticated'] },
    sourceIPs: ['127.0.0.1'],
    userAgent: 'kube-controller-manager/0.1.0 comptroller',
    objectRef: { resource: 'pods', namespace: 'default', name, apiVersion: 'v1' },
    responseStatus: { metadata: {}, code: 201 },
    requestReceivedTimestamp: now,
    stageTimestamp: now,
    annotations: {
      'authorization.k8s.io/decision': 'allow',
      'authorization.k8s.io/reason': 'RBAC: allowed by ClusterRoleBinding "x" of ClusterRole "x" to Group "x"',
    },
  })}\n`;
}

const directory = await temporaryDirectory();
const keeper = testKeeper();
const { ledger } = await openTestLedger(directory.path, keeper);
await ledger.note({ note: 'leadership', epoch: { lease: 'lease-uid', transitions: 1, holder: 'here' }, won: true });
const ours: { readonly auditId: string; readonly user: string; readonly name: string }[] = [];
for (let n = 0; n < attempts; n += 500) {
  await Promise.all(
    Array.from({ length: Math.min(500, attempts - n) }, async (_, at) => {
      const draft = someIntent(n + at);
      const recorded = await ledger.intent(draft, 'write');
      if (!recorded.ok) throw new Error(recorded.code);
      ours.push({ auditId: recorded.value.auditId, user: draft.user, name: draft.request.target.name ?? '' });
      ledger.outcome(recorded.value, { kind: 'applied', status: 201, uid: `uid-${n + at}`, took: 5 });
    }),
  );
}
await ledger.close('done');

const megabytes = (bytes: number): number => Math.round(bytes / 2 ** 20);

/** Each tenth of it tells what is resident by then. */
function* auditLog(): Generator<Buffer> {
  yield Buffer.from(line('0', 'system:kube-scheduler', 'first'));
  for (const [nth, { auditId, user, name }] of ours.entries()) {
    if (nth > 0 && nth % Math.ceil(ours.length / 10) === 0) {
      const { rss, heapUsed } = process.memoryUsage();
      console.log(`${nth * (others + 1)} events: resident ${megabytes(rss)} MB, heap ${megabytes(heapUsed)} MB`);
    }
    const more = Array.from({ length: others }, (_, at) => line(`${nth}-${at}`, `system:node:${nth}`, `other-${at}`));
    yield Buffer.from(line(auditId, user, name) + more.join(''));
  }
  yield Buffer.from(line('1', 'system:kube-scheduler', 'last'));
}

const verify = ([first = '']: readonly string[]) => verifyLedger({ directory: first, verifierKey: keeper.verifierKey });
let verified = 0;
const began = performance.now();
const report = await joinAudit({
  directories: [directory.path],
  audit: [{ name: 'made up', stream: () => Readable.from(auditLog(), { highWaterMark: 4 }) }],
  verify: async (all) => {
    const found = await verify(all);
    verified = performance.now() - began;
    return found;
  },
});
const took = performance.now() - began;
const rate = (count: number, ms: number): number => Math.round((count * 1000) / ms);
console.log(`${report.verdict}: ${report.audit.events} events, ${report.attempts.matched} matched`);
console.log(
  `verify ${rate(2 * attempts, verified)} records/s; join ${rate(report.audit.events, took - verified)} events/s`,
);
console.log(`all ${rate(report.audit.events, took)} events/s, resident ${megabytes(process.memoryUsage().rss)} MB`);
await directory.remove();
