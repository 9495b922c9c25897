import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Clock } from '#core/time.ts';
import { signBundle } from '#policy/bundle.ts';
import type { EvaluatorOptions } from '#policy/evaluator.ts';
import { newKeyPair } from '#policy/keys.ts';
import type { PolicyInput } from '#policy/port.ts';
import { systemClock } from '#telemetry/clock.ts';
import {
  caseInput,
  customBundle,
  discard,
  gateThat,
  input,
  opaProgram,
  RECORDED,
  type Recorded,
  SIGNER,
  scratch,
  signedBaseline,
  start,
  until,
} from './support.ts';

const directory = scratch();
const open: Recorded[] = [];

async function started(bundle: string, over: Partial<EvaluatorOptions> = {}): Promise<Recorded> {
  const recorded = await start(bundle, over);
  open.push(recorded);
  return recorded;
}

beforeAll(async () => void (await opaProgram()), 600_000);
afterEach(async () => {
  await Promise.all(open.splice(0).map(({ evaluator }) => evaluator.close()));
});
afterAll(() => discard(directory));

/** A rule that searches for seconds over the name `slow`, without using up the memory. */
const SLOW = {
  gate: gateThat(
    'input.write.name in {"allow", "slow"}\n\tnot found',
    'found if {\n\tinput.write.name == "slow"\n\tcontains(data.hay, data.needle)\n}\n',
  ),
  data: { hay: 'a'.repeat(600_000), needle: `${'a'.repeat(300_000)}b` },
};
const QUICK = { batch: 400, single: 400 };

describe('the shipped baseline', () => {
  test('allows and denies, with the bundle and the time it took', async () => {
    const { evaluator, metrics } = await started(await signedBaseline(scratchIn('baseline')));
    const [allowed, denied] = await evaluator.decide([
      caseInput('replicaset', 'creates a pod'),
      caseInput('pod-security', 'baseline is the default: no privileged container'),
    ]);
    expect(allowed).toMatchObject({ kind: 'allow', bundle: evaluator.active(), warnings: [] });
    expect(allowed?.micros).toBeGreaterThan(0);
    expect(denied).toMatchObject({
      kind: 'deny',
      violations: [{ rule: 'pod-security-baseline/privileged', controls: ['CIS 5.2.2'], severity: 'critical' }],
    });
    const verdicts = metrics.filter(({ name }) => name === 'policy_decisions_total').map(({ labels }) => labels);
    expect(verdicts).toEqual([
      { controller: 'replicaset', verdict: 'allow' },
      { controller: 'replicaset', verdict: 'deny' },
    ]);
  });

  test('answers in the order of the inputs, also across many batches', async () => {
    const { evaluator } = await started(await signedBaseline(scratchIn('order')));
    const good = caseInput('replicaset', 'creates a pod');
    const bad = caseInput('replicaset', 'a pod without owner');
    const inputs = Array.from({ length: 500 }, (_, at) => (at % 3 === 0 ? bad : good));
    const decisions = await evaluator.decide(inputs);
    expect(decisions.map(({ kind }) => kind)).toEqual(inputs.map((one) => (one === bad ? 'deny' : 'allow')));
  });

  test('hostile names are values, nothing more', async () => {
    const { evaluator } = await started(await signedBaseline(scratchIn('hostile')));
    const good = caseInput('replicaset', 'creates a pod');
    const labels = JSON.parse('{"__proto__":"x","constructor":"y","toString":"z","hasOwnProperty":""}');
    const object = { ...good.object, metadata: { ...good.object?.metadata, labels } };
    const unknown = ['__proto__', 'constructor', 'toString'].map((name) => ({
      ...good,
      controller: { name, identity: '' },
    }));
    const decisions = await evaluator.decide([{ ...good, object }, ...unknown]);
    expect(decisions.map(({ kind }) => kind)).toEqual(['allow', 'deny', 'deny', 'deny']);
  });
});

