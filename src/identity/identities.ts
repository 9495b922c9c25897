import { createSecureContext } from 'node:tls';
import type { Clock, Ms } from '#core/time.ts';
import type { Keeper } from '../keeper/port.ts';
import type { NoteDraft } from '../ledger/port.ts';
import type { Log, Meter } from '../telemetry/port.ts';
import { acceptLeaf, newRequest } from './certificate.ts';
import type { Credential, Identities } from './port.ts';
import { MAX_LIFETIME, type Profile } from './profiles.ts';
import { isAhead, type Life, nextTry, urgencyOf } from './slots.ts';

export type CertificateNote = Extract<NoteDraft, { note: 'certificate' }>;

export interface IdentitiesOptions {
  readonly keeper: Keeper;
  readonly profiles: readonly Profile[];
  /** What verifies the API server; one or more PEM certificates. */
  readonly serverCaPem: string;
  readonly lifetime: Ms;
  readonly clock: Clock;
  readonly meter: Meter;
  readonly log: Log;
  /** Called with each new certificate before it is used; a rejection keeps the old one in use. */
  readonly onCertificate: (note: CertificateNote) => Promise<unknown>;
}

/** What may be shown of an identity: no key, no certificate. */
export interface IdentityStatus {
  readonly identity: string;
  readonly user: string;
  readonly serial: string;
  readonly notAfter: Ms;
  readonly generation: number | undefined;
  readonly turn: number;
  readonly renewsAt: Ms;
}

export interface RunningIdentities extends Identities {
  list(): readonly IdentityStatus[];
  /** Renews one identity, or all, now; rejects when one could not be. */
  renew(identity?: string): Promise<void>;
  close(): void;
}

interface Slot {
  readonly profile: Profile;
  readonly credential: Credential;
  readonly generation: number | undefined;
  readonly life: Life;
}

/** What this process knows of its identities; the functions below work on it. */
interface Fleet {
  readonly options: IdentitiesOptions;
  readonly slots: Map<string, Slot>;
  readonly listeners: Set<(credential: Credential) => void>;
  /** One renewal of an identity at a time; whoever asks meanwhile gets that one. */
  readonly renewing: Map<string, Promise<void>>;
  readonly timers: Map<string, () => void>;
  closed: boolean;
}

/** The wall clock may be set while we wait: look again at least this often. */
const LONGEST_TIMER: Ms = 60_000;

/** Issues every identity at once, and keeps each renewed until closed. Rejects when one cannot be issued. */
export async function createIdentities(options: IdentitiesOptions): Promise<RunningIdentities> {
  const fleet: Fleet = {
    options,
    slots: new Map(),
    listeners: new Set(),
    renewing: new Map(),
    timers: new Map(),
    closed: false,
  };
  const issued = await Promise.all(options.profiles.map((profile) => obtain(options, profile, undefined)));
  for (const slot of issued) {
    take(fleet, slot, 'issued');
    schedule(fleet, slot.profile.name);
  }
  return {
    current: (identity) => fleet.slots.get(identity)?.credential ?? undeclared(identity),
    onRenewal(callback) {
      fleet.listeners.add(callback);
      return () => fleet.listeners.delete(callback);
    },
    list: () => [...fleet.slots.values()].map(statusOf),
    renew: async (identity) => {
      const names = identity === undefined ? [...fleet.slots.keys()] : [identity];
      await Promise.all(names.map((name) => renewOne(fleet, name)));
    },
    close() {
      fleet.closed = true;
      for (const cancel of fleet.timers.values()) cancel();
    },
  };
}

function take(fleet: Fleet, slot: Slot, outcome: 'issued' | 'renewed'): void {
  const { meter } = fleet.options;
  const identity = slot.profile.name;
  fleet.slots.set(identity, slot);
  meter.set('identity_certificate_expiration_timestamp_seconds', { identity }, slot.credential.notAfter / 1000);
  meter.count('identity_renewals_total', { identity, outcome });
}

function renewOne(fleet: Fleet, name: string): Promise<void> {
  const running = fleet.renewing.get(name);
  if (running !== undefined) return running;
  const work = attempt(fleet, name).finally(() => {
    fleet.renewing.delete(name);
    schedule(fleet, name);
  });
  fleet.renewing.set(name, work);
  return work;
}

