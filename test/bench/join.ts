/** `node test/bench/join.ts [attempts]`: events a second of the join, of a ledger and an audit log made for it, and memory. */
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { auditFile } from '#ledger/audit-events.ts';
import { joinAudit } from '#ledger/completeness.ts';
import { verifyLedger } from '#ledger/verify.ts';
import { openTestLedger, someIntent, temporaryDirectory, testKeeper } from '../kit/ledger.ts';

const attempts = Number(process.argv[2] ?? 20_000);
/** Of other users, beside each of ours: what an audit log is mostly full of. */
const OTHERS = 4;

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
const path = join(directory.path, '..', 'audit.log');
const log = createWriteStream(path);
log.write(line('0', 'system:kube-scheduler', 'first'));
for (let n = 0; n < attempts; n += 500) {
  await Promise.all(
    Array.from({ length: Math.min(500, attempts - n) }, async (_, at) => {
      const draft = someIntent(n + at);
      const recorded = await ledger.intent(draft, 'write');
      if (!recorded.ok) throw new Error(recorded.code);
      log.write(line(recorded.value.auditId, draft.user, draft.request.target.name ?? ''));
      for (let other = 0; other < OTHERS; other += 1) log.write(line(`${n}-${other}`, 'system:node:one', 'other'));
      ledger.outcome(recorded.value, { kind: 'applied', status: 201, uid: `uid-${n + at}`, took: 5 });
    }),
  );
}
await new Promise((resolve) => log.end(resolve));
await ledger.close('done');

const verify = ([first = '']: readonly string[]) => verifyLedger({ directory: first, verifierKey: keeper.verifierKey });
let verified = 0;
const began = performance.now();
const report = await joinAudit({
  directories: [directory.path],
  audit: [await auditFile(path)],
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
console.log(
  `all ${rate(report.audit.events, took)} events/s, resident ${Math.round(process.memoryUsage().rss / 2 ** 20)} MB`,
);
await directory.remove();
await rm(path, { force: true });
