import { describe, expect, test } from 'vitest';
import { certificate, DAY, ills, NOW, unread, wellFacts } from '#kit/doctor.ts';
import type { CaFact, CertificateFact, Facts, IdentityFact } from '../port.ts';
import { checkCa, checkProcess } from './certificates.ts';

const facts = wellFacts();
const ca = (more: Partial<CaFact>): Partial<Facts> => ({
  ca: { ok: true, value: { certificate: certificate(), matches: { ok: true, value: true }, ...more } },
});

const keeping = (more: Partial<CertificateFact>): Partial<Facts> => ({
  keeper: { ok: true, value: { certificate: certificate(more), checkpointKey: '' } },
});
const alone: Partial<Facts> = { setting: { ...facts.setting, caCertFile: undefined } };

describe('the CA', () => {
  test('is well', () => {
    expect(checkCa(facts)).toEqual([
      {
        check: 'ca',
        verdict: 'ok',
        found: 'certificate and key match, valid until 2027-11-21, known to the API server',
        remedy: '',
      },
    ]);
  });

  const cases: readonly (readonly [string, Partial<Facts>, RegExp])[] = [
    ['files that cannot be read', { ca: unread }, /^fail ca: who asks .* -> give the PEM files/],
    [
      'a key of another',
      ca({ matches: { ok: true, value: false } }),
      /^fail ca: the key is not that of \/etc\/c\/ca.crt -> put back/,
    ],
    ['a key that cannot be read', ca({ matches: unread }), /^unknown ca: .* -> run doctor as the user/],
    ['no CA', ca({ certificate: certificate({ ca: false }) }), /^fail ca: \/etc\/c\/ca.crt is no CA/],
    ['ended', ca({ certificate: certificate({ notAfter: NOW }) }), /^fail ca: the CA has ended: .* -> make a new CA/],
    ['not begun', ca({ certificate: certificate({ notBefore: NOW + 1 }) }), /^fail ca: the CA is not valid yet/],
    ['short', ca({ certificate: certificate({ notAfter: NOW + 29 * DAY }) }), /^warn ca: the CA ends within 30 days/],
    [
      'unknown to the API server',
      { clientCas: { ok: true, value: new Set(['x']) } },
      /^fail ca: the API server does not believe .* -> cat \/etc\/c\/ca.crt >>/,
    ],
    ['an API server that does not say', { clientCas: unread }, /^unknown ca: whether the API server believes it/],
    [
      'another than the keeper has',
      keeping({ fingerprint: 'x' }),
      /^fail ca: the running keeper signs with another CA/,
    ],
    [
      'files that only their user reads',
      { ca: { ok: false, why: '/k: EACCES' } },
      /^unknown ca: \/k: EACCES -> run doctor as the user/,
    ],
    [
      'with a keeper alone that is gone',
      { ...alone, keeper: unread },
      /^unknown ca: no --keeper-ca-cert-file is given/,
    ],
    ['with a keeper alone, ended', { ...alone, ...keeping({ notAfter: NOW }) }, /^fail ca: the CA has ended/],
    [
      'with a keeper alone, unknown',
      { ...alone, ...keeping({ fingerprint: 'x' }) },
      /^fail ca: the API server does not/,
    ],
  ];
  test.each(cases)('%s', (_, more, said) => {
    const found = ills(checkCa({ ...facts, ...more }));
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(said);
  });

  test('with a keeper alone is well by its word', () => {
    expect(checkCa({ ...facts, ...alone }).map(({ verdict, found }) => [verdict, found])).toEqual([
      ['ok', 'with the keeper, valid until 2027-11-21, known to the API server'],
    ]);
  });

  test('no keeper says nothing of the files', () => {
    expect(ills(checkCa({ ...facts, keeper: unread }))).toEqual([]);
  });
});

describe('the process and its certificates', () => {
  const names = ['leader', 'reader'];
  const one = (more: Partial<IdentityFact> = {}): IdentityFact => ({
    identity: 'reader',
    notAfter: NOW + DAY,
    renewsAt: NOW + 1,
    generation: 1,
    ...more,
  });
  const other = one({ identity: 'leader' });
  const running = (...identities: IdentityFact[]): Partial<Facts> => ({
    process: { ok: true, value: { pid: 7, identities } },
  });

  test('are well', () => {
    const found = checkProcess({ ...facts, ...running(one(), other) }, names);
    expect(found.map(({ check, verdict }) => `${check} ${verdict}`)).toEqual([
      'process ok',
      'keeper ok',
      'certificates ok',
    ]);
    expect(found[2]?.found).toBe('2 identities, the first ends 2026-11-22T12:00:00.000Z');
  });

  const cases: readonly (readonly [string, Partial<Facts>, RegExp])[] = [
    [
      'nothing runs',
      { process: { ok: true, value: undefined } },
      /^warn process: none runs .*\/state -> start comptroller run/,
    ],
    ['the status cannot be read', { process: unread }, /^unknown process: /],
    ['the keeper is gone', { ...running(one(), other), keeper: unread }, /^fail keeper: .* -> start Comptroller again/],
    ['one is missing', running(one()), /^fail certificates: the process has none for leader/],
    [
      'one has ended',
      running(one({ notAfter: NOW }), other),
      /^fail certificates: that of reader ended 2026-11-21T12.* -> comptroller certs renew reader --state-dir \/state/,
    ],
    [
      'one is late',
      running(one({ renewsAt: NOW - 361_000 }), other),
      /^warn certificates: that of reader was to be renewed/,
    ],
    [
      'one is of a generation that was revoked',
      { ...running(one(), other), generations: { ok: true, value: new Map([['reader', 2]]) } },
      /^fail certificates: that of reader is of generation 1, and 2 is in force/,
    ],
  ];
  test.each(cases)('%s', (_, more, said) => {
    const found = ills(checkProcess({ ...facts, ...more }, names));
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(said);
  });

  test('a renewal that is being tried again is not late yet', () => {
    expect(ills(checkProcess({ ...facts, ...running(one({ renewsAt: NOW - 359_000 }), other) }, names))).toEqual([]);
  });
});
