import { describe, expect, test } from 'vitest';
import { ills, unread, wellFacts } from '#kit/doctor.ts';
import type { BundleFact, LedgerFact } from '../port.ts';
import { checkBundle, checkLedger } from './books.ts';

const facts = wellFacts();

describe('the policy bundle', () => {
  const loaded = (version: number) => ({ ok: true, version, digest: 'd'.repeat(64) }) as const;
  const of = (value: BundleFact) => checkBundle({ ...facts, bundle: { ok: true, value } });

  test('is well, also where no ledger knows a version yet', () => {
    expect(of({ loaded: loaded(7), highest: { ok: true, value: 0 } })).toEqual([
      {
        check: 'policy-bundle',
        verdict: 'ok',
        found: 'version 7 (dddddddddddd), signed, its self-test passes; the ledger has seen 0',
        remedy: '',
      },
    ]);
  });

  test.each([
    ['missing', 'cp -r policies/build /etc/c/bundle'],
    ['too-large', 'cp -r policies/build'],
    ['malformed', 'cp -r policies/build'],
    ['digest', 'put the bundle back as it was signed'],
    ['signature', 'comptroller policy sign --bundle /etc/c/bundle'],
    ['expired', 'sign it again'],
    ['version', 'comptroller policy build --bundle-version'],
    ['self-test', 'comptroller policy test'],
    ['engine', 'the OPA that this release names'],
  ])('refused for %s', (fault, remedy) => {
    const found = ills(of({ loaded: { ok: false, fault, why: 'because' }, highest: { ok: true, value: 0 } }));
    expect(found).toEqual([expect.stringMatching(new RegExp(`^fail policy-bundle: ${fault}: because -> .*${remedy}`))]);
  });

  test('below what the ledger has seen', () => {
    expect(ills(of({ loaded: loaded(6), highest: { ok: true, value: 7 } }))).toEqual([
      expect.stringMatching(
        /^fail policy-bundle: version 6 is below 7, .* -> roll back by giving the old rules a new, higher version/,
      ),
    ]);
  });

  test('without a ledger to ask, the version is undecided', () => {
    expect(ills(of({ loaded: loaded(6), highest: unread }))).toEqual([
      expect.stringMatching(/^unknown policy-bundle: the ledger's highest/),
    ]);
  });

  test('none is given', () => {
    expect(ills(checkBundle({ ...facts, bundle: unread }))).toEqual([
      expect.stringMatching(/^fail policy-bundle: .* -> give --policy-bundle/),
    ]);
  });
});

describe('the ledger', () => {
  const log = { id: 'aaaaaaaaaa', size: 9, trust: 'keeper' } as const;
  const of = (more: Partial<LedgerFact>, process = facts.process) =>
    checkLedger({ ...facts, process, ledger: { ok: true, value: { log, freeBytes: 2 ** 40, lock: 'held', ...more } } });
  const idle = { ok: true, value: undefined } as const;

  test('is well', () => {
    expect(of({}).map(({ check, verdict }) => `${check} ${verdict}`)).toEqual([
      'ledger ok',
      'ledger-space ok',
      'ledger-lock ok',
    ]);
    expect(of({})[0]?.found).toContain('9 records under a checkpoint signed by the key of the running keeper');
    expect(of({ log: { ...log, trust: 'beside' } })[0]?.found).toContain('the key beside the logs');
    expect(ills(of({ lock: 'free' }, idle))).toEqual([]);
  });

  test.each([
    [
      'a checkpoint that does not hold',
      of({ log: { ...log, wrong: 'its checkpoint: signature is wrong' } }),
      /^fail ledger: log aaaaaaaaaa: its checkpoint: signature is wrong -> comptroller ledger verify --dir \/state\/ledger/,
    ],
    ['little room', of({ freeBytes: 1023 * 2 ** 20 }), /^warn ledger-space: 1023 MiB are free .* -> make room/],
    ['hardly any room', of({ freeBytes: 127 * 2 ** 20 }), /^fail ledger-space: 127 MiB/],
    [
      'a lock of a process that is gone',
      of({ lock: 'abandoned' }, idle),
      /^warn ledger-lock: \/state\/ledger\/lock is of a process that is gone/,
    ],
    [
      'a process without the lock',
      of({ lock: 'free' }),
      /^fail ledger-lock: a process runs, and nobody holds the lock/,
    ],
  ])('%s', (_, found, said) => {
    expect(ills(found)).toEqual([expect.stringMatching(said)]);
  });

  test('there is none yet', () => {
    const value: LedgerFact = { freeBytes: 2 ** 40, lock: 'free' };
    const found = checkLedger({ ...facts, process: idle, ledger: { ok: true, value } });
    expect(ills(found)).toEqual([
      expect.stringMatching(/^warn ledger: \/state\/ledger holds no log yet -> comptroller run makes one/),
    ]);
  });

  test('cannot be read', () => {
    expect(ills(checkLedger({ ...facts, ledger: unread }))).toEqual([
      expect.stringMatching(/^unknown ledger: .* -> run doctor as the user/),
    ]);
  });
});
