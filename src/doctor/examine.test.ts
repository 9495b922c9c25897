import { describe, expect, test } from 'vitest';
import { CONTROLLERS } from '#controllers/registry.ts';
import { ills, knownObjects, unread, wellFacts, wellObjects } from '#kit/doctor.ts';
import { examine, exitCodeOf } from './examine.ts';
import type { Facts } from './port.ts';

const look = (more: Partial<Facts> = {}) => examine({ ...wellFacts(), ...more }, CONTROLLERS, 'v1.37.1');

describe('an examination', () => {
  test('of an installation that is well: each check once, what only a person can see at the end, exit code 0', () => {
    const found = look();
    expect(ills(found)).toEqual([]);
    expect(new Set(found.map(({ check }) => check)).size).toBe(found.length);
    expect(found.slice(-2).map(({ check, verdict, outside }) => [check, verdict, outside])).toEqual([
      ['audit-log', 'unknown', true],
      ['owner-references', 'unknown', true],
    ]);
    expect(found.every(({ verdict, remedy }) => (verdict === 'ok') === (remedy === ''))).toBe(true);
    expect(exitCodeOf(found)).toBe(0);
  });

  test('of one that is ill in every part: all is told, nothing throws, exit code 1', () => {
    const found = look({
      server: unread,
      serverCa: unread,
      clientCas: unread,
      ca: unread,
      keeper: unread,
      process: unread,
      generations: unread,
      objects: new Map(),
      bundle: unread,
      ledger: unread,
      leases: unread,
      files: [],
    });
    expect(found.filter(({ verdict }) => verdict === 'ok').map(({ check }) => check)).toEqual(['files']);
    expect(exitCodeOf(found)).toBe(1);
  });

  test('what could not be decided is 2, a warning is 0, a failure beside either is 1', () => {
    expect(exitCodeOf(look({ leases: unread }))).toBe(2);
    expect(exitCodeOf(look({ process: { ok: true, value: undefined } }))).toBe(0);
    expect(exitCodeOf(look({ leases: unread, serverCa: unread }))).toBe(1);
  });

  test('roles are those of the generations that are in force here', () => {
    const found = look({ generations: { ok: true, value: new Map([['replicaset', 2]]) } });
    expect(ills(found)).toContainEqual(
      expect.stringContaining(
        'misses Group comptroller:replicaset:g2; binds too many: Group comptroller:replicaset:g1',
      ),
    );
  });

  test('without generations no role is compared with a guess', () => {
    const found = look({ generations: unread });
    expect(ills(found)).toEqual([expect.stringMatching(/^unknown roles: the generations/)]);
  });

  test('objects with hostile names and members do no harm', () => {
    const objects = wellObjects();
    const hostile = JSON.parse(
      '{"kind":"ClusterRoleBinding","metadata":{"name":"__proto__","labels":{"constructor":"x"}},"subjects":[null,{"name":{"a":1}}]}',
    );
    objects.set('ClusterRoleBinding', [...(objects.get('ClusterRoleBinding') ?? []), hostile]);
    expect(ills(look({ objects: knownObjects(objects) }))).toEqual([]);
  });
});
