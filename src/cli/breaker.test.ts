import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { selfSigned } from '#doors/certificate.ts';
import { askDoor, type DoorOptions, knockingOf } from './breaker-options.ts';
import { holdText, listText, type ShownHold } from './breaker-output.ts';

const directory = mkdtempSync(join(tmpdir(), 'breaker-'));
const file = (name: string, text: string): string => {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
};
const token = file('token', 'sesame\n');
const options = (more: Partial<DoorOptions> = {}): DoorOptions => ({
  server: 'https://127.0.0.1:10257',
  output: 'table',
  tokenFile: token,
  ...more,
});
const kubeconfig = (user: object, current = 'here'): string =>
  file(
    `config-${Math.random()}`,
    JSON.stringify({
      'current-context': current,
      contexts: [{ name: 'here', context: { user: 'me' } }],
      users: [{ name: 'me', user }],
    }),
  );

describe('who knocks', () => {
  test.each([
    ['a token file', { tokenFile: token }, { token: 'sesame' }],
    ['a certificate', { clientCert: file('c', 'C'), clientKey: file('k', 'K') }, { cert: 'C', key: 'K' }],
    [
      'the certificate of a kubeconfig',
      { kubeconfig: kubeconfig({ 'client-certificate-data': btoa('C'), 'client-key-data': btoa('K') }) },
      { cert: 'C', key: 'K' },
    ],
    ['the token of a kubeconfig', { kubeconfig: kubeconfig({ token: 't' }) }, { token: 't' }],
  ])('by %s', (_, given, who) => {
    const { tokenFile: _token, ...rest } = options();
    expect(knockingOf({ ...rest, ...given })).toMatchObject(who);
  });

  test.each([
    ['nobody', { tokenFile: undefined }, /^knocking as nobody: .* give --kubeconfig/],
    ['no https', { server: 'http://127.0.0.1' }, /^reading --server: it is no https address/],
    ['a certificate without a key', { clientCert: 'c' }, /^--client-cert: certificate and key go together/],
    ['a file that is not there', { tokenFile: join(directory, 'gone') }, /^--token-file: the file cannot be read/],
    ['a plugin', { tokenFile: undefined, kubeconfig: kubeconfig({ exec: {} }) }, /plugins are not run/],
    ['another context', { tokenFile: undefined, kubeconfig: kubeconfig({ token: 't' }, 'there') }, /neither a client/],
    [
      'no YAML',
      { tokenFile: undefined, kubeconfig: file('bad', 'a: [hunter2') },
      /^--kubeconfig: the file is not YAML$/,
    ],
    [
      'a token for whoever answers elsewhere',
      { server: 'https://10.0.0.1', insecureSkipTlsVerify: true },
      /^--insecure-skip-tls-verify: a token would be shown/,
    ],
  ])('refuses %s', (_, given, says) => {
    expect(() => knockingOf(options(given as Partial<DoorOptions>))).toThrow(says);
  });
});

describe('a door', () => {
  let server: ReturnType<typeof createServer>;
  let at: string;
  let answer = { status: 200, body: '{"ok":true}' };
  const seen: (string | undefined)[] = [];
  beforeAll(async () => {
    server = createServer(await selfSigned('127.0.0.1', Date.now()), (request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(answer.status).end(answer.body);
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    at = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.close();
    rmSync(directory, { recursive: true });
  });
  const ask = (more: Partial<DoorOptions> = {}): Promise<unknown> =>
    askDoor(options({ server: at, insecureSkipTlsVerify: true, ...more }), 'GET', '/breaker');

  test('is asked as that person, over a certificate that is trusted, or said not to matter', async () => {
    expect(await ask()).toEqual({ ok: true });
    expect(seen).toEqual(['Bearer sesame']);
    await expect(ask({ insecureSkipTlsVerify: false })).rejects.toThrow(/give --ca-file/);
    expect(seen).toHaveLength(1);
  });

  test.each([
    [401, 'unauthorized', /credentials are none that the API server believes/],
    [403, 'forbidden', /ask for the ClusterRole comptroller:breaker-viewer/],
    [503, '{"error":"this replica does not lead; ask other"}', /^this replica does not lead; ask other$/],
    [500, 'internal error', /^the door answered 500$/],
    [200, 'not JSON', /^the door answered 200$/],
  ])('its %s is said in words', async (status, body, says) => {
    answer = { status, body };
    await expect(ask()).rejects.toThrow(says);
  });

  test('nobody listens there: that, and what to do', async () => {
    await expect(ask({ server: 'https://127.0.0.1:1' })).rejects.toThrow(/nobody listens there; give --server/);
  });
});

const HOLD: ShownHold = {
  id: 'h-1',
  state: 'open',
  scope: 'cause',
  at: '2026-01-01T00:00:00.000Z',
  subject: 'apps/replicasets a/\u001b[31mweb',
  controller: 'replicaset',
  reason: 'too-much-of-its-cause',
  why: 'why',
  says: 'what',
  weight: 55,
  limit: 40,
  percent: 92,
  evidence: 'absent',
  writes: 55,
  waiting: 1,
  sample: ['core/pods a/web-0'],
  next: ['release it'],
};

describe('what a person reads', () => {
  test('a table, without control characters', () => {
    const grant = {
      hold: 'h-0',
      controller: 'replicaset',
      root: 'u',
      left: 5,
      until: '2026-01-01T01:00:00Z',
      by: 'ann',
    };
    expect(listText([HOLD], [grant]).split('\n')).toEqual([
      'ID   STATE  SINCE                     CONTROLLER  OWNER                             WEIGHT/LIMIT  SHARE  WAITING',
      'h-1  OPEN   2026-01-01T00:00:00.000Z  replicaset  apps/replicasets a/\\u001b[31mweb  55/40         92%    55',
      '',
      'GRANT OF HOLD  CONTROLLER  LEFT  UNTIL                 BY',
      'h-0            replicaset  5     2026-01-01T01:00:00Z  ann',
      '',
    ]);
    expect(listText([], [])).toBe('nothing is held\n');
  });

  test('the whole story of one hold', () => {
    const story = holdText({ ...HOLD, state: 'rejected', rejectedBy: 'eve', rejectedWhy: 'no' });
    expect(story).toContain('rejected    by eve: no');
    expect(story).toContain('  and 54 more');
    expect(story).not.toContain('\u001b');
  });

  test('what waits in plans of one object each is counted together', () => {
    const one = { ...HOLD, writes: 1, waiting: 60 };
    expect(holdText(one)).toContain('  and 59 more');
    expect(listText([one], [])).toMatch(/60\n$/);
  });
});
