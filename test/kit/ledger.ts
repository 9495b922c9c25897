import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '#core/time.ts';
import { type Leaf, parseLeaf } from '#ledger/leaf.ts';
import { formatVerifierKey, signatureLine } from '#ledger/note.ts';
import { type LedgerOptions, type Opened, openLedger } from '#ledger/open.ts';
import type { DenialDraft, IntentDraft, Wish } from '#ledger/port.ts';
import { bundles, claimedAnchor, findLogs, tail } from '#ledger/reader.ts';
import { recordingTelemetry } from './telemetry.ts';

/** A keeper for tests: it signs whatever it is given. */
export function testKeeper(name = 'comptroller.dev/checkpoint/test') {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return {
    verifierKey: formatVerifierKey(name, publicKey),
    sign: async (body: string): Promise<string> => signatureLine(name, privateKey, body),
  };
}
export type TestKeeper = ReturnType<typeof testKeeper>;

/** A real clock whose timers do not hold up the end of a test. */
export const realClock: Clock = {
  now: () => ({ wall: Date.now(), mono: performance.now() }),
  after: (delay, callback) => {
    const timer = setTimeout(callback, delay).unref();
    return () => clearTimeout(timer);
  },
};

export async function temporaryDirectory(): Promise<{ path: string; remove: () => Promise<void> }> {
  const base = await mkdtemp(join(tmpdir(), 'comptroller-ledger-'));
  return { path: join(base, 'ledger'), remove: () => rm(base, { recursive: true, force: true }) };
}

export function openTestLedger(
  directory: string,
  keeper: TestKeeper,
  more: Partial<LedgerOptions> = {},
): Promise<Opened> {
  const { meter, log } = recordingTelemetry();
  return openLedger({
    directory,
    cluster: 'test',
    sign: keeper.sign,
    verifierKey: keeper.verifierKey,
    clock: realClock,
    meter,
    log,
    start: { version: '0.1.0' },
    ...more,
  });
}

/** A pod that a ReplicaSet wishes, with things in it that must not stand in a ledger. */
export function somePod(name: string, namespace = 'default') {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      generateName: 'web-',
      namespace,
      labels: { app: 'web' },
      annotations: { 'example.com/token': 'hunter2-annotation' },
      ownerReferences: [
        {
          apiVersion: 'apps/v1',
          kind: 'ReplicaSet',
          name: 'web',
          uid: 'rs-uid',
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    spec: {
      containers: [
        {
          name: 'web',
          image: 'registry.example/web:1',
          command: ['run', '--password=hunter2-command'],
          env: [{ name: 'PASSWORD', value: 'hunter2-env' }],
          resources: { requests: { cpu: '100m', memory: '64Mi' } },
        },
      ],
    },
  };
}

export function someWish(n: number, more: Partial<Wish> = {}): Wish {
  const name = `web-${n.toString(36).padStart(5, '0')}`;
  const pod = somePod(name);
  return {
    controller: 'replicaset',
    loop: 'replicaset',
    key: 'default/web',
    writeId: `replicaset/rs-uid/create/${name}/scale-up/${n}`,
    cause: {
      reason: 'scale-up',
      trigger: { apiVersion: 'apps/v1', kind: 'ReplicaSet', namespace: 'default', name: 'web', uid: 'rs-uid' },
      owners: [],
      evidence: 'absent',
    },
    request: {
      class: 'write',
      identity: 'replicaset',
      verb: 'create',
      method: 'POST',
      path: '/api/v1/namespaces/default/pods?fieldManager=kube-controller-manager&timeout=10s',
      contentType: 'application/json',
      body: JSON.stringify(pod),
      target: { resource: 'core/pods', namespace: 'default', name },
      timeout: 10_000,
    },
    after: pod,
    ...more,
  };
}

export function someIntent(n: number, more: Partial<IntentDraft> = {}): IntentDraft {
  return {
    ...someWish(n),
    verdict: {
      allow: true,
      bundle: { version: 3, digest: 'ab'.repeat(32) },
      rules: [],
      warnings: [],
      inputDigest: 'cd'.repeat(32),
      micros: 16,
      by: 'policy',
    },
    epoch: { lease: 'lease-uid', transitions: 1, holder: 'here' },
    user: 'comptroller:replicaset',
    certificate: { serial: '01', spki: 'ef'.repeat(32) },
    attempt: 1,
    ...more,
  };
}

export function someDenial(n: number, more: Partial<DenialDraft> = {}): DenialDraft {
  return {
    ...someWish(n),
    code: 'GATE_POLICY_DENIED',
    verdict: {
      allow: false,
      bundle: { version: 3, digest: 'ab'.repeat(32) },
      rules: ['pod-security-baseline/privileged'],
      warnings: [],
      inputDigest: 'cd'.repeat(32),
      micros: 16,
      by: 'policy',
    },
    messages: ['container web is privileged'],
    epoch: { lease: 'lease-uid', transitions: 1, holder: 'here' },
    ...more,
  };
}

/** Every record of every log of a directory, as it lies on disk: published ones and those only in segments. */
export async function recordsIn(directory: string): Promise<Leaf[]> {
  const leaves: Leaf[] = [];
  for (const { path } of await findLogs(directory)) {
    const size = (await claimedAnchor(path))?.size ?? 0;
    for await (const { entries } of bundles(path, size))
      leaves.push(...entries.flatMap((entry) => parseLeaf(entry) ?? []));
    for await (const { entries } of tail(path, size))
      leaves.push(...entries.flatMap((entry) => parseLeaf(entry) ?? []));
  }
  return leaves;
}
