import { chmodSync, cpSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { policyCommand } from '#cli/policy.ts';
import { BUILD, caseInput, discard, opaProgram, POLICIES, scratch } from './support.ts';

const directory = scratch();
const bundle = join(directory, 'bundle');
cpSync(BUILD, bundle, { recursive: true });
afterAll(() => discard(directory));

let out = '';
let err = '';
beforeEach(() => {
  out = '';
  err = '';
  process.exitCode = undefined;
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += text;
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    err += text;
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

async function policy(...args: string[]): Promise<number> {
  await policyCommand().parseAsync(args, { from: 'user' });
  return Number(process.exitCode ?? 0);
}

function file(name: string, content: unknown): string {
  const path = join(directory, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

describe('keys and signatures', () => {
  test('keygen, sign and verify; another key does not verify', async () => {
    const keys = join(directory, 'keys');
    await policy('keygen', '--kid', 'author', '--out', keys);
    await policy('keygen', '--kid', 'other', '--out', keys, '--alg', 'ES256');
    expect(statSync(keys).mode & 0o777).toBe(0o700);
    expect(statSync(join(keys, 'author.key.json')).mode & 0o777).toBe(0o600);
    expect(out).not.toContain((JSON.parse(readFileSync(join(keys, 'author.key.json'), 'utf8')) as { d: string }).d);
    await policy('sign', '--bundle', bundle, '--key', join(keys, 'author.key.json'));
    expect(await policy('verify', '--bundle', bundle, '--key', join(keys, 'author.pub.json'))).toBe(0);
    await expect(policy('verify', '--bundle', bundle, '--key', join(keys, 'other.pub.json'))).rejects.toThrow(
      /0 of 1 needed/,
    );
    const both = ['--key', join(keys, 'author.pub.json'), join(keys, 'other.pub.json'), '--quorum', '2'];
    await expect(policy('verify', '--bundle', bundle, ...both)).rejects.toThrow(/1 of 2 needed/);
    await policy(
      'sign',
      '--bundle',
      bundle,
      '--key',
      join(keys, 'other.key.json'),
      '--expires',
      '2100-01-01T00:00:00Z',
    );
    expect(await policy('verify', '--bundle', bundle, ...both)).toBe(0);
    await expect(policy('verify', '--bundle', bundle, ...both, '--min-version', '9')).rejects.toThrow(/below 9/);
  });

  test('keygen never writes over a key, and sign takes none that others can read', async () => {
    const keys = join(directory, 'more-keys');
    await policy('keygen', '--kid', 'author', '--out', keys);
    await expect(policy('keygen', '--kid', 'author', '--out', keys)).rejects.toThrow(/EEXIST/);
    chmodSync(join(keys, 'author.key.json'), 0o640);
    await expect(policy('sign', '--bundle', bundle, '--key', join(keys, 'author.key.json'))).rejects.toThrow(
      /chmod 600/,
    );
  });
});

describe('eval and explain', () => {
  const allowed = () => file('allowed.json', caseInput('replicaset', 'creates a pod'));
  const denied = () =>
    file('denied.json', caseInput('pod-security', 'baseline is the default: no privileged container'));

  test('0 allowed, 1 denied, 2 no decision', async () => {
    expect(await policy('eval', '--bundle', bundle, '--input', allowed())).toBe(0);
    expect(out).toBe('allow\n');
    expect(err).toContain('not verified');
    expect(await policy('eval', '--bundle', bundle, '--input', denied())).toBe(1);
    expect(out).toContain('pod-security-baseline/privileged: containers ["web"] set securityContext.privileged');
    for (const input of [
      file('odd.json', '{"secret'),
      file('other.json', { version: 'v0' }),
      join(directory, 'none.json'),
    ]) {
      expect(await policy('eval', '--bundle', bundle, '--input', input)).toBe(2);
    }
    expect(err).toContain('it is not JSON');
    expect(err).not.toContain('secret');
    expect(await policy('eval', '--bundle', join(directory, 'nowhere'), '--input', allowed())).toBe(2);
  });

  test('with a key, only a bundle that it signed decides', async () => {
    const keys = join(directory, 'eval-keys');
    await policy('keygen', '--kid', 'stranger', '--out', keys);
    const key = ['--key', join(keys, 'stranger.pub.json')];
    expect(await policy('eval', '--bundle', bundle, '--input', allowed(), ...key)).toBe(2);
  });

  test('as JSON', async () => {
    await policy('eval', '--bundle', bundle, '--input', denied(), '-o', 'json');
    expect(JSON.parse(out)).toMatchObject({ kind: 'deny', violations: [{ rule: 'pod-security-baseline/privileged' }] });
  });

  test('explain says who, what, why and which rules', async () => {
    expect(await policy('explain', '--bundle', bundle, '--input', denied())).toBe(1);
    expect(out).toContain('replicaset wishes to create core/pods shop/web-x7k2p');
    expect(out).toContain('because  scale-up, for ReplicaSet shop/web');
    expect(out).toContain('pod-security-baseline/privileged  critical  CIS 5.2.2');
    expect(out).toContain('Containers must not be privileged.');
    expect(await policy('explain', '--bundle', bundle, '--input', allowed())).toBe(0);
    expect(out).toContain('no rule objects');
  });
});

describe('build and test', () => {
  test('a copy of the sources builds the committed bundle, and a broken rule says where', async () => {
    const root = join(directory, 'policies');
    cpSync(POLICIES, root, { recursive: true });
    const opa = await opaProgram();
    await policy('build', '--root', root, '--out', join(directory, 'built'), '--opa', opa);
    expect(readFileSync(join(directory, 'built/manifest.json'), 'utf8')).toBe(
      readFileSync(join(BUILD, 'manifest.json'), 'utf8'),
    );
    await policy('build', '--root', root, '--out', join(directory, 'built'), '--opa', opa, '--bundle-version', '7');
    expect(JSON.parse(readFileSync(join(directory, 'built/manifest.json'), 'utf8'))).toMatchObject({ version: 7 });
    writeFileSync(join(root, 'lib/broken.rego'), 'package lib.broken\n\nnow := time.now_ns()\n');
    await expect(policy('build', '--root', root, '--opa', opa)).rejects.toThrow(
      /lib\/broken.rego:3: .*undefined function time.now_ns/,
    );
  });

  test('test runs sources and module, and fails where they differ', async () => {
    const root = join(directory, 'policies-to-test');
    cpSync(POLICIES, root, { recursive: true });
    const opa = await opaProgram();
    expect(await policy('test', '--root', root, '--opa', opa)).toBe(0);
    expect(out).toMatch(/rules: \d+ cases passed, coverage \d+\.\d %/);
    const rule = join(root, 'lib/pod_security/privileged.rego');
    writeFileSync(rule, readFileSync(rule, 'utf8').replace('level >= 1', 'level >= 3'));
    await expect(policy('test', '--root', root, '--opa', opa)).rejects.toThrow(/privileged/);
    // The module is that of the untouched sources: with them back, and an empty module's data, only it fails.
    cpSync(join(POLICIES, 'lib'), join(root, 'lib'), { recursive: true });
    await policy('build', '--root', root, '--opa', opa);
    const data = join(root, 'data/pod_security.json');
    writeFileSync(data, readFileSync(data, 'utf8').replace('baseline', 'restricted'));
    await policy('build', '--root', root, '--opa', opa);
    writeFileSync(data, readFileSync(data, 'utf8').replace('restricted', 'baseline'));
    expect(await policy('test', '--root', root, '--opa', opa)).toBe(1);
    expect(out).toMatch(/compiled module: \d+ cases failed/);
    // All cases of all controllers, several times over.
  }, 240_000);
});
