import { describe, expect, it } from 'vitest';
import { CONTROLLERS } from '#controllers/registry.ts';
import { allow, defineController, watchesAll } from '#core/controller.ts';
import { nothing } from '#core/plan.ts';
import { compileProfiles, generationGroup, generationIn, identityNames } from './profiles.ts';

const secretReader = defineController({
  name: 'token-cleaner',
  upstreamRole: 'token-cleaner',
  does: 'Reads secrets.',
  events: false,
  rbac: [allow('core/secrets', 'list', 'watch')],
  loops: [{ queue: 'q', key: 'core/secrets', workers: 1, reconcile: () => nothing('none') }],
});

describe('compileProfiles', () => {
  it('gives each controller and each system identity a user of its own', () => {
    const profiles = compileProfiles(CONTROLLERS, 'comptroller');
    expect(new Set(profiles.map((profile) => profile.user)).size).toBe(profiles.length);
    for (const profile of profiles) {
      expect(profile.user).toBe(`comptroller:${profile.name}`);
      expect(profile.groups).toEqual(['comptroller:controllers']);
      expect(profile.lifetime).toBeLessThanOrEqual(24 * 3_600_000);
      expect(profile.usages).toEqual(['clientAuth']);
    }
  });

  it('takes the stock users in mode upstream, and no group', () => {
    const users = new Map(compileProfiles(CONTROLLERS, 'upstream').map((profile) => [profile.name, profile]));
    expect(users.get('replicaset')?.user).toBe('system:serviceaccount:kube-system:replicaset-controller');
    expect(users.get('leader')?.user).toBe('system:kube-controller-manager');
    expect([...users.values()].flatMap((profile) => profile.groups)).toEqual([]);
  });

  it('never compiles a user that the API server trusts blindly', () => {
    const masters = { ...secretReader, upstreamRole: '../system:masters' };
    expect(() => compileProfiles([masters], 'upstream')).toThrow(/reserved/);
  });

  it('has secrets-metadata only where a controller lists secrets, or everything', () => {
    const few = CONTROLLERS.filter(({ rbac }) => !watchesAll(rbac));
    expect(identityNames(few)).not.toContain('secrets-metadata');
    expect(identityNames([...few, secretReader])).toContain('secrets-metadata');
    expect(identityNames(CONTROLLERS)).toContain('secrets-metadata');
  });

  it('refuses a controller that is named like a system identity', () => {
    expect(() => identityNames([{ ...secretReader, name: 'leader' }])).toThrow(/share a name/);
  });
});

describe('generationIn', () => {
  it('reads back what generationGroup wrote', () => {
    expect(generationIn(generationGroup('replicaset', 7), 'replicaset')).toBe(7);
  });

  it.each(['comptroller:replicaset:g0', 'comptroller:replicaset:g01', 'comptroller:replicaset:g', 'comptroller:x:g1'])(
    'knows no generation in %s',
    (group) => expect(generationIn(group, 'replicaset')).toBeUndefined(),
  );
});