describe('I2: whatever goes wrong is a refusal', () => {
  test('no bundle: POLICY_MISSING, and it says so', async () => {
    const { evaluator, notes, metrics } = await started(scratchIn('empty'));
    expect(evaluator.active()).toBeUndefined();
    expect(await evaluator.decide([input({})])).toEqual([
      { kind: 'error', bundle: undefined, code: 'POLICY_MISSING', micros: 0 },
    ]);
    expect(notes).toMatchObject([{ note: 'bundle', activated: false, bundle: { version: 0 } }]);
    expect(metrics).toContainEqual({ name: 'policy_bundle_errors_total', labels: { why: 'missing' }, value: 1 });
  });

  test('inputs that are no object: POLICY_MALFORMED', async () => {
    const { evaluator } = await started(
      await customBundle(directory, { gate: gateThat('input.write.name == "allow"') }),
    );
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    const odd = [null, undefined, 0, '', false, [], {}, Buffer.from('{}'), new Uint8Array(8), circular];
    const decisions = await evaluator.decide(odd as unknown as PolicyInput[]);
    expect(decisions.map((one) => one.kind === 'error' && one.code)).toEqual(odd.map(() => 'POLICY_MALFORMED'));
    expect(await evaluator.decide([input({})])).toMatchObject([{ kind: 'allow' }]);
  });

  test('what neither side can read is refused, and harms nothing', async () => {
    const { evaluator } = await started(
      await customBundle(directory, { gate: gateThat('input.write.name == "allow"') }),
    );
    const odd = [input({ object: { deep: nested(100_000) } }), input({ object: { half: '\ud800' } })];
    const decisions = await evaluator.decide([...odd, input({})]);
    expect(decisions.map(({ kind }) => kind)).toEqual(['error', 'error', 'allow']);
  });

  test('a decision that is undefined, malformed or contradicts itself', async () => {
    const shapes: Record<string, string> = {
      'not an object': '"yes"',
      'allow as text': '{"allow": "true", "violations": [], "warnings": [], "needs": []}',
      'a member too few': '{"allow": true, "violations": [], "warnings": []}',
      'a member too many': '{"allow": true, "violations": [], "warnings": [], "needs": [], "more": 1}',
      'allowed with a violation': '{"allow": true, "violations": [denied], "warnings": [], "needs": []}',
      'allowed with a need': '{"allow": true, "violations": [], "warnings": [], "needs": ["approval"]}',
      'denied without a reason': '{"allow": false, "violations": [], "warnings": [], "needs": []}',
      'a violation without title':
        '{"allow": false, "violations": [object.remove(denied, ["title"])], "warnings": [], "needs": []}',
      'an unknown need': '{"allow": false, "violations": [], "warnings": [], "needs": ["luck"]}',
    };
    const rules = Object.entries(shapes).map(
      ([name, shape]) => `decision := ${shape} if input.write.name == "${name}"`,
    );
    const denied =
      'denied := {"rule": "test/denied", "title": "Denied.", "message": "no", "severity": "low", "controls": []}';
    const allowed = `decision := {"allow": true, "violations": [], "warnings": [], "needs": []} if {
	input.write.name == "allow"
	input.version == "comptroller.dev/policy/v1"
	input.controller.name == "test"
	input.write.namespace == "shop"
}

decision := {"allow": false, "violations": [denied], "warnings": [], "needs": []} if input.write.name in {"deny", "two"}

decision := {"allow": false, "violations": [], "warnings": [], "needs": ["approval"]} if input.write.name in {"needy", "two"}`;
    const gate = ['package gate', denied, allowed, ...rules].join('\n\n');
    const { evaluator } = await started(await customBundle(directory, { gate }));
    const codes = async (name: string) => {
      const [one] = await evaluator.decide([input({ write: { name } })]);
      return one?.kind === 'error' ? one.code : one?.kind;
    };
    for (const name of Object.keys(shapes)) expect([name, await codes(name)]).toEqual([name, 'POLICY_MALFORMED']);
    expect(await codes('none')).toBe('POLICY_UNDEFINED');
    // Two rules that give different decisions abort the module, and the SDK throws a string.
    expect(await codes('two')).toBe('POLICY_UNDEFINED');
    expect(await codes('needy')).toBe('deny');
    expect(await codes('allow')).toBe('allow');
  });

  test('an input above the cap takes the slow lane; above the other it is refused', async () => {
    const { evaluator } = await started(
      await customBundle(directory, { gate: gateThat('input.write.name == "allow"') }),
    );
    const sized = (bytes: number) => input({ object: { metadata: { annotations: { text: 'ü'.repeat(bytes / 2) } } } });
    const decisions = await evaluator.decide([sized(300_000), sized(2_900_000), sized(3_300_000), input({})]);
    expect(decisions.map((one) => (one.kind === 'error' ? one.code : one.kind))).toEqual([
      'allow',
      'allow',
      'POLICY_INPUT_TOO_LARGE',
      'allow',
    ]);
  });
});

