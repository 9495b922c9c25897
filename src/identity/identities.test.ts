import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CONTROLLERS } from '#controllers/registry.ts';
import { type FakeClock, fakeClock } from '#kit/fake-clock.ts';
import { type Recorded, recordingTelemetry } from '#kit/telemetry.ts';
import { throwawayCa } from '#kit/throwaway-ca.ts';
import { connectKeeper } from '../keeper/client.ts';
import type { Keeper } from '../keeper/port.ts';
import { type RunningKeeper, startKeeper } from '../keeper/server/start.ts';
import { raiseGeneration } from './generations.ts';
import { type CertificateNote, createIdentities, type RunningIdentities } from './identities.ts';
import { placesIn } from './places.ts';
import type { Credential } from './port.ts';
import { compileProfiles } from './profiles.ts';
import { publishStatus, readStatus, requestRenewal } from './status.ts';

const MINUTE = 60_000;
const LIFE = 20 * MINUTE;

let directory: string;
let server: RunningKeeper;
let keeper: Keeper;
let clock: FakeClock;
let telemetry: Recorded;
let notes: CertificateNote[];
let identities: RunningIdentities | undefined;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'identities-'));
  const ca = await throwawayCa(directory);
  clock = fakeClock(Date.now());
  const socket = join(directory, 'run/keeper.sock');
  const now = (): number => clock.now().wall;
  const stateDir = placesIn(directory).keeper;
  server = await startKeeper({ socket, caCert: ca.certFile, caKey: ca.keyFile, stateDir, mode: 'comptroller', now });
  keeper = await connectKeeper(socket);
  telemetry = recordingTelemetry();
  notes = [];
});

afterEach(async () => {
  identities?.close();
  identities = undefined;
  keeper.close();
  await server.close();
  rmSync(directory, { recursive: true });
});

async function issue(over: Partial<Parameters<typeof createIdentities>[0]> = {}): Promise<RunningIdentities> {
  identities = await createIdentities({
    keeper,
    profiles: compileProfiles(CONTROLLERS, 'comptroller'),
    serverCaPem: (await keeper.about()).ca,
    lifetime: LIFE,
    clock,
    ...telemetry,
    onCertificate: async (note) => notes.push(note),
    ...over,
  });
  return identities;
}

const count = (identity: string, outcome: string): number =>
  telemetry.counts.get(`identity_renewals_total{identity=${identity},outcome=${outcome}}`) ?? 0;

