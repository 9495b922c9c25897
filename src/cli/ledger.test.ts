import { generateKeyPairSync } from 'node:crypto';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  openTestLedger,
  someDenial,
  someIntent,
  type TestKeeper,
  temporaryDirectory,
  testKeeper,
} from '#kit/ledger.ts';
import { sha256 } from '#ledger/caps.ts';
import { formatVerifierKey, parseVerifierKey } from '#ledger/note.ts';
import type { Opened } from '#ledger/open.ts';
import { checkProof, parseProof } from '#ledger/proof.ts';
import { recordAt } from '#ledger/records-view.ts';
import { ledgerCommand } from './ledger.ts';
import { misused } from './misuse.ts';

let directory: { path: string; remove: () => Promise<void> };
let files: string;
let keeper: TestKeeper;
let opened: Opened;
let out: string;
let said: string;
/** Of the allowed attempt. */
let auditId: string;

beforeEach(async () => {
  directory = await temporaryDirectory();
  files = mkdtempSync(join(tmpdir(), 'ledger-cli-'));
  keeper = testKeeper();
  opened = await openTestLedger(directory.path, keeper);
  const epoch = { lease: 'lease-uid', transitions: 1, holder: 'here' };
  await opened.ledger.note({ note: 'leadership', epoch, won: true });
  const held = {
    hold: 'h-1',
    controller: 'replicaset',
    root: { id: 'u', resource: 'apps/replicasets', namespace: 'a', name: 'web' },
  };
  const why = { scope: 'cause', reason: 'too-much-of-its-cause', weight: 55, limit: 40, evidence: 'absent' } as const;
  await opened.ledger.note({ note: 'breaker-trip', ...held, ...why, writes: 55, sample: ['core/pods a/web-0'] });
  await opened.ledger.note({ note: 'breaker-release', ...held, by: 'ann', said: 'mea\u001bnt', weight: 55, expiry: 1 });
  await opened.ledger.note({ note: 'breaker-reject', ...held, by: 'eve', said: 'no' });
  await opened.ledger.note({ note: 'breaker-void', ...held, why: 'the owner changed' });
  const recorded = await opened.ledger.intent(someIntent(1), 'write');
  if (!recorded.ok) throw new Error(recorded.code);
  auditId = recorded.value.auditId;
  opened.ledger.outcome(recorded.value, { kind: 'applied', status: 201, uid: 'u1', took: 3 });
  opened.ledger.denial(
    someDenial(2, { titles: ['No\u001b[2J privileges.'], messages: ['main is \u001b[31mprivileged'] }),
  );
  await opened.ledger.close('done');
  out = '';
  said = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    said += String(text);
    return true;
  });
  process.exitCode = undefined;
});
afterEach(async () => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
  await directory.remove();
  rmSync(files, { recursive: true });
});

/** As the command line runs it: what is thrown ends with 2. */
async function run(...words: string[]): Promise<number> {
  out = '';
  said = '';
  process.exitCode = undefined;
  try {
    await misused(ledgerCommand()).parseAsync(words, { from: 'user' });
  } catch (error) {
    said += (error as Error).message;
    return 2;
  }
  return Number(process.exitCode ?? 0);
}
const at = () => ['--dir', directory.path];
const json = <T>(): T => JSON.parse(out) as T;

function file(name: string, text: string): string {
  writeFileSync(join(files, name), text);
  return join(files, name);
}

const keyFile = () => file('key', `${keeper.verifierKey}\n`);
function event(id: string, more: object = {}): string {
  const now = new Date().toISOString();
  return `${JSON.stringify({
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    auditID: id,
    stage: 'ResponseComplete',
    verb: 'create',
    user: { username: 'comptroller:replicaset' },
    objectRef: { resource: 'pods', namespace: 'default', name: 'web-00001' },
    responseStatus: { code: 201 },
    requestReceivedTimestamp: now,
    stageTimestamp: now,
    ...more,
  })}\n`;
}

