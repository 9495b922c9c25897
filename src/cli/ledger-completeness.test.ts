import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { expect, test } from 'vitest';
import { openTestLedger, someIntent, temporaryDirectory, testKeeper } from '#kit/ledger.ts';

const MAIN = join(import.meta.dirname, 'main.ts');
/** Megabytes, enough to start; the log below is three times as much, and more once it is parsed. */
const HEAP = 40;
const LINES = 150_000;

const line = (
  nth: number,
  user: string,
  auditID = `b1c2d3e4-0000-4000-8000-${String(nth).padStart(12, '0')}`,
): string =>
  `${JSON.stringify({
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level: 'Metadata',
    auditID,
    stage: 'ResponseComplete',
    requestURI: `/api/v1/namespaces/team-${nth}/pods?fieldManager=kubelet&timeout=10s`,
    verb: 'create',
    user: { username: user, groups: ['system:nodes', 'system:authenticated'] },
    sourceIPs: ['127.0.0.1'],
    userAgent: 'kubelet/v1.37.1 (linux/amd64) kubernetes/0000000',
    objectRef: { resource: 'pods', namespace: `team-${nth}`, name: `pod-${nth}`, apiVersion: 'v1' },
    responseStatus: { metadata: {}, code: 201 },
    requestReceivedTimestamp: new Date(Date.UTC(2026, 0, 1) + nth * 10).toISOString().replace('Z', '000Z'),
    stageTimestamp: new Date(Date.UTC(2026, 0, 1) + nth * 10).toISOString().replace('Z', '000Z'),
    annotations: { 'authorization.k8s.io/decision': 'allow', 'authorization.k8s.io/reason': 'RBAC: allowed' },
  })}\n`;

/** Strangers, each in a namespace and under a name of its own, and now and then a thief. */
function* auditLog(): Generator<string> {
  let chunk = '';
  for (let nth = 0; nth < LINES; nth += 1) {
    chunk += line(nth, nth % 1000 === 7 ? 'comptroller:replicaset' : `system:node:node-${nth}`);
    if (chunk.length > 256 * 1024) {
      yield chunk;
      chunk = '';
    }
  }
  yield chunk;
}

test('memory does not follow the audit log', { timeout: 120_000 }, async () => {
  const directory = await temporaryDirectory();
  const { ledger } = await openTestLedger(directory.path, testKeeper());
  await ledger.note({ note: 'leadership', epoch: { lease: 'l', transitions: 1, holder: 'here' }, won: true });
  const recorded = await ledger.intent(someIntent(1), 'write');
  if (recorded.ok) ledger.outcome(recorded.value, { kind: 'fenced', code: 'GATE_FENCED', took: 0 });
  await ledger.close('done');
  const args = ['ledger', 'completeness', '--dir', directory.path, '--apiserver-audit', '-', '-o', 'json'];
  const child = spawn(process.execPath, [`--max-old-space-size=${HEAP}`, MAIN, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const out: Buffer[] = [];
  child.stdout.on('data', (data: Buffer) => out.push(data));
  const ended = once(child, 'close');
  await pipeline(auditLog, child.stdin);
  // Out of memory it would have ended with SIGABRT, and said nothing.
  expect(await ended).toEqual([1, null]);
  expect(JSON.parse(Buffer.concat(out).toString())).toMatchObject({
    verdict: 'incomplete',
    audit: { events: LINES, writes: LINES / 1000 },
    counts: { UNRECORDED_WRITE: LINES / 1000 },
  });
  await directory.remove();
});