describe('I15: a slow input harms nobody else', () => {
  test('the batch is judged one by one, the poison gets POLICY_TIMEOUT, its tenant waits by itself', async () => {
    const bundle = await customBundle(directory, SLOW);
    const { evaluator, metrics } = await started(bundle, { timeouts: QUICK });
    const slow = input({ write: { name: 'slow', namespace: 'poison' } });
    const good = (namespace: string) => input({ write: { namespace } });
    const decisions = await evaluator.decide([good('a'), slow, good('b'), good('poison')]);
    expect(decisions.map((one) => (one.kind === 'error' ? one.code : one.kind))).toEqual([
      'allow',
      'POLICY_TIMEOUT',
      'allow',
      'allow',
    ]);
    const restarts = () => metrics.filter(({ name }) => name === 'policy_evaluator_restarts_total').length;
    expect(restarts()).toBe(2);
    // The next one of that tenant does not reach the fast lane: only the slow one is replaced.
    const [others, again] = await Promise.all([
      evaluator.decide(Array.from({ length: 100 }, () => good('a'))),
      evaluator.decide([slow]),
    ]);
    expect(others.every(({ kind }) => kind === 'allow')).toBe(true);
    expect(again).toMatchObject([{ kind: 'error', code: 'POLICY_TIMEOUT' }]);
    expect(restarts()).toBe(3);
  });

  test('what is too slow for a batch, and judged alone in time, comes into no batch again', async () => {
    const data = { hay: 'a'.repeat(200_000), needle: `${'a'.repeat(100_000)}b` };
    const bundle = await customBundle(directory, { ...SLOW, data });
    const { evaluator, metrics } = await started(bundle, { timeouts: { batch: 100, single: 60_000 } });
    const slow = input({ write: { name: 'slow', namespace: 'poison' } });
    for (let turn = 0; turn < 2; turn++) expect(await evaluator.decide([slow])).toMatchObject([{ kind: 'allow' }]);
    expect(metrics.filter(({ name }) => name === 'policy_evaluator_restarts_total')).toHaveLength(1);
  });

  test('a main thread that stands still kills no worker', async () => {
    const bundle = await customBundle(directory, SLOW);
    const { evaluator, metrics } = await started(bundle, { timeouts: { batch: 1000, single: 1000 } });
    const decision = evaluator.decide([input({})]);
    await nextTurn();
    const end = performance.now() + 1500;
    while (performance.now() < end);
    expect(await decision).toMatchObject([{ kind: 'allow' }]);
    expect(metrics.filter(({ name }) => name === 'policy_evaluator_restarts_total')).toEqual([]);
  });

  test('an input that uses up the memory ends itself only', async () => {
    const more =
      'grown := [x | some a in numbers.range(1, size); x := {"a": a, "b": [a, a, a], "c": $"{a} {a}"}]\n\nsize := 2000000 if input.write.name == "slow"\n\nelse := 1\n';
    const gate = gateThat('input.write.name in {"allow", "slow"}\n\tcount(grown) > 0', more);
    const { evaluator } = await started(await customBundle(directory, { gate }), {
      timeouts: { batch: 10_000, single: 10_000 },
    });
    expect(await evaluator.decide([input({ write: { name: 'slow' } })])).toMatchObject([
      { kind: 'error', code: 'POLICY_UNDEFINED' },
    ]);
    expect(await evaluator.decide([input({})])).toMatchObject([{ kind: 'allow' }]);
  });

  test('what waits when it closes is refused', async () => {
    const { evaluator } = await started(await customBundle(directory, SLOW), {
      timeouts: { batch: 60_000, single: 60_000 },
    });
    const waiting = evaluator.decide([input({ write: { name: 'slow' } }), input({})]);
    await nextTurn();
    await evaluator.close();
    expect(await waiting).toMatchObject([{ code: 'POLICY_CRASHED' }, { code: 'POLICY_CRASHED' }]);
    expect(await evaluator.decide([input({})])).toMatchObject([{ code: 'POLICY_MISSING' }]);
  });
});

