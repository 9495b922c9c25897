/** `comptroller doctor` on a real control plane: all well on a fresh installation, and each thing that is broken named with its remedy. */
import { execFile, execFileSync } from 'node:child_process';
import { appendFileSync, chmodSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ApiObject } from '#core/resource.ts';
import type { Finding } from '#doctor/port.ts';
import { leaseOf, ROOT, withManager } from '#kit/manager.ts';
import { throwawayCa } from '#kit/throwaway-ca.ts';
import { ensureBinaries } from '#local/build.ts';

const world = withManager({ nodes: 0 });

interface Report {
  readonly code: number;
  readonly out: string;
  readonly findings: readonly Finding[];
}

/** The command as an operator gives it: with the flags of the manager that runs. */
function doctor(...more: readonly string[]): Promise<Report> {
  const { at, cluster, manager } = world;
  const args = [
    `--kubeconfig=${at.kubeconfig}`,
    `--root-ca-file=${cluster.rootCaFile}`,
    `--ledger-dir=${manager.ledgerDir}`,
    `--state-dir=${manager.stateDir}`,
    `--policy-bundle=${at.bundle}`,
    `--policy-key=${at.policyKey}`,
    `--keeper-ca-cert-file=${cluster.comptrollerCa.certFile}`,
    `--keeper-ca-key-file=${cluster.comptrollerCa.keyFile}`,
    '-o=json',
    ...more,
  ];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [join(ROOT, 'src/cli/main.ts'), 'doctor', ...args], (error, out, errors) => {
      const code = typeof error?.code === 'number' ? error.code : 0;
      if (errors !== '' || out === '') reject(new Error(`doctor ended with ${code}: ${errors}`));
      else resolve({ code, out, findings: (JSON.parse(out) as { findings: Finding[] }).findings });
    });
  });
}

const asAdmin = (...more: readonly string[]): Promise<Report> =>
  doctor(`--admin-kubeconfig=${world.cluster.kubeconfig}`, ...more);

const of = ({ findings }: Report, verdict: Finding['verdict']): readonly Finding[] =>
  findings.filter((one) => one.verdict === verdict);

/** Breaks something, looks, and puts it right again whatever was seen. */
async function broken<T>(breaking: () => Promise<T> | T, mending: (seen: T) => unknown): Promise<Report> {
  const seen = await breaking();
  try {
    return await asAdmin();
  } finally {
    await mending(seen);
  }
}

const ROLE = 'rbac.authorization.k8s.io/clusterroles';
const role = { name: 'comptroller:replicaset' };
interface Ruled extends ApiObject {
  readonly rules: readonly { readonly apiGroups: string[]; readonly resources: string[]; readonly verbs: string[] }[];
}

/** A report while the rules of the ReplicaSet controller's role are others. */
function withRules(change: (rules: Ruled['rules']) => Ruled['rules']): Promise<Report> {
  return broken(
    async () => {
      const found = (await world.admin.get(`/apis/rbac.authorization.k8s.io/v1/clusterroles/${role.name}`)) as Ruled;
      await world.admin.patch(ROLE, role, { rules: change(found.rules) });
      return found.rules;
    },
    (rules) => world.admin.patch(ROLE, role, { rules }),
  );
}

describe('a fresh installation', () => {
  test('is well, but for what is documented', async () => {
    const report = await asAdmin();
    expect(of(report, 'fail')).toEqual([]);
    expect(of(report, 'unknown').map(({ check, outside }) => [check, outside])).toEqual([
      ['admission-types', true],
      ['audit-log', true],
      ['owner-references', true],
    ]);
    expect([...new Set(of(report, 'warn').map(({ check }) => check))]).toEqual(['upstream-bindings']);
    expect(report.code).toBe(0);
    const well = of(report, 'ok').map(({ check }) => check);
    for (const check of ['api-server', 'clock', 'ca', 'keeper', 'certificates', 'files', 'namespace', 'roles'])
      expect(well).toContain(check);
    for (const check of ['bindings', 'admission', 'flow-control', 'policy-bundle', 'ledger', 'ledger-lock', 'lease'])
      expect(well).toContain(check);
    expect(report.out).not.toMatch(/PRIVATE KEY|BEGIN CERTIFICATE/);
  });

  test('without an administrator what is in the cluster is undecided, and nothing is guessed', async () => {
    const report = await doctor();
    expect(report.code).toBe(2);
    expect(of(report, 'fail')).toEqual([]);
    for (const check of ['roles', 'bindings', 'admission', 'flow-control', 'lease', 'upstream-bindings'])
      expect(of(report, 'unknown')).toContainEqual(
        expect.objectContaining({ check, remedy: expect.stringContaining('--admin-kubeconfig') }),
      );
  });
});

