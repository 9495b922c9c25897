import { Option } from 'commander';

export const rootOption = (): Option =>
  new Option('--root <dir>', 'the OPA root with gate, lib, controllers and data').default('policies');
export const bundleOption = (): Option => new Option('--bundle <dir>', 'the bundle').default('policies/build');
export const opaOption = (): Option =>
  new Option('--opa <file>', 'the opa program; default: the pinned one, built with Go where it is missing');

export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** What is not the answer itself. */
export function remark(line: string): void {
  process.stderr.write(`${line}\n`);
}
