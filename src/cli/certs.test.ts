import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CONTROLLERS } from '#controllers/registry.ts';
import { createIdentities, type RunningIdentities } from '#identity/identities.ts';
import { type Places, placesIn } from '#identity/places.ts';
import { compileProfiles } from '#identity/profiles.ts';
import { publishStatus } from '#identity/status.ts';
import { connectKeeper } from '#keeper/client.ts';
import type { Keeper } from '#keeper/port.ts';
import { type RunningKeeper, startKeeper } from '#keeper/server/start.ts';
import { recordingTelemetry } from '#kit/telemetry.ts';
import { throwawayCa } from '#kit/throwaway-ca.ts';
import { systemClock } from '#telemetry/clock.ts';
import { certsCommand } from './certs.ts';
import { manifestsCommand } from './manifests.ts';

let directory: string;
let places: Places;
let out: string;
let said: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'certs-'));
  places = placesIn(directory);
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
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(directory, { recursive: true });
});

async function certs(...words: string[]): Promise<string> {
  out = '';
  await certsCommand().parseAsync([...words, '--state-dir', directory], { from: 'user' });
  return out;
}

describe('beside a running process', () => {
  let server: RunningKeeper;
  let keeper: Keeper;
  let identities: RunningIdentities;
  let status: { close(): void };

  beforeEach(async () => {
    const ca = await throwawayCa(directory);
    const socket = places.keeperSocket;
    server = await startKeeper({
      socket,
      caCert: ca.certFile,
      caKey: ca.keyFile,
      stateDir: places.keeper,
      mode: 'comptroller',
      now: Date.now,
    });
    keeper = await connectKeeper(socket);
    identities = await createIdentities({
      keeper,
      profiles: compileProfiles(CONTROLLERS, 'comptroller'),
      serverCaPem: readFileSync(ca.certFile, 'utf8'),
      lifetime: 3_600_000,
      clock: systemClock,
      ...recordingTelemetry(),
      onCertificate: async () => undefined,
    });
    status = publishStatus({ identities, places, clock: systemClock, log: recordingTelemetry().log });
  });
  afterEach(async () => {
    status.close();
    identities.close();
    keeper.close();
    await server.close();
  });

  it('lists every identity with user, generation, serial and end', async () => {
    const rows = (await certs('list')).trimEnd().split('\n');
    expect(rows[0]).toMatch(/^IDENTITY +USER +GENERATION +SERIAL +ENDS +RENEWS$/);
    expect(rows.length).toBe(identities.list().length + 1);
    expect(rows.join('\n')).toMatch(
      new RegExp(`replicaset +comptroller:replicaset +g1 +${identities.current('replicaset').serial}`),
    );
    const json = JSON.parse(await certs('list', '-o', 'json')) as { identity: string }[];
    expect(json.map(({ identity }) => identity)).toContain('leader');
  });

  it('renews one, and all', async () => {
    expect(await certs('renew', 'reader')).toBe('renewed reader\n');
    expect([identities.current('reader').turn, identities.current('leader').turn]).toEqual([2, 1]);
    await certs('renew');
    expect([identities.current('reader').turn, identities.current('leader').turn]).toEqual([3, 2]);
  });

  it('revokes: prints the next binding, and the running process takes the next generation', async () => {
    const printed = await certs('revoke', 'reader');
    expect(printed).toContain('comptroller:reader:g2');
    expect(printed).not.toContain('comptroller:leader');
    expect(said).toMatch(/generation is now 2/);
    const generation = (): number | undefined =>
      identities.list().find(({ identity }) => identity === 'reader')?.generation;
    await expect.poll(generation, { timeout: 5_000 }).toBe(2);
    out = '';
    await manifestsCommand().parseAsync(['--only', 'rbac', '--state-dir', directory], { from: 'user' });
    expect(out).toContain('comptroller:reader:g2');
    expect(out).toContain('comptroller:leader:g1');
  });
});

describe('without one', () => {
  it('says that nothing runs, and how to mend it', async () => {
    await expect(certs('list')).rejects.toThrow(/no comptroller runs .* give --state-dir, or start it/);
    await expect(certs('renew')).rejects.toThrow(/no comptroller runs/);
  });

  it('revokes for the next start, to a given generation, never back', async () => {
    expect(await certs('revoke', 'replicaset', '--generation', '5')).toContain('comptroller:replicaset:g5');
    await expect(certs('revoke', 'replicaset', '--generation', '5')).rejects.toThrow(/never goes back/);
    await expect(certs('revoke', 'replicaset', '--generation', '1e3')).rejects.toThrow(/whole number/);
    await expect(certs('revoke', 'admin')).rejects.toThrow(/must be one of authn, breaker/);
  });
});

describe('manifests', () => {
  it('prints a List as JSON', async () => {
    await manifestsCommand().parseAsync(['-o', 'json', '--state-dir', directory], { from: 'user' });
    const list = JSON.parse(out) as { kind: string; items: { kind: string }[] };
    expect(list.kind).toBe('List');
    expect(list.items[0]?.kind).toBe('Namespace');
  });
});
