import { execFileSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { readBundle } from '#policy/bundle.ts';
import { createEngine, type Engine } from '#policy/engine.ts';
import type { PolicyInput } from '#policy/port.ts';
import { bytesOf } from '#policy/suite.ts';
import { BUILD, caseInput, POLICIES } from './support.ts';

/** The pods that Kubernetes itself tests its Pod Security admission with, from the pinned module of the local control plane. */
function fixtures(level: 'baseline' | 'restricted', verdict: 'pass' | 'fail'): readonly { name: string; pod: Pod }[] {
  const modules = join(POLICIES, '../deploy/local/go/kubernetes');
  const module = execFileSync('go', ['mod', 'download', '-json', 'k8s.io/pod-security-admission@v0.37.1'], {
    cwd: modules,
    encoding: 'utf8',
  });
  const folder = join((JSON.parse(module) as { Dir: string }).Dir, `test/testdata/${level}/v1.37/${verdict}`);
  return globSync('*.yaml', { cwd: folder })
    .sort()
    .map((file) => ({ name: basename(file, '.yaml'), pod: parse(readFileSync(join(folder, file), 'utf8')) as Pod }));
}
interface Pod {
  readonly metadata: Record<string, unknown>;
  readonly spec: Record<string, unknown>;
}

/** The pod as a ReplicaSet's, in a namespace that asks for the level. */
function asCreated({ metadata, spec }: Pod, level: string): PolicyInput {
  const base = caseInput('replicaset', 'creates a pod');
  const facts = {
    ...base.facts,
    namespace: {
      ...base.facts.namespace,
      value: { name: 'shop', phase: 'Active', labels: { 'pod-security.kubernetes.io/enforce': level } },
    },
  };
  const object = { ...base.object, metadata: { ...metadata, ...base.object?.metadata }, spec };
  return { ...base, object, facts } as PolicyInput;
}

describe.each(['baseline', 'restricted'] as const)("Kubernetes' own pods for %s, v1.37", (level) => {
  let engine: Engine;
  beforeAll(async () => {
    const { files } = await readBundle(BUILD);
    const module = await WebAssembly.compile(files['policy.wasm']);
    engine = createEngine(module, new Uint8Array(files['data.json']).buffer);
  });
  const rulesOf = (pod: Pod): readonly string[] => {
    const judgement = engine.judge(bytesOf(asCreated(pod, level)));
    if (judgement.kind === 'error') return [judgement.code];
    return judgement.kind === 'deny' ? judgement.violations.map(({ rule }) => rule) : [];
  };

  test.each(fixtures(level, 'pass').map(({ name, pod }) => [name, pod] as const))('%s passes', (_name, pod) => {
    expect(rulesOf(pod)).toEqual([]);
  });

  test.each(fixtures(level, 'fail').map(({ name, pod }) => [name, pod] as const))('%s fails', (name, pod) => {
    const rules = rulesOf(pod);
    expect(rules.length).toBeGreaterThan(0);
    expect(rules.every((rule) => rule.startsWith('pod-security-'))).toBe(true);
    // The file is named after the check: ours of the same subject has to be among those that speak.
    const subject = SUBJECTS.find(([prefix]) => name.startsWith(prefix))?.[1];
    expect(rules.some((rule) => subject !== undefined && rule.endsWith(subject))).toBe(true);
  });
});

const SUBJECTS: readonly (readonly [string, string])[] = [
  ['allowprivilegeescalation', '/privilege-escalation'],
  ['apparmorprofile', '/apparmor'],
  ['capabilities_baseline', '/capabilities'],
  ['capabilities_restricted', ''],
  ['hostnamespaces', '/host-namespaces'],
  ['hostpathvolumes', '/host-path'],
  ['hostports', '/host-ports'],
  ['hostprobesandhostlifecycle', '/host-probes'],
  ['privileged', '/privileged'],
  ['procmount', '/proc-mount'],
  ['restrictedvolumes', '/volumes'],
  ['runasnonroot', '/run-as-non-root'],
  ['runasuser', '/run-as-user'],
  ['seccompprofile', '/seccomp'],
  ['selinuxoptions', '/selinux'],
  ['sysctls', '/sysctls'],
  ['windowshostprocess', '/windows-host-process'],
];