describe('a bundle that was refused', () => {
  test('for it hangs takes the time of one case, not of each', async () => {
    const slow = (at: number) =>
      [`slow ${at}`, { base: 'input', with: { write: { name: 'slow' } }, ...PASSES }] as const;
    const cases = {
      ...Object.fromEntries(Array.from({ length: 30 }, (_, at) => slow(at))),
      allowed: { base: 'input', with: { write: { name: 'allow' } }, ...PASSES },
      denied: { base: 'input', with: { write: { name: 'deny' } }, ...PASSES, expect: { allow: false, rules: [] } },
    };
    const { evaluator, notes, metrics } = await started(await customBundle(directory, { ...SLOW, cases }), {
      timeouts: { batch: 100, single: 100 },
    });
    expect(evaluator.active()).toBeUndefined();
    expect(notes).toMatchObject([{ activated: false, why: expect.stringMatching(/^self-test: .*POLICY_TIMEOUT/) }]);
    expect(metrics.filter(({ name }) => name === 'policy_evaluator_restarts_total').length).toBeLessThanOrEqual(4);
  });

  test('is tried again while there is no other, though its files are the same', async () => {
    const answers = [false, false, true];
    const waits: number[] = [];
    const clock: Clock = {
      now: systemClock.now,
      after(delay, callback) {
        const waited = delay === 4000 || delay === 8000;
        if (waited) waits.push(delay);
        return systemClock.after(waited ? 0 : delay, callback);
      },
    };
    const { evaluator } = await started(await signedBaseline(scratchIn('again')), {
      clock,
      onBundle: async ({ activated }) => ({ ok: !activated || answers.shift() === true }),
    });
    await until(() => evaluator.active() !== undefined);
    expect(waits).toEqual([4000, 8000]);
    expect(answers).toEqual([]);
  });

  test('is tried again also beside an older one, where time or room may have been short; files that are wrong are not', async () => {
    const bundle = scratchIn('busy');
    cpSync(await signedBaseline(scratchIn('busy-one')), bundle, { recursive: true });
    const answers = [true, false, true];
    const clock: Clock = {
      now: systemClock.now,
      after: (delay, callback) => systemClock.after(delay === 4000 ? 0 : delay, callback),
    };
    const { evaluator } = await started(bundle, {
      clock,
      onBundle: async ({ activated }) => ({ ok: !activated || answers.shift() === true }),
    });
    const first = evaluator.active();
    cpSync(await customBundle(directory, { gate: gateThat('input.write.name == "allow"'), version: 2 }), bundle, {
      recursive: true,
    });
    await evaluator.reload();
    await until(() => evaluator.active()?.version === 2);
    expect([first?.version, answers]).toEqual([1, []]);
  });
});

const PASSES = { expect: { allow: true }, selfTest: true };

