import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ensureBinaries } from '#local/build.ts';
import { buildBundle } from '#policy/build.ts';
import { signBundle } from '#policy/bundle.ts';
import { allCases, expandCase, readCases } from '#policy/cases.ts';
import { type BundleNote, createEvaluator, type EvaluatorOptions, type ReloadingEvaluator } from '#policy/evaluator.ts';
import { newKeyPair, type PublicJwk } from '#policy/keys.ts';
import type { PolicyInput } from '#policy/port.ts';
import { systemClock } from '#telemetry/clock.ts';
import type { Log, Meter } from '#telemetry/port.ts';

export const POLICIES = join(import.meta.dirname, '../../policies');
export const BUILD = join(POLICIES, 'build');

/** The key that signs what tests load; made anew in each process, written nowhere. */
export const SIGNER = newKeyPair('test', 'EdDSA');

export function scratch(): string {
  return mkdtempSync(join(tmpdir(), 'comptroller-policy-test-'));
}

export function discard(directory: string): void {
  rmSync(directory, { recursive: true, force: true });
}

export async function opaProgram(): Promise<string> {
  return (await ensureBinaries(['opa'])).opa;
}

/** A copy of the committed bundle, signed. */
export async function signedBaseline(directory: string): Promise<string> {
  const bundle = join(directory, 'bundle');
  cpSync(BUILD, bundle, { recursive: true });
  await signBundle(bundle, SIGNER.key, 'test');
  return bundle;
}

export interface Sources {
  readonly gate: string;
  readonly data?: object;
  /** Inputs with the decision that the self-test expects. Default: one of each, for `allow` and `deny` names. */
  readonly cases?: object;
  readonly version?: number;
}

/** A small bundle of its own rules, signed; its self-test allows the name `allow` and denies the name `deny`. */
export async function customBundle(directory: string, sources: Sources): Promise<string> {
  const root = join(directory, `root-${Math.random()}`);
  const files: Record<string, string> = {
    'gate/policy.rego': sources.gate,
    'lib/keep.rego': 'package lib.keep\n\nkept := true\n',
    'controllers/keep/policy.rego': 'package controllers.keep\n\nkept := true\n',
    'data/data.json': JSON.stringify(sources.data ?? {}),
    'testdata/cases.json': JSON.stringify({
      bases: { input: input({}) },
      cases: { own: sources.cases ?? DEFAULT_CASES },
    }),
    'capabilities.json': readFileSync(join(POLICIES, 'capabilities.json'), 'utf8'),
  };
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  const out = join(root, 'build');
  await buildBundle({ root, opa: await opaProgram(), out, version: sources.version ?? 1 });
  await signBundle(out, SIGNER.key, 'test');
  return out;
}

const DEFAULT_CASES = {
  allowed: { base: 'input', with: { write: { name: 'allow' } }, expect: { allow: true }, selfTest: true },
  denied: {
    base: 'input',
    with: { write: { name: 'deny' } },
    expect: { allow: false, rules: ['test/denied'] },
    selfTest: true,
  },
};

/** Rego that allows what `condition` says, of the known controller outside of comptroller-system only. */
export function gateThat(condition: string, more = ''): string {
  const denied = '{"rule": "test/denied", "title": "Denied.", "message": "no", "severity": "low", "controls": []}';
  return `package gate

default decision := {"allow": false, "violations": [${denied}], "warnings": [], "needs": []}

decision := {"allow": true, "violations": [], "warnings": [], "needs": []} if {
	input.version == "comptroller.dev/policy/v1"
	input.controller.name == "test"
	input.write.namespace != "comptroller-system"
	${condition}
}
${more}`;
}

/** A whole input; `write` and more are laid over it. */
export function input(over: { write?: object; [member: string]: unknown }): PolicyInput {
  const { write, ...rest } = over;
  return {
    version: 'comptroller.dev/policy/v1',
    time: { rfc3339: '2026-11-20T12:00:00.000Z', weekday: 'Friday', hour: 12, zone: 'UTC' },
    mode: 'enforce',
    cluster: { name: 'test' },
    epoch: null,
    bundle: { version: 1, digest: '0'.repeat(64) },
    controller: { name: 'test', identity: 'comptroller:test' },
    write: {
      class: 'write',
      verb: 'create',
      group: '',
      apiVersion: 'v1',
      kind: 'ConfigMap',
      resource: 'configmaps',
      subresource: '',
      namespace: 'shop',
      name: 'allow',
      uid: '',
      propagation: '',
      preconditions: {},
      ...write,
    },
    object: null,
    before: null,
    patch: null,
    partial: false,
    untracked: [],
    cause: { reason: 'test', owners: [], evidence: 'absent' },
    facts: {},
    ...rest,
  } as PolicyInput;
}

/** The input of a shared case. */
export function caseInput(topic: string, name: string): PolicyInput {
  const library = readCases(POLICIES);
  const found = allCases(library).find((one) => one.topic === topic && one.name === name);
  if (found === undefined) throw new Error(`no case ${topic}: ${name}`);
  return expandCase(found, library) as unknown as PolicyInput;
}

export interface Recorded {
  readonly evaluator: ReloadingEvaluator;
  readonly notes: BundleNote[];
  readonly metrics: { readonly name: string; readonly labels: Record<string, string>; readonly value: number }[];
}

export const RECORDED = Promise.resolve({ ok: true, value: undefined } as const);

/** An evaluator whose notes and metrics are kept. */
export async function start(bundleDir: string, over: Partial<EvaluatorOptions> = {}): Promise<Recorded> {
  const notes: BundleNote[] = [];
  const metrics: Recorded['metrics'] = [];
  const keep = (name: string, labels: object, value = 1): void => {
    metrics.push({ name, labels: labels as Record<string, string>, value });
  };
  const meter: Meter = { count: keep, set: keep, observe: keep };
  const silent = (): void => {};
  const log: Log = { debug: silent, info: silent, warn: silent, error: silent };
  const evaluator = await createEvaluator({
    bundleDir,
    keys: [SIGNER.publicJwk] satisfies PublicJwk[],
    minVersion: 1,
    meter,
    log,
    clock: systemClock,
    onBundle: (note) => {
      notes.push(note);
      return RECORDED;
    },
    ...over,
  });
  return { evaluator, notes, metrics };
}

/** Waits until the condition holds; the test's own time limit is the only one. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10));
}
