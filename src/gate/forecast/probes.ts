import { type Ms, seconds } from '#core/time.ts';

/** Between two probes of one owner and resource; it doubles with each that is refused. */
const FIRST_WAIT: Ms = seconds(1);
const LONGEST_WAIT: Ms = seconds(300);
/** At most that many owners are remembered; one that is forgotten may probe at once, which is safe. */
const REMEMBERED = 50_000;

/** What the API server said to an owner's writes, as far as quotas are concerned. */
export type Said = 'yes' | 'no' | 'nothing';

interface Owner {
  /**
   * `refused`: the API server said no where the forecast said yes; it stands as long as the quotas' epoch does.
   * `mistaken`: it said yes where the forecast said no, so the forecast is not asked.
   */
  mode: 'asking' | 'refused' | 'mistaken';
  epoch: number;
  wait: Ms;
  next: Ms;
  probing: boolean;
  /** The youngest write that was out when it was refused: what the API server says of older ones tells nothing of now. */
  refusedAt: number;
}

/** When each owner may send a write that the forecast would delay, and what came of earlier ones. */
export interface Probes {
  /** How the forecast is to be taken. */
  stance(owner: string, epoch: number): 'asking' | 'refused' | 'mistaken';
  /** Lets a probe out, or says how long until the next one. */
  take(owner: string, now: Ms): { readonly ok: true } | { readonly ok: false; readonly retryAfter: Ms };
  /** The number of a write that goes out; later ones have higher numbers. */
  out(): number;
  /** True where the forecast proves mistaken by it. */
  answered(owner: string, said: Said, at: Answered): boolean;
}

/** `sent`: the quotas' epoch when it went out, under its `number`; `epoch`: now. */
export interface Answered {
  readonly probe: boolean;
  readonly number: number;
  readonly sent: number;
  readonly epoch: number;
  readonly now: Ms;
}

const NEW: Readonly<Owner> = { mode: 'asking', epoch: 0, wait: FIRST_WAIT, next: 0, probing: false, refusedAt: 0 };

export function createProbes(): Probes {
  const owners = new Map<string, Owner>();
  let last = 0;

  const open = (id: string): Owner => {
    const owner = owners.get(id) ?? { ...NEW };
    owners.delete(id);
    owners.set(id, owner);
    const oldest = owners.size > REMEMBERED ? owners.keys().next().value : undefined;
    if (oldest !== undefined) owners.delete(oldest);
    return owner;
  };
  const refused = (id: string, probe: boolean, sent: number, now: Ms): void => {
    const owner = open(id);
    Object.assign(owner, { mode: 'refused', epoch: sent, refusedAt: last });
    // Many that went out together are refused together: that is one refusal.
    if (!probe && now < owner.next) return;
    owner.next = now + owner.wait;
    owner.wait = Math.min(owner.wait * 2, LONGEST_WAIT);
  };

  return {
    stance(id, epoch) {
      const owner = owners.get(id);
      if (owner === undefined || (owner.mode === 'refused' && owner.epoch !== epoch)) return 'asking';
      return owner.mode;
    },
    take(id, now) {
      const owner = open(id);
      if (owner.probing) return { ok: false, retryAfter: owner.wait };
      if (now < owner.next) return { ok: false, retryAfter: owner.next - now };
      owner.probing = true;
      return { ok: true };
    },
    out() {
      last += 1;
      return last;
    },
    answered(id, said, { probe, number, sent, epoch, now }) {
      const owner = owners.get(id);
      if (probe && owner !== undefined) owner.probing = false;
      if (said === 'no') refused(id, probe, sent, now);
      if (said === 'nothing' && probe && owner !== undefined) owner.next = now + owner.wait;
      if (said !== 'yes') return false;
      const mistaken = probe && sent === epoch;
      if (mistaken) Object.assign(open(id), { mode: 'mistaken', wait: FIRST_WAIT, next: 0 });
      else if (owner !== undefined && owner.mode !== 'mistaken' && !owner.probing && number > owner.refusedAt)
        owners.delete(id);
      return mistaken;
    },
  };
}