describe('createIdentities', () => {
  it('gives every identity a context of its own, fast, and notes each certificate', async () => {
    const started = performance.now();
    const issued = await issue();
    expect(performance.now() - started).toBeLessThan(1000);
    const credentials = issued.list().map(({ identity }) => issued.current(identity));
    expect(credentials.map(({ identity }) => identity)).toEqual(
      ['authn', 'breaker', 'leader', 'reader', 'secrets-metadata', ...CONTROLLERS.map(({ name }) => name)].sort(),
    );
    expect(new Set(credentials.map(({ serial }) => serial)).size).toBe(credentials.length);
    expect(new Set(credentials.map(({ spki }) => spki)).size).toBe(credentials.length);
    expect(new Set(credentials.map(({ context }) => context)).size).toBe(credentials.length);
    for (const { context, turn } of credentials) {
      expect(context).toHaveProperty('context');
      expect(turn).toBe(1);
    }
    expect(notes.map(({ serial }) => serial).sort()).toEqual(credentials.map(({ serial }) => serial).sort());
  });

  it('throws for an identity that was not declared', async () => {
    const issued = await issue();
    for (const name of ['admin', 'constructor', '__proto__']) expect(() => issued.current(name)).toThrow(TypeError);
  });

  it('renews each once around half of its life, and tells', async () => {
    const issued = await issue();
    const told: Credential[] = [];
    issued.onRenewal((credential) => void told.push(credential));
    clock.advance(LIFE * 0.39);
    expect(told).toEqual([]);
    clock.advance(LIFE * 0.22);
    await expect.poll(() => told.length).toBe(issued.list().length);
    for (const credential of told) {
      expect(credential.turn).toBe(2);
      expect(issued.current(credential.identity)).toBe(credential);
    }
  });

  it('keeps the old certificate while the keeper is away, backs off, and renews when it is back', async () => {
    let away = false;
    const flaky: Keeper = {
      ...keeper,
      issue: (request) => (away ? Promise.reject(new Error('asking the keeper: away')) : keeper.issue(request)),
    };
    const issued = await issue({ keeper: flaky, profiles: compileProfiles(CONTROLLERS, 'comptroller').slice(0, 1) });
    const before = issued.current('authn');
    away = true;
    while (clock.now().wall < before.notAfter - LIFE * 0.15) await nextTryOf(issued, 'authn');
    expect(issued.current('authn')).toBe(before);
    expect(count('authn', 'failed')).toBeGreaterThan(5);
    expect(count('authn', 'failed')).toBeLessThan(15);
    expect(telemetry.lines.filter(({ level }) => level === 'error')[0]?.fields).toMatchObject({
      identity: 'authn',
      urgency: 'alarm',
    });
    away = false;
    await nextTryOf(issued, 'authn');
    expect(issued.current('authn').turn).toBe(2);
  });

  it('renews at the next look where the clock was set back: its certificates are of a time to come', async () => {
    const issued = await issue({ profiles: compileProfiles(CONTROLLERS, 'comptroller').slice(0, 1) });
    clock.jump(-50_000);
    clock.advance(60_000);
    await new Promise((resume) => setImmediate(resume));
    expect(issued.current('authn').turn).toBe(1);
    clock.jump(-5 * 60 * MINUTE);
    clock.advance(60_000);
    await expect.poll(() => issued.current('authn').turn).toBe(2);
    clock.advance(2 * MINUTE);
    await new Promise((resume) => setImmediate(resume));
    expect(issued.current('authn').turn).toBe(2);
  });

  it('does not use a certificate that could not be noted', async () => {
    let full = false;
    const issued = await issue({
      onCertificate: async () => {
        if (full) throw new Error('the ledger refuses');
      },
    });
    const before = issued.current('reader');
    full = true;
    await expect(issued.renew('reader')).rejects.toThrow(/ledger/);
    expect(issued.current('reader')).toBe(before);
  });

  it.each([
    ['the certificate of another identity', 'leader', undefined],
    ['the certificate of another key', 'reader', 'other key'],
  ])('refuses %s', async (_, profile, otherKey) => {
    const { newRequest } = await import('./certificate.ts');
    const confused: Keeper = {
      ...keeper,
      issue: async ({ csr, lifetime }) =>
        keeper.issue({ profile, csr: otherKey === undefined ? csr : (await newRequest()).csr, lifetime }),
    };
    const profiles = compileProfiles(CONTROLLERS, 'comptroller').filter(({ name }) => name === 'reader');
    await expect(issue({ keeper: confused, profiles })).rejects.toThrow(/checking the certificate of reader/);
  });

  it('does not take a lower generation again', async () => {
    const issued = await issue();
    raiseGeneration(placesIn(directory).keeper, 'reader');
    await issued.renew('reader');
    expect(issued.list().find(({ identity }) => identity === 'reader')?.generation).toBe(2);
    expect(issued.list().find(({ identity }) => identity === 'leader')?.generation).toBe(1);
  });

  it('renews an identity once for all who ask at the same time', async () => {
    const issued = await issue();
    await Promise.all([issued.renew('reader'), issued.renew('reader'), issued.renew()]);
    expect(issued.current('reader').turn).toBe(2);
    await expect(issued.renew('nobody')).rejects.toThrow(/names none of/);
  });

  it('works with a life of seconds', async () => {
    const issued = await issue({ lifetime: 20_000 });
    while (issued.current('reader').turn < 4) await nextTryOf(issued, 'reader');
    expect(issued.current('reader').notAfter).toBeGreaterThan(clock.now().wall);
  });
});

describe('the status file', () => {
  it('says serials and ends, holds no key, and is private', async () => {
    const places = placesIn(directory);
    const issued = await issue();
    const status = publishStatus({ identities: issued, places, clock, log: telemetry.log });
    expect(statSync(places.status).mode & 0o777).toBe(0o600);
    expect(readFileSync(places.status, 'utf8')).not.toMatch(/PRIVATE|CERTIFICATE/);
    const reader = readStatus(places)?.identities.find(({ identity }) => identity === 'reader');
    expect(reader?.serial).toBe(issued.current('reader').serial);
    status.close();
    expect(readStatus(places)).toBeUndefined();
  });

  it('renews when a request appears, and ignores a malformed one', async () => {
    const places = placesIn(directory);
    const issued = await issue();
    const status = publishStatus({ identities: issued, places, clock, log: telemetry.log });
    requestRenewal(places, 'reader');
    clock.advance(1_000);
    await expect.poll(() => readStatus(places)?.identities.find(({ identity }) => identity === 'reader')?.turn).toBe(2);
    expect(issued.current('leader').turn).toBe(1);
    const { writeFileSync } = await import('node:fs');
    writeFileSync(places.renewRequest, '{"identity":["x"]}');
    clock.advance(1_000);
    expect(telemetry.lines.some(({ message }) => message.includes('malformed'))).toBe(true);
    status.close();
  });
});

/** Goes to the moment that this identity is tried next, and waits until it was. */
async function nextTryOf(issued: RunningIdentities, name: string): Promise<void> {
  const done = (): number => count(name, 'failed') + count(name, 'renewed');
  const before = done();
  const renewsAt = issued.list().find(({ identity }) => identity === name)?.renewsAt ?? 0;
  clock.advance(Math.max(renewsAt - clock.now().wall, 0) + 1);
  await expect.poll(done).toBe(before + 1);
}