describe('exit codes: yes, no, could not decide', () => {
  const strangerKey = () => {
    const { publicKey } = generateKeyPairSync('ed25519');
    return file('stranger', formatVerifierKey('comptroller.dev/checkpoint/test', publicKey));
  };

  it.each([
    ['verify', 0, () => ['verify', ...at()]],
    ['verify with the key', 0, () => ['verify', ...at(), '--key', keyFile()]],
    ['verify with another key', 1, () => ['verify', ...at(), '--key', strangerKey()]],
    ['verify nowhere', 2, () => ['verify', '--dir', join(files, 'none')]],
    ['no directory', 2, () => ['verify']],
    ['an unknown flag', 2, () => ['verify', ...at(), '--quick']],
    ['an unknown format', 2, () => ['verify', ...at(), '-o', 'xml']],
    ['a key that is none', 2, () => ['verify', ...at(), '--key', file('bad', 'hello')]],
    ['an empty key file', 2, () => ['verify', ...at(), '--key', file('empty', '\n')]],
    ['show', 0, () => ['show', '2', ...at()]],
    ['show by Audit-ID', 0, () => ['show', auditId, ...at()]],
    [
      'show another record of that number',
      1,
      () => ['show', auditId.replace(/.$/, (c) => (c === '0' ? '1' : '0')), ...at()],
    ],
    ['show what is not there', 1, () => ['show', '9999', ...at()]],
    ['show nonsense', 2, () => ['show', '../x', ...at()]],
    ['prove what no checkpoint covers', 2, () => ['show', '9999', '--proof', ...at()]],
    ['query', 0, () => ['query', ...at()]],
    ['an empty answer', 0, () => ['query', ...at(), '--controller', '__proto__']],
    ['a wrong time', 2, () => ['query', ...at(), '--since', 'yesterday']],
    ['a wrong limit', 2, () => ['query', ...at(), '--limit', '0']],
    ['a wrong object', 2, () => ['query', ...at(), '--object', 'unicorn/a/b']],
    ['why', 0, () => ['why', 'replicaset', 'default/web', ...at()]],
    ['why of one attempt', 0, () => ['why', auditId, ...at()]],
    ['why of nobody', 1, () => ['why', 'replicaset', 'default/nobody', ...at()]],
    ['why of a kind alone', 2, () => ['why', 'replicaset', ...at()]],
    ['tail', 0, () => ['tail', ...at()]],
    [
      'a join that is complete',
      0,
      () => ['completeness', ...at(), '--apiserver-audit', file('a', event(auditId) + event('x', { verb: 'get' }))],
    ],
    [
      'a join that is not',
      1,
      () => ['completeness', ...at(), '--apiserver-audit', file('a', event(auditId) + event('x'))],
    ],
    ['a join with nothing', 2, () => ['completeness', ...at(), '--apiserver-audit', file('a', '')]],
    ['a join without a log', 2, () => ['completeness', ...at(), '--apiserver-audit', join(files, 'none')]],
    ['a join with one log twice', 2, () => ['completeness', ...at(), '--apiserver-audit', keyFile(), keyFile()]],
  ] as const)('%s: %i', async (_, exit, words) => {
    expect([await run(...words()), said]).toEqual([exit, said]);
    expect(exit === 2 && out === '' ? said : 'told').not.toBe('');
  });
});

