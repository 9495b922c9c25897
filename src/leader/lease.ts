import type { Lease } from '#core/k8s/types.gen.ts';
import { formatMicroTime, type Ms, type Now } from '#core/time.ts';
import type { Anchor, Anchors, OwnAnchor } from '#ledger/port.ts';
import type { Epoch } from './port.ts';

/** The annotation that carries where the holder's ledger stands. */
export const ANCHOR_ANNOTATION = 'comptroller.dev/anchor';
/** And where those of others stood when they led last, by the directory of each: a follower's may be put back as well. */
export const LEDGERS_ANNOTATION = 'comptroller.dev/ledgers';
/** So many directories are remembered: those that led last. */
const MOST_LEDGERS = 16;
const MAX_LEDGERS_TEXT = 16 * 1024;
const DIRECTORY_ID = /^[a-z0-9]{1,64}$/;

/** Who a replica is and how it holds the lease. */
export interface Candidate {
  /** `<hostname>_<uuid>`, fresh for each process start. */
  readonly identity: string;
  readonly namespace: string;
  readonly name: string;
  /** Whole seconds: the API carries no fraction. */
  readonly leaseDuration: Ms;
}

/** The lease as last read, and when (by our own monotonic clock) it was first seen like this. */
export interface Sighting {
  readonly lease: Lease | undefined;
  readonly since: Ms;
  /** Until when the holder last seen may still act, though the lease was deleted meanwhile. */
  readonly heldUntil: Ms;
}

export type Step =
  | { readonly kind: 'create'; readonly lease: Lease }
  | { readonly kind: 'acquire'; readonly lease: Lease }
  | { readonly kind: 'renew'; readonly lease: Lease }
  /** Another holds it; look again at `until` (monotonic) at the latest. */
  | { readonly kind: 'wait'; readonly until: Ms; readonly holder: string };

/**
 * Notes what was read at `mono`. The holder's own times are never compared with our clocks: a lease counts as renewed
 * when it changed under our eyes, as upstream does it. `fallback` is how long a holder is waited for that names no
 * duration, or that may have taken the lease unseen before somebody deleted it. `ranBefore`: there was one.
 */
export function sight(
  last: Sighting | undefined,
  lease: Lease | undefined,
  mono: Ms,
  fallback: Ms,
  ranBefore = false,
): Sighting {
  if (last !== undefined && versionOf(last.lease) === versionOf(lease)) return last;
  const holder = lease?.spec?.holderIdentity ?? '';
  if (lease === undefined) {
    const deleted = last?.lease !== undefined || ranBefore;
    return { lease, since: mono, heldUntil: deleted ? Math.max(last?.heldUntil ?? mono, mono + fallback) : mono };
  }
  return { lease, since: mono, heldUntil: holder === '' ? mono : mono + (durationOf(lease) ?? fallback) };
}

/** What to do about the lease now. Everything that it does not understand in the lease is carried on. */
export function stepLease(seen: Sighting, self: Candidate, now: Now, anchor: OwnAnchor | undefined): Step {
  const { lease } = seen;
  if (lease?.spec?.holderIdentity === self.identity) return { kind: 'renew', lease: renewed(lease, self, now, anchor) };
  if (now.mono < seen.heldUntil)
    return { kind: 'wait', until: seen.heldUntil, holder: lease?.spec?.holderIdentity ?? '' };
  return lease === undefined
    ? { kind: 'create', lease: created(self, now, anchor) }
    : { kind: 'acquire', lease: acquired(lease, self, now, anchor) };
}

function created(self: Candidate, now: Now, anchor: OwnAnchor | undefined): Lease {
  const time = formatMicroTime(now.wall);
  return withAnchor(
    {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { namespace: self.namespace, name: self.name },
      spec: {
        holderIdentity: self.identity,
        leaseDurationSeconds: self.leaseDuration / 1000,
        acquireTime: time,
        renewTime: time,
        leaseTransitions: 0,
      },
    },
    anchor,
  );
}

function acquired(lease: Lease, self: Candidate, now: Now, anchor: OwnAnchor | undefined): Lease {
  const time = formatMicroTime(now.wall);
  const spec = {
    ...lease.spec,
    holderIdentity: self.identity,
    leaseDurationSeconds: self.leaseDuration / 1000,
    acquireTime: time,
    renewTime: time,
    leaseTransitions: transitionsOf(lease) + 1,
  };
  return withAnchor({ ...lease, spec }, anchor);
}

