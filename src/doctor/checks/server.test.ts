import { describe, expect, test } from 'vitest';
import { certificate, DAY, ills, NOW, unread, wellFacts } from '#kit/doctor.ts';
import { checkClock, checkServer, checkServerCa } from './server.ts';

const facts = wellFacts();
const saying = (gitVersion: string, more: object = {}) =>
  ({ ok: true, value: { gitVersion, here: NOW, there: NOW, took: 20, ...more } }) as const;

describe('the API server', () => {
  test.each([
    ['the same minor', 'v1.37.9', 'ok'],
    ['a build of somebody else', 'v1.37.2-gke.1', 'ok'],
    ['one minor newer, as upstream supports it', 'v1.38.0', 'warn'],
    ['two minors newer', 'v1.39.0', 'fail'],
    ['one minor older', 'v1.36.3', 'fail'],
    ['no version', '', 'unknown'],
    ['a version of something else', '7.0', 'unknown'],
  ])('%s', (_, version, verdict) => {
    const found = checkServer({ ...facts, server: saying(version) }, 'v1.37.1');
    expect(found.verdict).toBe(verdict);
    expect(found.remedy === '').toBe(verdict === 'ok');
  });

  test('is not named', () => {
    const setting = { ...facts.setting, server: undefined };
    const found = checkServer({ setting, server: { ok: false, why: 'the server is missing' } }, 'v1.37.1');
    expect(ills([found])).toEqual([expect.stringMatching(/^fail api-server: the server is missing -> correct \/etc/)]);
  });

  test('does not answer', () => {
    const found = checkServer({ ...facts, server: { ok: false, why: 'unreachable' } }, 'v1.37.1');
    expect(found).toMatchObject({ verdict: 'fail', found: 'https://127.0.0.1:6443 does not answer (unreachable)' });
    expect(found.remedy).toContain('openssl s_client -connect 127.0.0.1:6443');
  });
});

describe('its CA', () => {
  test.each([
    ['valid', [certificate()], 'ok'],
    ['one of two valid', [certificate({ notAfter: NOW - 1 }), certificate()], 'ok'],
    ['short', [certificate({ notAfter: NOW + 29 * DAY })], 'warn'],
    ['ended', [certificate({ notAfter: NOW })], 'fail'],
    ['not begun', [certificate({ notBefore: NOW + 1 })], 'fail'],
  ])('%s', (_, value, verdict) => {
    expect(checkServerCa({ ...facts, serverCa: { ok: true, value } }).verdict).toBe(verdict);
  });

  test('cannot be read', () => {
    expect(ills([checkServerCa({ ...facts, serverCa: unread })])[0]).toMatch(/^fail api-server-ca: .* -> put the API/);
  });
});

describe('the clock', () => {
  test.each([
    ['whole seconds explain less than one', { there: NOW - 999 }, 'ok'],
    ['behind by two, of which one may be cut off', { there: NOW - 2_900 }, 'ok'],
    ['behind by three and more', { there: NOW - 3_100 }, 'warn'],
    ['ahead by two and more', { there: NOW + 2_100 }, 'warn'],
    ['a slow request explains as much', { there: NOW + 2_100, took: 400 }, 'ok'],
    ['ahead by more than ten', { there: NOW + 10_100 }, 'fail'],
    ['behind by more than eleven', { there: NOW - 11_100 }, 'fail'],
    ['no date', { there: undefined }, 'unknown'],
  ])('%s', (_, more, verdict) => {
    const { there, took = 20 } = more as { there: number | undefined; took?: number };
    const value = { gitVersion: 'v1.37.1', here: NOW, took, ...(there !== undefined && { there }) };
    expect(checkClock({ server: { ok: true, value } }).verdict).toBe(verdict);
  });

  test('no server', () => {
    expect(checkClock({ server: unread }).verdict).toBe('unknown');
  });
});
