import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Finding } from '#doctor/port.ts';
import { throwawayCa } from '#kit/throwaway-ca.ts';
import { askedBy } from './doctor.ts';
import { findingsJson, findingsText } from './doctor-output.ts';
import { currentUser } from './kubeconfig-user.ts';

let directory: string;
const at = (name: string): string => join(directory, name);

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'doctor-cli-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function doctor(...args: string[]): Promise<{ code: number; out: string; errors: string }> {
  return new Promise((resolve) => {
    const command = [join(import.meta.dirname, 'main.ts'), 'doctor', ...args];
    execFile(process.execPath, command, (error, out, errors) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, errors });
    });
  });
}

describe('arguments', () => {
  test.each([
    [['--kubeconfig=/k', '--v', '2'], { output: 'table', rest: ['--kubeconfig=/k', '--v', '2'] }],
    [['-o', 'json', '--config', '/c'], { output: 'json', config: '/c', rest: ['--config', '/c'] }],
    [['--output=json', '--config=/c=d'], { output: 'json', config: '/c=d', rest: ['--config=/c=d'] }],
    [['--admin-kubeconfig', '/a', '--leader-elect'], { output: 'table', admin: '/a', rest: ['--leader-elect'] }],
  ])('%j', (args, asked) => {
    expect(askedBy(args)).toEqual({ help: false, ...asked });
  });

  test('an option without its value is told', () => {
    expect(() => askedBy(['-o'])).toThrow('-o: it needs a value');
  });
});

describe('the report', () => {
  const findings: readonly Finding[] = [
    { check: 'clock', verdict: 'ok', found: 'well', remedy: '' },
    { check: 'roles', verdict: 'fail', found: 'role \u001b[31mx', remedy: 'kubectl apply' },
    { check: 'audit-log', verdict: 'unknown', found: 'hidden', remedy: 'look', outside: true },
  ];

  test('is a line each, what to do below, and a count; no name reaches the terminal as a command', () => {
    expect(findingsText(findings).split('\n')).toEqual([
      'CHECK                VERDICT FOUND, AND WHAT TO DO',
      'clock                OK      well',
      'roles                FAIL    role \\u001b[31mx',
      '                             -> kubectl apply',
      'audit-log            UNKNOWN hidden',
      '                             -> look',
      "1 ok, 0 warn, 1 fail, 1 unknown (1 that only a look at the API server's host decides)",
      '',
    ]);
  });

  test('is JSON with the verdict of the exit code', () => {
    expect(JSON.parse(findingsJson(findings))).toEqual({
      version: 'comptroller.dev/doctor-report/v1',
      verdict: 'failed',
      findings,
    });
    expect(JSON.parse(findingsJson(findings.filter(({ verdict }) => verdict !== 'fail')))).toMatchObject({
      verdict: 'ok',
    });
  });
});

describe("the administrator's kubeconfig", () => {
  const write = (user: object): string => {
    const contexts = [{ name: 'here', context: { user: 'me' } }];
    writeFileSync(at('admin'), JSON.stringify({ 'current-context': 'here', contexts, users: [{ name: 'me', user }] }));
    return at('admin');
  };

  test('gives a certificate, inline or from files beside it, or a token', () => {
    writeFileSync(at('c'), 'C');
    writeFileSync(at('k'), 'K');
    const inline = {
      'client-certificate-data': Buffer.from('C').toString('base64'),
      'client-key-data': Buffer.from('K').toString('base64'),
    };
    for (const user of [inline, { 'client-certificate': 'c', 'client-key': at('k') }])
      expect(currentUser(write(user), '--admin-kubeconfig')).toEqual({ cert: 'C', key: 'K' });
    expect(currentUser(write({ token: 'T' }), '--admin-kubeconfig')).toEqual({ token: 'T' });
    expect(currentUser(write({ tokenFile: 'c' }), '--admin-kubeconfig')).toEqual({ token: 'C' });
  });

  test('whose user is a plugin, or that cannot be read, is told by its flag', () => {
    expect(() => currentUser(write({ exec: { command: 'x' } }), '--admin-kubeconfig')).toThrow(
      /^--admin-kubeconfig: its current user has neither/,
    );
    expect(() => currentUser(at('absent'), '--admin-kubeconfig')).toThrow(
      /^--admin-kubeconfig: the file cannot be read/,
    );
  });
});

describe('comptroller doctor', () => {
  test('flags are those of run; an unknown one ends it with 2', async () => {
    const { code, out, errors } = await doctor('--kubecofig=/tmp/x');
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(errors).toContain('did you mean --kubeconfig?');
    expect((await doctor('--help')).out).toContain('--admin-kubeconfig');
  });

  test('with nothing there yet it ends with 1, and says of each thing what to do', async () => {
    const ca = await throwawayCa(directory);
    const cluster = { server: 'https://127.0.0.1:1', 'certificate-authority': ca.certFile };
    const contexts = [{ name: 'here', context: { cluster: 'here', user: 'nobody' } }];
    const content = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'here',
      clusters: [{ name: 'here', cluster }],
      contexts,
    };
    writeFileSync(at('kubeconfig'), JSON.stringify({ ...content, users: [{ name: 'nobody', user: {} }] }), {
      mode: 0o600,
    });
    const { code, out, errors } = await doctor(
      `--kubeconfig=${at('kubeconfig')}`,
      `--state-dir=${at('state')}`,
      `--keeper-ca-cert-file=${ca.certFile}`,
      `--keeper-ca-key-file=${ca.keyFile}`,
      '-o=json',
    );
    expect({ code, errors }).toEqual({ code: 1, errors: '' });
    const { findings } = JSON.parse(out) as { findings: Finding[] };
    const failed = findings.filter(({ verdict }) => verdict === 'fail').map(({ check }) => check);
    expect(failed).toEqual(['api-server', 'policy-bundle']);
    expect(findings.filter(({ verdict, remedy }) => verdict !== 'ok' && remedy === '')).toEqual([]);
    expect(out).not.toContain('PRIVATE KEY');
  });
});