describe('what is printed', () => {
  it('verify says whose key it believed', async () => {
    await run('verify', ...at());
    expect(out).toMatch(/^OK {2}1 logs/);
    expect(out).toContain('whoever can change the ledger can change it too');
    await run('verify', ...at(), '--key', keyFile(), '-o', 'json');
    expect(json()).toMatchObject({
      version: 'comptroller.dev/ledger-report/v1',
      kind: 'verify',
      verdict: 'ok',
      trust: 'the key given with --key',
      logs: [{ signed: true, trust: 'given-key' }],
    });
  });

  it('show: the record with its redacted body, and a proof that stands alone', async () => {
    await run('show', auditId, ...at(), '-o', 'json');
    const shown = json<{ log: string; record: { seq: number }; body: object }>();
    expect(shown).toMatchObject({
      id: auditId,
      matchesAuditId: true,
      body: { state: 'whole', object: { after: { kind: 'Pod' } } },
    });
    expect(out).not.toContain('hunter2');
    await run('show', auditId, '--proof', ...at());
    const proof = parseProof(out);
    const entry = await recordAt(join(directory.path, shown.log), shown.record.seq);
    if (proof === undefined || entry === undefined) throw new Error('no proof');
    expect(checkProof(proof, entry, parseVerifierKey(keeper.verifierKey))).toBe(true);
    expect(checkProof(proof, Buffer.concat([entry, Buffer.from(' ')]), parseVerifierKey(keeper.verifierKey))).toBe(
      false,
    );
  });

  it('query: what the breaker held and people decided, in words', async () => {
    await run('query', ...at(), '--type', 'note');
    const lines = out.split('\n').filter((line) => line.includes('apps/replicasets a/web'));
    expect(lines.map((line) => line.slice(line.indexOf(' note ') + 6))).toEqual([
      'held h-1 apps/replicasets a/web: replicaset would take 55 of at most 40 (too-much-of-its-cause)',
      'released h-1 apps/replicasets a/web by ann, up to 55: mea\\u001bnt',
      'rejected h-1 apps/replicasets a/web by eve: no',
      'void h-1 apps/replicasets a/web: the owner changed',
    ]);
  });

  it('query: rows, and a manifest that says what they are', async () => {
    await run('query', ...at(), '--controller', 'replicaset', '-o', 'json');
    const found = json<{ rows: object[]; manifest: { sha256: string } }>();
    expect(found).toMatchObject({
      kind: 'query',
      rows: [
        { id: auditId, type: 'intent', result: 'applied', outcome: { data: { status: 201 } } },
        { type: 'denial', result: 'denied' },
      ],
      manifest: { query: { controller: 'replicaset' }, rows: 2, whole: true, logs: [{ malformed: 0 }] },
    });
    await run('query', ...at(), '--controller', 'replicaset', '-o', 'ndjson');
    const lines = out.trimEnd().split('\n');
    const { manifest } = JSON.parse(lines.pop() as string) as { manifest: { sha256: string } };
    expect(sha256(lines.map((line) => `${line}\n`).join(''))).toBe(manifest.sha256);
    expect(manifest.sha256).toBe(found.manifest.sha256);
    await run('query', ...at(), '--limit', '1');
    expect(out.trimEnd().split('\n')).toHaveLength(1);
    expect(JSON.parse(said)).toMatchObject({ manifest: { rows: 1, whole: false } });
    await run('query', ...at(), '-o', 'json', '--controller', 'none');
    expect(json()).toMatchObject({ rows: [], manifest: { rows: 0 } });
  });

  it('why: the refusal first, and no control character of whoever wrote it', async () => {
    await run('why', 'rs', 'default/web', ...at());
    expect(out).toMatch(/REFUSED\n {2}replicaset may not create core\/pods in default/);
    expect(out).toMatch(/rule +pod-security-baseline\/privileged: No\\u001b\[2J privileges\./);
    expect(out).toMatch(/policy +bundle version 3, digest (ab){32}/);
    expect(out).not.toContain('\u001b');
    await run('why', 'apps/replicasets', 'default/web', ...at(), '-o', 'json');
    expect(json()).toMatchObject({
      kind: 'why',
      counts: { because: 2, denied: 1 },
      because: [{}, { decision: 'denied' }],
    });
    await run('why', auditId, ...at());
    expect(out).toMatch(/replicaset was allowed to create core\/pods default\/web-00001/);
    expect(out).toMatch(/became +applied, answered 201/);
  });

  it('completeness: the verdict, who did what, and what is missing', async () => {
    const log = file('audit.log', event(auditId) + event('thief', { verb: 'delete', responseStatus: { code: 200 } }));
    await run('completeness', ...at(), '--apiserver-audit', log);
    expect(out).toMatch(/^INCOMPLETE/);
    expect(out).toContain('WRONG UNRECORDED_WRITE');
    expect(out).toMatch(/comptroller:replicaset delete core\/pods default\/web-00001 200/);
    await run('completeness', ...at(), '--apiserver-audit', log, '-o', 'json', '--findings', '1');
    expect(json()).toMatchObject({ kind: 'completeness', verdict: 'incomplete', counts: { UNRECORDED_WRITE: 1 } });
  });

  it('completeness: every orphan on either side is named in a file of its own, beyond what is told', async () => {
    const thieves = Array.from({ length: 150 }, (_, n) => event(`thief-${n}`, { verb: 'delete' }));
    const log = file('audit.log', event('x', { verb: 'get' }) + thieves.join(''));
    const orphans = join(files, 'orphans.ndjson');
    expect(await run('completeness', ...at(), '--apiserver-audit', log, '--orphans', orphans)).toBe(1);
    const lines = readFileSync(orphans, 'utf8').trimEnd().split('\n');
    expect(new Set(lines.map((line) => (JSON.parse(line) as { auditId: string }).auditId)).size).toBe(150);
    expect(out).toContain('... 110 more findings; --orphans writes down every one');
    expect(await run('completeness', ...at(), '--apiserver-audit', log, '--orphans', log)).toBe(2);
    expect(said).toContain(`writing --orphans ${log}: it exists already; name a new file`);
    expect(readFileSync(log, 'utf8')).toContain('thief-149');
  });

  it('completeness: of a window only, and of an empty one not', async () => {
    const log = file('audit.log', event(auditId) + event('thief', { verb: 'delete' }));
    expect(await run('completeness', ...at(), '--apiserver-audit', log, '--since', '1h')).toBe(1);
    expect(out).toMatch(/only what happened from 20\S+Z until the end/);
    expect(await run('completeness', ...at(), '--apiserver-audit', log, '--until', '2000-01-01')).toBe(2);
    expect(out).toMatch(/^UNDECIDED[\s\S]*GAP EMPTY/);
    expect(await run('completeness', ...at(), '--apiserver-audit', log, '--since', 'noon')).toBe(2);
    expect(said).toContain('reading --since "noon"');
    const none = ['--since', '2000-01-02', '--until', '2000-01-02'];
    expect(await run('completeness', ...at(), '--apiserver-audit', log, ...none)).toBe(2);
    expect(said).toContain('nothing lies between them');
  });
});

describe('tail', () => {
  it('prints the newest, as many as asked for', async () => {
    await run('tail', ...at(), '--lines', '2');
    expect(
      out
        .trimEnd()
        .split('\n')
        .map((line) => line.split(' ')[3]),
    ).toHaveLength(2);
    expect(out).toMatch(/ stop \{/);
    await run('tail', ...at(), '--lines', '1', '-o', 'ndjson');
    expect(JSON.parse(out)).toMatchObject({ type: 'stop' });
    expect(await run('tail', ...at(), '--lines', 'many')).toBe(2);
  });

  it('follows a live directory, and a process that starts later', async () => {
    const ended = new Error('enough');
    const followed = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      out += String(text);
      if (out.includes('web-0000p')) throw ended;
      return true;
    });
    const following = run('tail', ...at(), '--lines', '0', '-f');
    opened = await openTestLedger(directory.path, keeper);
    await opened.ledger.intent(someIntent(25), 'write');
    await following;
    expect(said).toBe('enough');
    expect(out).toContain('web-0000p');
    followed.mockRestore();
    await opened.ledger.close('done');
  });
});

it('tells a torn audit log from a whole one', async () => {
  const log = file('audit.log', event(auditId) + event('x', { verb: 'get' }));
  appendFileSync(log, '{"kind":"Ev');
  expect(await run('completeness', ...at(), '--apiserver-audit', log)).toBe(2);
  expect(out).toMatch(/^UNDECIDED[\s\S]*GAP TORN/);
});