describe('what is broken is named, with its remedy', () => {
  const apply = expect.stringMatching(/comptroller manifests .*--only rbac .*kubectl apply --server-side/);

  test('a rule that is gone', async () => {
    const report = await withRules((rules) =>
      rules.filter(({ resources }) => !resources.includes('replicasets/status')),
    );
    expect(of(report, 'fail')).toEqual([
      {
        check: 'roles',
        verdict: 'fail',
        found: expect.stringMatching(/^ClusterRole comptroller:replicaset: misses apps\/replicasets\/status: /),
        remedy: apply,
      },
    ]);
    expect(report.code).toBe(1);
  });

  test('a verb too many', async () => {
    const more = { apiGroups: [''], resources: ['secrets'], verbs: ['get'] };
    const report = await withRules((rules) => [...rules, more]);
    expect(of(report, 'fail')).toEqual([
      {
        check: 'roles',
        verdict: 'fail',
        found: 'ClusterRole comptroller:replicaset: has too much: core/secrets: get',
        remedy: apply,
      },
    ]);
  });

  test('and the remedy, given to a shell as it stands, puts both right', async () => {
    const { kubectl } = await ensureBinaries(['kubectl'], { progress: () => {} });
    const secrets = { apiGroups: [''], resources: ['secrets'], verbs: ['get'] };
    await world.admin.patch(ROLE, role, { rules: [secrets] });
    const [failed] = of(await asAdmin(), 'fail');
    expect(failed?.found).toMatch(/: misses .*; has too much: core\/secrets: get$/);
    const functions = [
      `comptroller() { ${process.execPath} ${join(ROOT, 'src/cli/main.ts')} "$@"; }`,
      `kubectl() { ${kubectl} --kubeconfig=${world.cluster.kubeconfig} "$@"; }`,
    ];
    execFileSync('bash', ['-euo', 'pipefail', '-c', [...functions, failed?.remedy].join('\n')], { stdio: 'pipe' });
    expect(of(await asAdmin(), 'fail')).toEqual([]);
  });

  test('a binding of somebody else to an identity of ours', async () => {
    const name = 'shadow';
    const report = await broken(
      () =>
        world.admin.create('rbac.authorization.k8s.io/clusterrolebindings', {
          metadata: { name },
          roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
          subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'comptroller:replicaset:g1' }],
        }),
      () => world.admin.delete('rbac.authorization.k8s.io/clusterrolebindings', { name }),
    );
    expect(of(report, 'fail')).toEqual([
      {
        check: 'bindings',
        verdict: 'fail',
        found: 'ClusterRoleBinding shadow gives more to Group comptroller:replicaset:g1',
        remedy: expect.stringContaining('kubectl delete clusterrolebinding shadow'),
      },
    ]);
  });

  test('an admission binding that is gone', async () => {
    const path = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings' as const;
    const name = 'fleet.comptroller.dev';
    const report = await broken(
      async () => {
        const found = await world.admin.get(`${path}/${name}`);
        await world.admin.delete(`${path}/${name}`);
        return found as ApiObject & { spec: object };
      },
      ({ apiVersion, kind, metadata, spec }) =>
        world.admin.create(path, { apiVersion, kind, metadata: { name, labels: metadata?.labels }, spec }),
    );
    expect(of(report, 'fail')).toEqual([
      {
        check: 'admission',
        verdict: 'fail',
        found: 'ValidatingAdmissionPolicyBinding fleet.comptroller.dev is missing',
        remedy: expect.stringContaining('--only admission'),
      },
    ]);
  });

  test('a key that others can read', async () => {
    const { keyFile } = world.cluster.comptrollerCa;
    const report = await broken(
      () => chmodSync(keyFile, 0o644),
      () => chmodSync(keyFile, 0o600),
    );
    expect(of(report, 'fail')).toEqual([
      {
        check: 'files',
        verdict: 'fail',
        found: `the key of the CA ${keyFile} has mode 0644: others could reach it`,
        remedy: expect.stringContaining(`chmod 0600 ${keyFile}`),
      },
    ]);
  });

  test.each([
    ['another', 3_600_000, []],
    ['an expired', -1_000, [expect.stringMatching(/^the CA has ended: /)]],
  ])('%s CA in the files', async (_, life, more) => {
    const { certFile, keyFile } = world.cluster.comptrollerCa;
    const directory = mkdtempSync(join(tmpdir(), 'doctor-ca-'));
    const report = await broken(
      async () => {
        const old = [certFile, keyFile].map((path) => readFileSync(path));
        const other = await throwawayCa(directory, { life });
        writeFileSync(certFile, readFileSync(other.certFile));
        writeFileSync(keyFile, readFileSync(other.keyFile));
        return old;
      },
      (old) => {
        for (const [at, path] of [certFile, keyFile].entries()) writeFileSync(path, old[at] as Buffer);
        rmSync(directory, { recursive: true });
      },
    );
    expect(of(report, 'fail').map(({ found }) => found)).toEqual([
      ...more,
      'the API server does not believe this CA',
      `the running keeper signs with another CA than ${certFile}`,
    ]);
    expect(of(report, 'fail').every(({ check, remedy }) => check === 'ca' && remedy !== '')).toBe(true);
  });

  test('a bundle that was tampered with', async () => {
    const file = join(world.at.bundle, 'data.json');
    const { length } = readFileSync(file);
    const report = await broken(
      () => appendFileSync(file, ' '),
      () => truncateSync(file, length),
    );
    expect(of(report, 'fail')).toEqual([
      {
        check: 'policy-bundle',
        verdict: 'fail',
        found: expect.stringMatching(/^digest: data\.json/),
        remedy: expect.stringContaining('put the bundle back as it was signed'),
      },
    ]);
  });

  test("upstream's binding is closed by the remedy's own two steps", async () => {
    const name = 'system:controller:replicaset-controller';
    const path = `/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/${name}` as const;
    const report = await broken(
      async () => {
        const found = (await world.admin.get(path)) as ApiObject & { subjects: unknown };
        await world.admin.patch(path, {}, { subjects: null });
        return found.subjects;
      },
      (subjects) => world.admin.patch(path, {}, { subjects }),
    );
    const warned = of(report, 'warn').map(({ found }) => found);
    expect(warned.filter((found) => found.startsWith(`${name} `))).toEqual([]);
    expect(warned.filter((found) => found.startsWith('system:controller:deployment-controller '))).toHaveLength(1);
  });

  test('a manager at work beside this one', async () => {
    const at = { namespace: 'kube-system', name: 'upstream-controller-manager' };
    const spec = {
      holderIdentity: 'host_7',
      leaseDurationSeconds: 600,
      renewTime: new Date().toISOString().replace('Z', '000Z'),
    };
    const report = await broken(
      () => world.admin.create('coordination.k8s.io/leases', { metadata: at, spec }),
      () => world.admin.delete('coordination.k8s.io/leases', at),
    );
    expect(of(report, 'warn')).toContainEqual({
      check: 'other-managers',
      verdict: 'warn',
      found: 'host_7 holds kube-system/upstream-controller-manager: a manager at work beside this one',
      remedy: expect.stringContaining('-replicaset'),
    });
  });

  test('nobody who leads', async () => {
    await world.manager.kill('SIGTERM');
    const stopped = await asAdmin();
    expect(of(stopped, 'fail')).toEqual([
      expect.objectContaining({ check: 'lease', found: 'nobody holds the lease: no controller runs' }),
    ]);
    expect(of(stopped, 'warn')).toContainEqual(
      expect.objectContaining({ check: 'process', remedy: expect.stringContaining('start comptroller run') }),
    );
    expect((await leaseOf(world.admin))?.spec?.holderIdentity ?? '').toBe('');
  });
});