/** A failure leaves the old certificate in use: it is good until it ends. */
async function attempt(fleet: Fleet, name: string): Promise<void> {
  const { options, slots } = fleet;
  const old = slots.get(name);
  if (old === undefined) throw new Error(`renewing: the field identity names none of ${[...slots.keys()].join(', ')}`);
  try {
    const fresh = await obtain(options, old.profile, old);
    take(fleet, fresh, 'renewed');
    tell(fleet.listeners, fresh.credential, options.log);
  } catch (error) {
    const now = options.clock.now().wall;
    const life = { ...old.life, tried: now, failures: old.life.failures + 1 };
    slots.set(name, { ...old, life });
    options.meter.count('identity_renewals_total', { identity: name, outcome: 'failed' });
    report(options.log, life, now, error);
    throw error;
  }
}

function schedule(fleet: Fleet, name: string): void {
  const { clock } = fleet.options;
  fleet.timers.get(name)?.();
  const slot = fleet.slots.get(name);
  if (fleet.closed || slot === undefined) return;
  const delay = Math.max(nextTry(slot.life) - clock.now().wall, 0);
  fleet.timers.set(
    name,
    clock.after(Math.min(delay, LONGEST_TIMER), () => onTimer(fleet, name)),
  );
}

function onTimer(fleet: Fleet, name: string): void {
  const slot = fleet.slots.get(name);
  if (slot === undefined) return;
  const { wall } = fleet.options.clock.now();
  if (nextTry(slot.life) > wall && !isAhead(slot.life, wall)) schedule(fleet, name);
  else renewOne(fleet, name).catch(() => undefined);
}

function undeclared(identity: string): never {
  throw new TypeError(`connecting as ${identity}: no such identity was declared`);
}

/** Asks for a new key's certificate, checks it, has it noted, and only then makes a credential of it. */
async function obtain(options: IdentitiesOptions, profile: Profile, old: Slot | undefined): Promise<Slot> {
  const pending = await newRequest();
  const issued = options.clock.now().wall;
  const lifetime = Math.min(options.lifetime, profile.lifetime, MAX_LIFETIME);
  const { certificate } = await options.keeper.issue({ profile: profile.name, csr: pending.csr, lifetime });
  const { ca } = await options.keeper.about();
  const leaf = acceptLeaf(certificate, pending, profile, ca, options.clock.now().wall);
  if ((leaf.generation ?? 0) < (old?.generation ?? 0)) {
    throw new Error(`checking the certificate of ${profile.name}: its generation went back`);
  }
  const { serial, spki, notAfter } = leaf;
  await options.onCertificate({
    note: 'certificate',
    identity: profile.name,
    user: profile.user,
    serial,
    spki,
    notAfter: new Date(notAfter).toISOString(),
  });
  const context = createSecureContext({
    cert: leaf.pem,
    key: pending.key.export({ type: 'pkcs8', format: 'pem' }),
    ca: options.serverCaPem,
    minVersion: 'TLSv1.2',
  });
  const turn = (old?.credential.turn ?? 0) + 1;
  const credential: Credential = { identity: profile.name, user: profile.user, context, serial, spki, notAfter, turn };
  const life: Life = { identity: profile.name, issued, notAfter, tried: undefined, failures: 0 };
  return { profile, credential: Object.freeze(credential), generation: leaf.generation, life };
}

function statusOf({ profile, credential, generation, life }: Slot): IdentityStatus {
  const { serial, notAfter, turn } = credential;
  return { identity: profile.name, user: profile.user, serial, notAfter, generation, turn, renewsAt: nextTry(life) };
}

/** A listener that throws must not keep the others on an old certificate. */
function tell(listeners: ReadonlySet<(credential: Credential) => void>, credential: Credential, log: Log): void {
  for (const listener of listeners) {
    try {
      listener(credential);
    } catch {
      log.error('telling of a renewed certificate', { identity: credential.identity });
    }
  }
}

function report(log: Log, life: Life, now: Ms, error: unknown): void {
  const urgency = urgencyOf(life, now);
  const fields = {
    identity: life.identity,
    failures: life.failures,
    urgency,
    ends: new Date(life.notAfter).toISOString(),
    why: error instanceof Error ? error.message : 'unknown',
  };
  if (urgency === 'calm' || urgency === 'late') log.warn('renewing a certificate failed', fields);
  else log.error('renewing a certificate failed', fields);
}