describe('bundles while it runs', () => {
  const allowing = (name: string, version: number) =>
    customBundle(directory, { gate: gateThat(`input.write.name in {"allow", "${name}"}`), version });
  const verdict = async ({ evaluator }: Recorded, name: string) =>
    (await evaluator.decide([input({ write: { name } })]))[0]?.kind;

  test('a new one takes over without a restart, each time with a record before it holds', async () => {
    const bundle = scratchIn('swap');
    copy(await allowing('one', 1), bundle);
    let seen: string | undefined;
    let running: Recorded | undefined;
    const recorded = await started(bundle, {
      onBundle: () => {
        seen = running?.evaluator.active()?.digest;
        return RECORDED;
      },
    });
    running = recorded;
    const { evaluator } = recorded;
    expect(await verdict(recorded, 'two')).toBe('deny');
    const before = evaluator.active();
    const activations: number[] = [];
    evaluator.onActivation(({ version }) => activations.push(version));
    copy(await allowing('two', 2), bundle);
    await until(() => evaluator.active()?.version === 2);
    expect([await verdict(recorded, 'one'), await verdict(recorded, 'two')]).toEqual(['deny', 'allow']);
    expect(seen).toBe(before?.digest);
    expect(activations).toEqual([2]);
    expect(recorded.metrics).toContainEqual({
      name: 'policy_bundle_info',
      labels: { version: '1', digest: before?.digest ?? '' },
      value: 0,
    });
  });

  test.each([
    [
      'signature',
      'another key signed it',
      async (to: string) => {
        copy(await allowing('two', 2), to, ['signatures.json']);
        await signBundle(to, newKeyPair('other', 'EdDSA').key, 'test');
      },
    ],
    [
      'signature',
      'nobody signed it',
      async (to: string) => {
        copy(await allowing('two', 2), to);
        writeFileSync(join(to, 'signatures.json'), '{"signatures":[]}');
      },
    ],
    [
      'missing',
      'the signatures are gone',
      async (to: string) => {
        copy(await allowing('two', 2), to);
        discard(join(to, 'signatures.json'));
      },
    ],
    [
      'digest',
      'the module is another than the one that was signed',
      async (to: string) => {
        const wasm = readFileSync(join(to, 'policy.wasm'));
        wasm[wasm.length - 1] = (wasm.at(-1) ?? 0) ^ 1;
        writeFileSync(join(to, 'policy.wasm'), wasm);
      },
    ],
    ['digest', 'the data is another', async (to: string) => writeFileSync(join(to, 'data.json'), '{"more":1}')],
    ['malformed', 'the manifest is no JSON', async (to: string) => writeFileSync(join(to, 'manifest.json'), '{')],
    ['version', 'an older one is put back (I16)', async (to: string) => copy(await allowing('zero', 1), to)],
    ['version', 'another of the same version', async (to: string) => copy(await allowing('twin', 2), to)],
    [
      'expired',
      'its signature has expired',
      async (to: string) => {
        copy(await allowing('two', 3), to);
        await signBundle(to, SIGNER.key, 'test', { expires: Date.now() - 1000 });
      },
    ],
    [
      'self-test',
      'it denies what it must allow',
      async (to: string) =>
        copy(await customBundle(directory, { gate: gateThat('input.write.name == "other"'), version: 3 }), to),
    ],
    [
      'self-test',
      'it allows what it must deny',
      async (to: string) =>
        copy(await customBundle(directory, { gate: gateThat('input.write.name != "other"'), version: 3 }), to),
    ],
    [
      'self-test',
      'it has no case that must be denied',
      async (to: string) =>
        copy(
          await customBundle(directory, {
            gate: gateThat('true'),
            version: 3,
            cases: { allowed: { base: 'input', expect: { allow: true }, selfTest: true } },
          }),
          to,
        ),
    ],
    [
      'self-test',
      "it allows comptroller's own namespace",
      async (to: string) => {
        const gate = gateThat('input.write.name == "allow"').replace(
          'input.write.namespace != "comptroller-system"',
          'true',
        );
        copy(await customBundle(directory, { gate, version: 3 }), to);
      },
    ],
    [
      'self-test',
      'it allows an unknown controller',
      async (to: string) => {
        const gate = gateThat('input.write.name == "allow"').replace('input.controller.name == "test"', 'true');
        copy(await customBundle(directory, { gate, version: 3 }), to);
      },
    ],
    [
      'self-test',
      'a rule reads what the cache drops',
      async (to: string) => {
        const gate = gateThat('input.write.name == "allow"\n\tnot input.before.metadata.managedFields');
        const cases = {
          allowed: {
            base: 'input',
            with: { before: { metadata: {} }, untracked: ['/metadata/managedFields'] },
            expect: { allow: true },
            selfTest: true,
          },
          denied: { base: 'input', with: { write: { name: 'deny' } }, expect: { allow: false }, selfTest: true },
        };
        copy(await customBundle(directory, { gate, version: 3, cases }), to);
      },
    ],
  ] as const)('%s: %s: the last good one stays, and it says why', async (fault, _case, damage) => {
    const bundle = scratchIn(`broken-${Math.random()}`);
    copy(await allowing('one', 2), bundle);
    const recorded = await started(bundle);
    const { evaluator, notes, metrics } = recorded;
    const before = evaluator.active();
    expect(before?.version).toBe(2);
    await damage(bundle);
    await evaluator.reload();
    expect(evaluator.active()).toEqual(before);
    expect(await verdict(recorded, 'one')).toBe('allow');
    expect(notes.at(-1)).toMatchObject({ activated: false, why: expect.stringMatching(new RegExp(`^${fault}: `)) });
    expect(metrics).toContainEqual({ name: 'policy_bundle_errors_total', labels: { why: fault }, value: 1 });
  });

  test('what the cache of this process drops is tried as well', async () => {
    const gate = gateThat('input.write.name == "allow"\n\tnot input.before.data.secret');
    const cases = {
      allowed: { base: 'input', with: { before: {} }, expect: { allow: true }, selfTest: true },
      denied: { base: 'input', with: { write: { name: 'deny' } }, expect: { allow: false }, selfTest: true },
    };
    const bundle = await customBundle(directory, { gate, cases });
    expect((await started(bundle)).evaluator.active()?.version).toBe(1);
    const untracked = (resource: string) => (resource === 'core/configmaps' ? ['/data/secret'] : []);
    expect((await started(bundle, { untracked })).evaluator.active()).toBeUndefined();
  });

  test('I16: a version below the highest that the ledger has seen is not activated at the start either', async () => {
    const { evaluator, notes } = await started(await allowing('one', 4), { minVersion: 5 });
    expect(evaluator.active()).toBeUndefined();
    expect(notes).toMatchObject([{ activated: false, bundle: { version: 4 } }]);
  });

  test('a bundle whose activation the ledger refuses does not hold', async () => {
    const { evaluator } = await started(await allowing('one', 1), {
      onBundle: () => Promise.resolve({ ok: false, code: 'GATE_LEDGER_FAILED' }),
    });
    expect(evaluator.active()).toBeUndefined();
    const throwing = await started(await allowing('one', 1), { onBundle: () => Promise.reject(new Error('disk')) });
    expect(throwing.evaluator.active()).toBeUndefined();
  });

  test('two keys have to sign where two are asked for', async () => {
    const second = newKeyPair('second', 'ES256');
    const bundle = await allowing('one', 1);
    const keys = [SIGNER.publicJwk, second.publicJwk];
    expect((await started(bundle, { keys, quorum: 2 })).evaluator.active()).toBeUndefined();
    await signBundle(bundle, second.key, 'second');
    expect((await started(bundle, { keys, quorum: 2 })).evaluator.active()?.version).toBe(1);
    expect((await started(bundle, { keys: [second.publicJwk] })).evaluator.active()?.version).toBe(1);
  });
});

function scratchIn(name: string): string {
  const path = join(directory, name);
  mkdirSync(path, { recursive: true });
  return path;
}

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let at = 0; at < depth; at++) value = [value];
  return value;
}

/** Puts a bundle in the place of another, file by file, as an operator's script would. */
function copy(from: string, to: string, without: readonly string[] = []): void {
  cpSync(from, to, { recursive: true, filter: (path) => !without.includes(basename(path)) });
}
