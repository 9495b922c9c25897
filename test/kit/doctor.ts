import { CONTROLLERS } from '#controllers/registry.ts';
import type { CertificateFact, Facts, Finding, LeaseFact, ObjectFact, ObjectsFact } from '#doctor/port.ts';
import { renderManifests } from '#identity/manifests.ts';
import { identityNames } from '#identity/profiles.ts';

export const NOW = Date.UTC(2026, 10, 21, 12);
export const DAY = 86_400_000;

export const certificate = (more: Partial<CertificateFact> = {}): CertificateFact => ({
  fingerprint: 'ca',
  notBefore: NOW - DAY,
  notAfter: NOW + 365 * DAY,
  ca: true,
  ...more,
});

export const lease = (more: Partial<LeaseFact> = {}): LeaseFact => ({
  namespace: 'kube-system',
  name: 'kube-controller-manager',
  holder: 'host_1',
  renewed: NOW - 1_000,
  duration: 15_000,
  by: 'comptroller',
  ...more,
});

export const MANIFESTS = renderManifests(CONTROLLERS, { mode: 'comptroller', generations: new Map() });

/** The generated objects as an API server holds them: with its own fields and defaults, type-checked. */
export function wellObjects(): Map<string, ObjectFact[]> {
  const objects = structuredClone(MANIFESTS.flatMap((file) => file.objects)) as unknown as ObjectFact[];
  const held = objects.map((object): ObjectFact => {
    const metadata = { ...object.metadata, generation: 1, uid: 'u', resourceVersion: '7' };
    const status = { observedGeneration: 1, typeChecking: {} };
    return object.kind === 'ValidatingAdmissionPolicy' ? { ...object, metadata, status } : { ...object, metadata };
  });
  return Map.groupBy(held, ({ kind }) => kind);
}

export function knownObjects(objects: ReadonlyMap<string, readonly ObjectFact[]>): ObjectsFact {
  return new Map([...objects].map(([kind, value]) => [kind, { ok: true, value }] as const));
}

/** An installation with which all is well, whose parts a test makes ill. */
export function wellFacts(): Facts {
  const known = <T>(value: T) => ({ ok: true, value }) as const;
  const identities = identityNames(CONTROLLERS).map((identity) => ({
    identity,
    notAfter: NOW + DAY,
    renewsAt: NOW + DAY / 2,
    generation: 1,
  }));
  return {
    now: NOW,
    setting: {
      namingMode: 'comptroller',
      stateDir: '/state',
      ledgerDir: '/state/ledger',
      bundle: '/etc/c/bundle',
      keys: ['/etc/c/key'],
      kubeconfig: '/etc/c/kubeconfig',
      server: 'https://127.0.0.1:6443',
      caCertFile: '/etc/c/ca.crt',
      controllers: CONTROLLERS.map(({ name }) => name),
      lease: { enabled: true, namespace: 'kube-system', name: 'kube-controller-manager' },
      owner: 990,
    },
    server: known({ gitVersion: 'v1.37.1', here: NOW, there: NOW, took: 20 }),
    serverCa: known([certificate()]),
    clientCas: known(new Set(['other', 'ca'])),
    ca: known({ certificate: certificate(), matches: known(true) }),
    keeper: known({ certificate: certificate(), checkpointKey: 'k' }),
    process: known({ pid: 4242, identities }),
    generations: known(new Map()),
    objects: knownObjects(wellObjects()),
    bundle: known({ loaded: { ok: true, version: 7, digest: 'd'.repeat(64) }, highest: known(7) }),
    ledger: known({ log: { id: 'aaaaaaaaaa', size: 9, trust: 'keeper' }, freeBytes: 2 ** 40, lock: 'held' }),
    leases: known({ ours: lease(), others: [] }),
    files: [
      {
        what: 'the key of the CA',
        path: '/etc/c/ca.key',
        care: 'secret',
        needed: true,
        stat: known({ mode: 0o600, uid: 990, directory: false }),
      },
    ],
  };
}

/** Verdict, what was found and what to do, of all but what is well; each told as one text. */
export function ills(findings: readonly Finding[]): string[] {
  return findings
    .filter(({ verdict, outside }) => verdict !== 'ok' && outside !== true)
    .map(({ check, verdict, found, remedy }) => `${verdict} ${check}: ${found} -> ${remedy}`);
}

export const unread = { ok: false, why: 'who asks may not read it (403)' } as const;
