import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { Value } from 'typebox/value';
import { openBundle, readBundle } from '#policy/bundle.ts';
import { createEngine } from '#policy/engine.ts';
import { readPublicKey, verifyingKeys } from '#policy/keys.ts';
import { checkModule } from '#policy/module.ts';
import type { PolicyInput } from '#policy/port.ts';
import type { Judgement } from '#policy/result.ts';
import { InputSchema } from '#policy/schema.ts';
import { bytesOf } from '#policy/suite.ts';
import { bundleOption, remark, say } from './policy-options.ts';

interface DecideFlags {
  readonly bundle: string;
  readonly input: string;
  readonly key?: readonly string[];
  readonly output: 'text' | 'json';
}

/** Exit codes of both: 0 allowed, 1 denied, 2 no decision. */
export function decideCommands(): readonly Command[] {
  const options = (command: Command): Command =>
    command
      .addOption(bundleOption())
      .requiredOption('--input <file>', 'a policy input as JSON; - reads standard input')
      .option('--key <file...>', 'public JWK; with it only a bundle that it signed decides')
      .addOption(new Option('-o, --output <format>', 'how to print').choices(['text', 'json']).default('text'))
      .addHelpText('after', '\nExit codes: 0 allowed, 1 denied, 2 no decision could be made.');
  return [
    options(new Command('eval').description('print the decision on an input')).action((flags: DecideFlags) =>
      decide(flags, printDecision),
    ),
    options(new Command('explain').description('say which rules spoke on an input, and why')).action(
      (flags: DecideFlags) => decide(flags, printExplanation),
    ),
  ];
}

async function decide(flags: DecideFlags, print: (judgement: Judgement, input: PolicyInput) => void): Promise<void> {
  const judged = await judgeFile(flags).catch((error: unknown) => {
    remark(error instanceof Error ? error.message : 'deciding');
    return undefined;
  });
  process.exitCode = judged === undefined ? 2 : { allow: 0, deny: 1, error: 2 }[judged.judgement.kind];
  if (judged === undefined) return;
  if (flags.output === 'json') say(JSON.stringify(judged.judgement, null, 2));
  else print(judged.judgement, judged.input);
}

async function judgeFile({
  bundle,
  input: file,
  key,
}: DecideFlags): Promise<{ judgement: Judgement; input: PolicyInput }> {
  const input = readInput(file);
  const { files } = await load(bundle, key);
  const module = await WebAssembly.compile(files['policy.wasm']);
  checkModule(module);
  const engine = createEngine(module, new Uint8Array(files['data.json']).buffer);
  return { judgement: engine.judge(bytesOf(input)), input };
}

/** This only tries rules; what decides in `comptroller run` is never unsigned. */
async function load(directory: string, keys: readonly string[] | undefined) {
  if (keys === undefined) {
    remark('the signatures were not verified: name --key to verify them');
    return readBundle(directory);
  }
  return openBundle(directory, {
    keys: verifyingKeys(keys.map(readPublicKey)),
    quorum: 1,
    minVersion: 1,
    now: Date.now(),
  });
}

function readInput(file: string): PolicyInput {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file === '-' ? 0 : file, 'utf8'));
  } catch (error) {
    // The parser's message may show the text.
    throw new Error(`reading ${file}: ${error instanceof SyntaxError ? 'it is not JSON' : 'it cannot be opened'}`);
  }
  if (!Value.Check(InputSchema, value)) {
    const first = Value.Errors(InputSchema, value)[0];
    throw new Error(
      `reading ${file}: ${first?.instancePath || 'the input'} ${first?.message ?? 'is wrong'}; see policies/schema/input.v1.json`,
    );
  }
  return value as PolicyInput;
}

function printDecision(judgement: Judgement): void {
  say(judgement.kind === 'error' ? `error  ${judgement.code}` : judgement.kind);
  if (judgement.kind === 'error') return;
  if (judgement.kind === 'deny') {
    for (const { rule, message } of judgement.violations) say(`  ${rule}: ${message}`);
    for (const need of judgement.needs) say(`  needs ${need}`);
  }
  for (const warning of judgement.warnings) say(`  warning: ${warning}`);
}

function printExplanation(judgement: Judgement, { controller, write, cause, facts }: PolicyInput): void {
  const target = [write.group === '' ? 'core' : write.group, write.resource, write.subresource]
    .filter(Boolean)
    .join('/');
  say(
    `${controller.name} wishes to ${write.verb} ${target} ${[write.namespace, write.name].filter(Boolean).join('/')}`,
  );
  const trigger =
    cause.trigger === undefined
      ? 'nothing named'
      : `${cause.trigger.kind} ${[cause.trigger.namespace, cause.trigger.name].filter(Boolean).join('/')}`;
  say(`because  ${cause.reason}, for ${trigger}`);
  const level = facts.namespace?.value.labels['pod-security.kubernetes.io/enforce'];
  if (typeof level === 'string') say(`label    pod-security.kubernetes.io/enforce=${level}`);
  if (judgement.kind === 'error') say(`decision none: ${judgement.code}`);
  else say(`decision ${judgement.kind}, in ${judgement.micros} µs`);
  if (judgement.kind === 'allow') say('no rule objects');
  if (judgement.kind === 'deny') printReasons(judgement);
}

function printReasons({ violations, needs }: Extract<Judgement, { kind: 'deny' }>): void {
  for (const { rule, severity, title, message, controls } of violations) {
    say(`\n${rule}  ${severity}${controls.length > 0 ? `  ${controls.join(', ')}` : ''}`);
    say(`  ${title}`);
    say(`  ${message}`);
  }
  for (const need of needs) say(`\nit needs ${need}`);
}
