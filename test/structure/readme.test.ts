/** What README.md tells people to type has to be there: npm scripts, commands, their flags, test files. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, matchesGlob } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { flagsOf } from '#config/flags.ts';
import { CONTROLLERS } from '#controllers/registry.ts';
import { breakerCommand } from '../../src/cli/breaker.ts';
import { certsCommand } from '../../src/cli/certs.ts';
import { ledgerCommand } from '../../src/cli/ledger.ts';
import { manifestsCommand } from '../../src/cli/manifests.ts';
import { policyCommand } from '../../src/cli/policy.ts';
import config from '../../vitest.config.ts';
import { ROOT } from './tree.ts';

const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: Record<string, string> };

/** Lines of the fenced blocks, continued ones joined, and what stands between backticks. */
const blocks = [...readme.matchAll(/^```\w*\n([\s\S]*?)^```$/gm)].map(([, text]) => text as string);
const prose = readme.replaceAll(/^```\w*\n[\s\S]*?^```$/gm, '');
const inline = [...prose.matchAll(/`([^`\n]+)`/g)].map(([, text]) => text as string);
const typed = [...blocks.flatMap((text) => text.replaceAll(/\\\n\s*/g, ' ').split('\n')), ...inline];

/** One command of a line, as words: up to a pipe, a semicolon or a comment. Quotes are taken off. */
const commands = typed.flatMap((line) =>
  line
    .replace(/\s#\s.*$/, '')
    .split(/\s*(?:&&|\||;)\s*/)
    .map((one) =>
      [...one.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map((word) => word[1] ?? word[2] ?? (word[3] as string)),
    )
    .filter((words) => words.length > 0),
);
const starting = (...first: string[]) => commands.filter((words) => first.every((word, at) => words[at] === word));

const runFlags = flagsOf(CONTROLLERS).map(({ name }) => `--${name}`);
const own: Readonly<Record<string, readonly string[]>> = {
  run: [...runFlags, '--config', '--help', '--version'],
  doctor: [...runFlags, '--config', '--help', '--admin-kubeconfig', '--output'],
  keeper: ['--help'],
};
const trees: Readonly<Record<string, Command>> = {
  breaker: breakerCommand(),
  certs: certsCommand(),
  ledger: ledgerCommand(),
  manifests: manifestsCommand(),
  policy: policyCommand(),
};

const flagsIn = (words: readonly string[]): string[] =>
  words.filter((word) => /^--[a-z]/.test(word)).map((word) => word.replace(/=.*/, ''));

/** What of `comptroller ...` is not there. */
function missingIn([name = '', ...words]: readonly string[]): string[] {
  if (name === '--help' || name === '<command>') return [];
  const flags = own[name];
  if (flags !== undefined) return flagsIn(words).filter((flag) => !flags.includes(flag));
  const top = trees[name];
  if (top === undefined) return [`the command ${name}`];
  // `verify|show|query` names each of them.
  const subs = /^[a-z]/.test(words[0] ?? '') && top.commands.length > 0 ? (words[0] as string).split('|') : [];
  const found = subs.map((sub) => top.commands.find((one) => one.name() === sub));
  const known = [top, ...found].flatMap((one) => one?.options ?? []).flatMap(({ long }) => long ?? []);
  return [
    ...subs.filter((_, at) => found[at] === undefined).map((sub) => `the command ${name} ${sub}`),
    ...flagsIn(words).filter((flag) => flag !== '--help' && !known.includes(flag)),
  ];
}

/** Of an npm script that runs a file of ours: the text of its folder, which must know each flag. */
function sourcesOf(script: string): string {
  const file = /^node (\S+)/.exec(scripts[script] ?? '')?.[1];
  if (file === undefined) return '';
  const folder = join(ROOT, dirname(file));
  const files = readdirSync(folder).filter((name) => name.endsWith('.ts'));
  return files.map((name) => readFileSync(join(folder, name), 'utf8')).join('\n');
}

describe('README.md', () => {
  test('names commands at all', () => {
    expect(starting('npm', 'run').length).toBeGreaterThan(8);
    expect(starting('comptroller').length).toBeGreaterThan(10);
    expect(starting('npx', 'vitest', 'run').length).toBeGreaterThan(15);
  });

  test('each npm script is there, and knows the flags that it is given', () => {
    const given = starting('npm', 'run').map((words) => words.slice(2).filter((word) => word !== '-s'));
    const wrong = given.flatMap(([script = '', dashes, ...words]) => {
      if (scripts[script] === undefined) return [`npm run ${script}`];
      if (script === 'comptroller') return missingIn(words).map((what) => `${script}: ${what}`);
      const text = dashes === '--' ? sourcesOf(script) : '';
      return flagsIn(words)
        .filter((flag) => !text.includes(`${flag} `) && !text.includes(`'${flag}'`))
        .map((flag) => `npm run ${script} -- ${flag}`);
    });
    expect(wrong).toEqual([]);
  });

  test('each command of comptroller is there, and takes the flags that it is given', () => {
    const wrong = starting('comptroller').flatMap(([, ...words]) =>
      words.length === 0 ? [] : missingIn(words).map((what) => `${words.join(' ')}: ${what}`),
    );
    expect(wrong).toEqual([]);
  });

  test('flags that stand alone belong to a command of ours, or to upstream', () => {
    const UPSTREAM = [
      '--controllers',
      '--leader-elect-resource-name',
      '--client-ca-file',
      '--use-service-account-credentials',
    ];
    const options = Object.values(trees).flatMap((tree) => [tree, ...tree.commands].flatMap(({ options: all }) => all));
    const known = new Set([...Object.values(own).flat(), ...options.flatMap(({ long }) => long ?? []), ...UPSTREAM]);
    const scripted = ['cluster', 'conformance', 'soak'].map(sourcesOf).join('\n');
    const alone = inline
      .filter((text) => /^--[a-z][a-z-]*[^-.](=|\s|$)/.test(text))
      .flatMap((text) => flagsIn([text.split(' ')[0] as string]));
    expect(alone.length).toBeGreaterThan(5);
    expect(alone.filter((flag) => !known.has(flag) && !scripted.includes(`${flag} `))).toEqual([]);
  });

  test('each test file that a claim names is there, and belongs to one project', () => {
    const projects = (config.test?.projects ?? []).map((one) => (one as { test: Project }).test);
    const wrong = starting('npx', 'vitest', 'run').flatMap(([, , , ...words]) => {
      const named = words[words.indexOf('--project') + 1];
      if (words.includes('--project') && !projects.some(({ name }) => name === named)) return [`project ${named}`];
      const files = words.filter((word) => /^(src|test|deploy)\//.test(word));
      return files.flatMap((file) => wrongAbout(file, projects));
    });
    expect(wrong).toEqual([]);
  });

  test('each script that is given to node is there', () => {
    const files = starting('node').map(([, file = '']) => file);
    expect(files.filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
  });

  test('every claim has a command', () => {
    const table = readme.slice(
      readme.indexOf('## Claims, and the commands that show them'),
      readme.indexOf('\n## Controllers'),
    );
    const rows = table.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| claim'));
    expect(rows.length).toBeGreaterThan(20);
    expect(rows.filter((row) => !/\| `(npx|npm|node) [^`]+` \|$/.test(row))).toEqual([]);
  });
});

interface Project {
  readonly name: string;
  readonly include: readonly string[];
  readonly exclude?: readonly string[];
}

function wrongAbout(file: string, projects: readonly Project[]): string[] {
  const path = join(ROOT, file);
  if (!existsSync(path)) return [file];
  if (statSync(path).isDirectory()) return readdirSync(path).some((name) => name.endsWith('.test.ts')) ? [] : [file];
  const covers = ({ include, exclude = [] }: Project): boolean =>
    include.some((glob) => matchesGlob(file, glob)) && !exclude.some((glob) => matchesGlob(file, glob));
  return projects.filter(covers).length === 1 ? [] : [`${file}: not in one project`];
}