function renewed(lease: Lease, self: Candidate, now: Now, anchor: OwnAnchor | undefined): Lease {
  const spec = {
    ...lease.spec,
    leaseDurationSeconds: self.leaseDuration / 1000,
    renewTime: formatMicroTime(now.wall),
  };
  return withAnchor({ ...lease, spec }, anchor);
}

/** Gives the lease up as upstream does: no holder, a duration of one second, so that the next replica takes it at once. */
export function released(lease: Lease, now: Now, anchor: OwnAnchor | undefined): Lease {
  const time = formatMicroTime(now.wall);
  const spec = { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1, acquireTime: time, renewTime: time };
  return withAnchor({ ...lease, spec }, anchor);
}

function withAnchor(lease: Lease, own: OwnAnchor | undefined): Lease {
  if (own === undefined) return lease;
  const annotations = new Map(Object.entries(lease.metadata?.annotations ?? {}))
    .set(ANCHOR_ANNOTATION, JSON.stringify(plain(own)))
    .set(LEDGERS_ANNOTATION, JSON.stringify(Object.fromEntries(ledgersWith(lease, own))));
  return { ...lease, metadata: { ...lease.metadata, annotations: Object.fromEntries(annotations) } };
}

const plain = ({ origin, size, root }: Anchor): Anchor => ({ origin, size, root });

/** Ours comes last; who has not led for longest is forgotten. */
function ledgersWith(lease: Lease, own: OwnAnchor): readonly (readonly [string, Anchor])[] {
  const others = [...ledgersOf(lease)].filter(([directory]) => directory !== own.directory);
  return [...others, [own.directory, plain(own)] as const].slice(-MOST_LEDGERS);
}

/** What a lease tells of the last holder's ledger, and of the one in that directory. */
export function anchorsIn(lease: Lease | undefined, directory: string): Anchors {
  const [last, own] = [anchorOf(lease), ledgersOf(lease).get(directory)];
  return { ...(last !== undefined && { last }), ...(own !== undefined && { own }) };
}

/** Where the holder's ledger stood when it wrote the lease; undefined when absent or not an anchor. */
export function anchorOf(lease: Lease | undefined): Anchor | undefined {
  return asAnchor(annotation(lease, ANCHOR_ANNOTATION, 1024));
}

/** Anchors by directory, in the order in which they led last; what is no anchor is left out. */
function ledgersOf(lease: Lease | undefined): ReadonlyMap<string, Anchor> {
  const told = annotation(lease, LEDGERS_ANNOTATION, MAX_LEDGERS_TEXT);
  if (typeof told !== 'object' || told === null) return new Map();
  return new Map(
    Object.entries(told).flatMap(([directory, value]) => {
      const anchor = DIRECTORY_ID.test(directory) ? asAnchor(value) : undefined;
      return anchor === undefined ? [] : [[directory, anchor] as const];
    }),
  );
}

/** The JSON of an annotation; undefined when it is absent, too long or no JSON. */
function annotation(lease: Lease | undefined, name: string, maxLength: number): unknown {
  const annotations = lease?.metadata?.annotations ?? {};
  const text = Object.hasOwn(annotations, name) ? annotations[name] : undefined;
  if (typeof text !== 'string' || text.length > maxLength) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function asAnchor(value: unknown): Anchor | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { origin, size, root } = value as Record<string, unknown>;
  if (typeof origin !== 'string' || origin === '' || origin.length > 256) return undefined;
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) return undefined;
  if (typeof root !== 'string' || !/^[A-Za-z0-9+/]{43}=$/.test(root)) return undefined;
  return { origin, size, root };
}

/** The reign that a lease in our hands stands for. */
export function epochOf(lease: Lease): Epoch {
  return {
    lease: lease.metadata?.uid ?? '',
    transitions: transitionsOf(lease),
    holder: lease.spec?.holderIdentity ?? '',
  };
}

/** Which version of which object this is; empty for none. */
export function versionOf(lease: Lease | undefined): string {
  return lease === undefined ? '' : `${lease.metadata?.uid ?? ''} ${lease.metadata?.resourceVersion ?? ''}`;
}

function transitionsOf(lease: Lease): number {
  const count = lease.spec?.leaseTransitions;
  return typeof count === 'number' && Number.isSafeInteger(count) && count >= 0 ? count : 0;
}

function durationOf(lease: Lease): Ms | undefined {
  const count = lease.spec?.leaseDurationSeconds;
  return typeof count === 'number' && count > 0 ? count * 1000 : undefined;
}
