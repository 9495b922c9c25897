import { describe, expect, test } from 'vitest';
import { ills, lease, NOW, unread, wellFacts } from '#kit/doctor.ts';
import type { Facts, LeaseFact } from '../port.ts';
import { checkLeases } from './lease.ts';

const facts = wellFacts();
const of = (ours: LeaseFact | undefined, others: readonly LeaseFact[] = [], more: Partial<Facts> = {}) =>
  checkLeases({ ...facts, ...more, leases: { ok: true, value: { ours, others } } });
const other = (more: Partial<LeaseFact> = {}) => lease({ name: 'kcm-beside', holder: 'host_2', by: 'unseen', ...more });

describe('leases', () => {
  test('are well', () => {
    expect(of(lease(), [other({ renewed: NOW - 16_000 }), other({ holder: '' })])).toEqual([
      { check: 'lease', verdict: 'ok', found: 'host_1 holds it, renewed 1 s ago', remedy: '' },
      { check: 'other-managers', verdict: 'ok', found: 'no other lease of a controller manager is fresh', remedy: '' },
    ]);
    expect(ills(of(lease({ by: 'unseen' })))).toEqual([]);
  });

  test.each([
    ['none', of(undefined), /^fail lease: there is no Lease kube-system\/kube-controller-manager: nobody runs/],
    [
      'no holder',
      of(lease({ holder: '' })),
      /^fail lease: nobody holds the lease: no controller runs -> start comptroller run/,
    ],
    ['run out', of(lease({ renewed: NOW - 15_001 })), /^fail lease: host_1 holds it, renewed 15 s ago: it has run out/],
    ['never renewed', of(lease({ renewed: undefined })), /^fail lease: host_1 holds it, never renewed: it has run out/],
    [
      "upstream's",
      of(lease({ by: 'another' })),
      /^warn lease: .*upstream's manager leads, Comptroller waits -> stop kube-controller-manager, or/,
    ],
    [
      'a manager beside',
      of(lease(), [other()]),
      /^warn other-managers: host_2 holds kube-system\/kcm-beside: .* leave out what runs here: -clusterrole-aggregation,-/,
    ],
  ])('%s', (_, found, said) => {
    expect(ills(found)).toEqual([expect.stringMatching(said)]);
  });

  test("the age is told by the server's clock, where ours goes wrong", () => {
    const server = { ok: true, value: { gitVersion: 'v1.37.1', here: NOW, there: NOW - 60_000, took: 10 } } as const;
    expect(of(lease({ renewed: NOW - 61_000 }), [], { server })[0]?.found).toBe('host_1 holds it, renewed 1 s ago');
  });

  test('election is off', () => {
    const setting = { ...facts.setting, lease: { ...facts.setting.lease, enabled: false } };
    expect(ills(of(undefined, [], { setting }))).toEqual([
      expect.stringMatching(/^warn lease: leader election is off -> make sure/),
    ]);
  });

  test('unread is undecided', () => {
    expect(ills(checkLeases({ ...facts, leases: unread }))).toEqual([
      expect.stringMatching(/^unknown lease: .* -> give --admin/),
    ]);
  });
});
