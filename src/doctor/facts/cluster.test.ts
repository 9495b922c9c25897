import { describe, expect, test } from 'vitest';
import type { ReadAnswer, Reader } from '#api/port.ts';
import type { Lease } from '#core/k8s/types.gen.ts';
import { leasesFact, objectsFact, renewedBy } from './cluster.ts';
import { clientCaFact, serverFact } from './server.ts';

/** A reader that answers each path in turn; the last answer stands. A path without answers is refused. */
function reader(answers: Readonly<Record<string, readonly ReadAnswer[]>>): Reader & { readonly asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    async get(_identity, path) {
      const [plain = ''] = path.split('?');
      const turn = asked.filter((one) => one.split('?')[0] === plain).length;
      asked.push(path);
      const known = Object.hasOwn(answers, plain) ? (answers[plain] ?? []) : [];
      return known[turn] ?? known.at(-1) ?? { status: 403, body: { kind: 'Status' } };
    },
    review: () => Promise.reject(new Error('nothing is reviewed here')),
  };
}

const found = (body: object): ReadAnswer => ({ status: 200, body });
const anchor = (size: number) => ({
  'comptroller.dev/anchor': JSON.stringify({
    origin: 'comptroller.dev/ledger/x/aaaaaaaaaa',
    size,
    root: `${'A'.repeat(43)}=`,
  }),
});
const lease = (
  name: string,
  renewTime: string,
  annotations: Record<string, string> = {},
  holderIdentity = 'host_2',
): Lease => ({
  metadata: { namespace: 'kube-system', name, annotations },
  spec: { holderIdentity, renewTime, leaseDurationSeconds: 15 },
});
const T1 = '2026-11-21T12:00:00.000000Z';
const T2 = '2026-11-21T12:00:02.000000Z';

describe('leases', () => {
  const path = '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases';
  const question = { namespace: 'kube-system', name: 'kcm', holder: 'host_1' };
  const ask = async (leases: readonly (readonly Lease[])[], more: object = {}) => {
    let pauses = 0;
    const pause = async () => {
      pauses += 1;
    };
    const from = reader({ [path]: leases.map((items) => found({ items })) });
    const fact = await leasesFact(from, { ...question, pause, ...more });
    return { ...fact, pauses };
  };

  test('of the holder that the ledger here knows: at once', async () => {
    const { ours, others, pauses } = await ask([
      [lease('kcm', T1, {}, 'host_1'), lease('kube-scheduler', T1), lease('cloud-controller-manager', T1)],
    ]);
    expect(ours).toEqual({
      namespace: 'kube-system',
      name: 'kcm',
      holder: 'host_1',
      renewed: Date.parse(T1),
      duration: 15_000,
      by: 'comptroller',
    });
    expect([others, pauses]).toEqual([[], 0]);
  });

  test('of another holder: looked at again after a renewal, and told as it is then', async () => {
    const { ours, pauses } = await ask([[lease('kcm', T1, anchor(1))], [lease('kcm', T2, anchor(1))]]);
    expect(ours).toMatchObject({ renewed: Date.parse(T2), by: 'another' });
    expect(pauses).toBe(1);
  });

  test("another manager's is named, none is undefined", async () => {
    const { ours, others } = await ask([[lease('upstream-controller-manager', T1)]]);
    expect(ours).toBeUndefined();
    expect(others.map(({ name, holder }) => [name, holder])).toEqual([['upstream-controller-manager', 'host_2']]);
  });

  test.each([
    ['an anchor that moves on', anchor(1), anchor(2), T2, 'comptroller'],
    ['an anchor that stands still', anchor(1), anchor(1), T2, 'another'],
    ['an anchor that is gone', anchor(1), {}, T2, 'another'],
    ['no renewal', anchor(1), anchor(1), T1, 'unseen'],
  ])('%s', (_, before, after, renewed, by) => {
    expect(renewedBy(lease('kcm', T1, before), lease('kcm', renewed, after))).toBe(by);
  });

  test('refused', async () => {
    await expect(leasesFact(reader({}), { ...question, pause: async () => undefined })).rejects.toThrow(
      'may not read it (403)',
    );
  });
});

describe('objects', () => {
  const path = '/apis/rbac.authorization.k8s.io/v1/clusterroles';

  test('are read page by page, and know their kind; what is refused is not known', async () => {
    const page = (name: string, next: string) =>
      found({ items: [{ metadata: { name } }], metadata: { continue: next } });
    const from = reader({
      [path]: [page('a', 'x y'), page('b', '')],
      '/api/v1/namespaces': [{ status: 404, body: {} }],
    });
    const objects = await objectsFact(from);
    expect(objects.get('ClusterRole')).toEqual({
      ok: true,
      value: [
        { kind: 'ClusterRole', metadata: { name: 'a' } },
        { kind: 'ClusterRole', metadata: { name: 'b' } },
      ],
    });
    expect(from.asked).toContain(`${path}?limit=500&continue=x%20y`);
    expect(objects.get('Role')).toEqual({ ok: false, why: 'who asks may not read it (403)' });
    expect(objects.get('Namespace')).toEqual({ ok: false, why: 'the API server has no such resource (404)' });
  });

  test('a list without an end is given up', async () => {
    const endless = reader({ [path]: [found({ items: [], metadata: { continue: 'more' } })] });
    expect((await objectsFact(endless)).get('ClusterRole')).toEqual({
      ok: false,
      why: 'there are more than 100 pages of them',
    });
  });
});

describe('the server', () => {
  function clockOfSteps() {
    let mono = -50;
    const now = () => {
      mono += 50;
      return { wall: 5_000 + mono, mono };
    };
    return { now, after: () => () => undefined };
  }

  test('tells version and time', async () => {
    const from = reader({ '/version': [{ ...found({ gitVersion: 'v1.37.1' }), date: 5_000 }] });
    expect(await serverFact(from, clockOfSteps())).toEqual({
      gitVersion: 'v1.37.1',
      here: 5_025,
      took: 50,
      there: 5_000,
    });
  });

  test('that tells nobody its version is there all the same', async () => {
    expect((await serverFact(reader({}), clockOfSteps())).gitVersion).toBe('');
  });

  test('publishes no client CA', async () => {
    const path = '/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication';
    await expect(clientCaFact(reader({ [path]: [found({ data: {} })] }))).rejects.toThrow('publishes no client CA');
    await expect(clientCaFact(reader({ [path]: [found({ data: { 'client-ca-file': 'x' } })] }))).rejects.toThrow(
      'holds no PEM certificate',
    );
  });
});
