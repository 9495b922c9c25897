import 'reflect-metadata';
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { X509CertificateGenerator } from '@peculiar/x509';
import { describe, expect, test } from 'vitest';

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly errors: string;
}

/** The real command in a process of its own. */
function comptroller(...args: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [join(import.meta.dirname, 'main.ts'), ...args], (error, out, errors) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, errors });
    });
  });
}

describe('comptroller run', () => {
  test('an unknown flag ends it with 2, and names the nearest', async () => {
    const { code, out, errors } = await comptroller('run', '--kubecofig=/tmp/x');
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(errors).toContain('--kubecofig: unknown flag; did you mean --kubeconfig?');
  });

  test('every problem is told at once, and no value is repeated', async () => {
    const { code, errors } = await comptroller('run', '--leader-elect=maybe-hunter2', '--secure-port=-1', '--nonsense');
    expect(code).toBe(2);
    for (const part of ['--leader-elect', '--secure-port', '--nonsense']) expect(errors).toContain(part);
    expect(errors).not.toContain('hunter2');
    expect(errors).not.toMatch(/\n\s+at /);
  });

  test('there is no flag that turns enforcement off', async () => {
    const { code, errors } = await comptroller('run', '--kubeconfig=/tmp/x', '--mode=shadow');
    expect(code).toBe(2);
    expect(errors).toContain('--mode');
  });

  test('a --root-ca-file without a certificate ends it with 2, before anything is started', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'run-'));
    const keys = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
    const ca = (await X509CertificateGenerator.createSelfSigned({ name: 'CN=ca', keys })).toString('pem');
    const [kubeconfig, rootCa, state] = [join(dir, 'config'), join(dir, 'ca.crt'), join(dir, 'state')] as const;
    const cluster = { server: 'https://127.0.0.1:1', 'certificate-authority-data': Buffer.from(ca).toString('base64') };
    const contexts = [{ name: 'c', context: { cluster: 'k', user: 'u' } }];
    const config = {
      'current-context': 'c',
      contexts,
      clusters: [{ name: 'k', cluster }],
      users: [{ name: 'u', user: {} }],
    };
    writeFileSync(kubeconfig, JSON.stringify({ apiVersion: 'v1', kind: 'Config', ...config }));
    writeFileSync(rootCa, 'hunter2');
    const flags = [`--kubeconfig=${kubeconfig}`, `--root-ca-file=${rootCa}`, `--state-dir=${state}`];
    const { code, errors } = await comptroller('run', ...flags);
    expect(code).toBe(2);
    expect(errors).toContain(`--root-ca-file: ${rootCa}: it holds no PEM certificate`);
    expect(errors).not.toContain('hunter2');
    expect(existsSync(state)).toBe(false);
    rmSync(dir, { recursive: true });
  });

  test('the version names the Kubernetes whose behaviour it has', async () => {
    const { code, out } = await comptroller('run', '--version');
    expect(code).toBe(0);
    expect(out).toMatch(/^comptroller \d+\.\d+\.\d+ \(Kubernetes v1\.\d+\.\d+\)\n$/);
  });
});

test.each([
  ['breaker release x', /required option '--reason <text>' not specified/],
  ['breaker release x --reason y --count no', /--count .*it is no number above 0/],
  ['breaker show', /missing required argument 'hold'/],
  ['breaker', /^Usage: comptroller breaker/],
  ['breaker list --server http://x', /reading --server: it is no https address/],
  ['policy sign', /required option '--key <file>' not specified/],
  ['certs list --nonsense', /unknown option '--nonsense'/],
])('%s: asked wrongly, so it ends with 2 and says why', async (words, says) => {
  const { code, out, errors } = await comptroller(...words.split(' '));
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(errors).toMatch(says);
});
