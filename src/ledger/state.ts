import type { JsonObject } from '#core/json.ts';
import type { Epoch } from '../leader/port.ts';
import { auditIdOf } from './checkpoint.ts';
import { itemsOf, type Leaf, member, numberOf, objectOf, resourceOf, textOf } from './leaf.ts';

/** An intent whose fate the ledger does not know: the process died, or the answer was lost. */
export interface OpenIntent {
  readonly auditId: string;
  readonly time: string;
  readonly controller: string;
  readonly identity: string;
  readonly loop: string;
  readonly key: string;
  readonly writeId: string;
  readonly class: string;
  readonly verb: string;
  /** `core/pods`. */
  readonly resource: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
  /** The name was derived by the gate: it exists only if the create was done. */
  readonly derivedName: boolean;
  readonly uid?: string;
  /** Of the object that the decision rested on. */
  readonly resourceVersion?: string;
  readonly path: string;
  readonly digest: string;
  /** How long the request may have been under way, in milliseconds. */
  readonly timeout: number;
  readonly epoch?: Epoch;
}

/** A refusal that no later intent of the same write has superseded (I18). */
export interface LastDenial {
  readonly writeId: string;
  readonly controller: string;
  readonly loop: string;
  readonly key: string;
  readonly code: string;
  readonly rules: readonly string[];
  readonly inputDigest?: string;
  readonly bundle?: { readonly version: number; readonly digest: string };
  readonly time: string;
}

/** What a new process must know of those before it: a fold over their records. */
export interface State {
  readonly bundleVersion: number;
  readonly epoch: Epoch | undefined;
  readonly open: ReadonlyMap<string, OpenIntent>;
  readonly denials: ReadonlyMap<string, LastDenial>;
  readonly stopped: boolean;
}

export const STATE_CAPS = { open: 10_000, denials: 1_000 } as const;

function epochOf(data: JsonObject | undefined): Epoch | undefined {
  const lease = textOf(data, 'lease');
  const holder = textOf(data, 'holder');
  const transitions = numberOf(data, 'transitions');
  return lease === undefined || holder === undefined || transitions === undefined
    ? undefined
    : { lease, transitions, holder };
}

export function openIntentOf(leaf: Leaf, auditId: string): OpenIntent {
  const { data } = leaf;
  const [subresource, namespace, name, uid] = ['subresource', 'namespace', 'name', 'uid'].map((k) => textOf(data, k));
  const resourceVersion = textOf(objectOf(data, 'was'), 'resourceVersion');
  const epoch = epochOf(objectOf(data, 'epoch'));
  return {
    auditId,
    time: leaf.time,
    controller: textOf(data, 'controller') ?? '',
    identity: textOf(data, 'identity') ?? '',
    loop: textOf(data, 'loop') ?? '',
    key: textOf(data, 'key') ?? '',
    writeId: textOf(data, 'writeId') ?? '',
    class: textOf(data, 'class') ?? '',
    verb: textOf(data, 'verb') ?? '',
    resource: resourceOf(data),
    derivedName: member(data, 'derivedName') === true,
    path: textOf(data, 'path') ?? '',
    digest: textOf(data, 'digest') ?? '',
    timeout: numberOf(data, 'timeout') ?? 0,
    ...(subresource !== undefined && { subresource }),
    ...(namespace !== undefined && { namespace }),
    ...(name !== undefined && { name }),
    ...(uid !== undefined && { uid }),
    ...(resourceVersion !== undefined && { resourceVersion }),
    ...(epoch !== undefined && { epoch }),
  };
}

function lastDenialOf({ data, time }: Leaf): LastDenial {
  const verdict = objectOf(data, 'verdict');
  const bundle = objectOf(verdict, 'bundle');
  const version = numberOf(bundle, 'version');
  const inputDigest = textOf(verdict, 'inputDigest');
  return {
    writeId: textOf(data, 'writeId') ?? '',
    controller: textOf(data, 'controller') ?? '',
    loop: textOf(data, 'loop') ?? '',
    key: textOf(data, 'key') ?? '',
    code: textOf(data, 'code') ?? '',
    rules: itemsOf(verdict, 'rules').filter((rule) => typeof rule === 'string'),
    ...(inputDigest !== undefined && { inputDigest }),
    ...(version !== undefined && { bundle: { version, digest: textOf(bundle, 'digest') ?? '' } }),
    time,
  };
}

/** Folds records into a state, one log after another in the order of their starts. */
export class StateFold {
  #bundleVersion = 0;
  #epoch: Epoch | undefined;
  readonly #open = new Map<string, OpenIntent>();
  readonly #bySeq = new Map<number, string>();
  readonly #denials = new Map<string, LastDenial>();
  #stopped = false;
  readonly #logId: string;

  constructor(logId: string, before?: State) {
    this.#logId = logId;
    if (before === undefined) return;
    this.#bundleVersion = before.bundleVersion;
    this.#epoch = before.epoch;
    for (const [id, intent] of before.open) this.#open.set(id, intent);
    for (const [id, denial] of before.denials) this.#denials.set(id, denial);
  }

  add(leaf: Leaf, hash: Buffer): void {
    this.#stopped = leaf.type === 'stop';
    if (leaf.type === 'intent') this.#intent(leaf, auditIdOf(this.#logId, leaf.seq, hash));
    else if (leaf.type === 'outcome') this.#outcome(leaf.data);
    else if (leaf.type === 'denial') this.#denial(lastDenialOf(leaf));
    else if (leaf.type === 'note') this.#note(leaf.data);
  }

  /** The live ledger's short cut for an intent that will have its outcome. */
  planned(writeId: string, bundleVersion: number): void {
    this.#denials.delete(writeId);
    this.#bundleVersion = Math.max(this.#bundleVersion, bundleVersion);
  }

  stop(): void {
    this.#stopped = true;
  }

  #intent(leaf: Leaf, auditId: string): void {
    const intent = openIntentOf(leaf, auditId);
    this.#bundle(objectOf(objectOf(leaf.data, 'verdict'), 'bundle'));
    this.#denials.delete(intent.writeId);
    this.#bySeq.set(leaf.seq, auditId);
    this.#open.set(auditId, intent);
    if (this.#open.size > STATE_CAPS.open) this.#open.delete(this.#open.keys().next().value as string);
  }

  #outcome(data: JsonObject): void {
    const seq = numberOf(data, 'intent') ?? -1;
    const auditId = this.#bySeq.get(seq);
    this.#bySeq.delete(seq);
    if (auditId !== undefined && textOf(data, 'kind') !== 'unknown') this.#open.delete(auditId);
  }

  #denial(denial: LastDenial): void {
    this.#denials.delete(denial.writeId);
    this.#denials.set(denial.writeId, denial);
    if (this.#denials.size > STATE_CAPS.denials) this.#denials.delete(this.#denials.keys().next().value as string);
  }

  #note(data: JsonObject): void {
    if (data.note === 'resolved') this.#open.delete(textOf(data, 'auditId') ?? '');
    else if (data.note === 'leadership') this.#epoch = epochOf(objectOf(data, 'epoch')) ?? this.#epoch;
    else if (data.note === 'bundle' && data.activated === true) this.#bundle(objectOf(data, 'bundle'));
  }

  #bundle(bundle: JsonObject | undefined): void {
    this.#bundleVersion = Math.max(this.#bundleVersion, numberOf(bundle, 'version') ?? 0);
  }

  state(): State {
    return {
      bundleVersion: this.#bundleVersion,
      epoch: this.#epoch,
      open: this.#open,
      denials: this.#denials,
      stopped: this.#stopped,
    };
  }
}
