import { join } from 'node:path';
import type { Clock, Ms } from '#core/time.ts';
import type { Meter } from '#telemetry/port.ts';
import { sha256 } from './caps.ts';
import { closeFile, createFile, writeAll } from './files.ts';

/**
 * Redacted objects beside the log, packed into files: `bodies/<pack>` holds one line of JSON a body. The record holds
 * the body's SHA-256 and where it lies. Packs are written with the record's group but not synced with it: after a power
 * failure a record may name a body that is not there; its digest in the record still proves a copy.
 */
export type BodyRef =
  | { readonly sha256: string; readonly pack: number; readonly offset: number; readonly bytes: number }
  /** Why there is none: the namespace's budget, its size (with the digest all the same), the disk. */
  | { readonly shed: 'budget' | 'size' | 'disk'; readonly sha256?: string; readonly bytes?: number };

export const BODY_CAPS = {
  bytes: 256 * 1024,
  packBytes: 64 * 1024 * 1024,
  /** A namespace may burst by so much, and refills at so much a second. */
  namespaceBytes: 32 * 1024 * 1024,
  namespaceRefill: 64 * 1024,
  namespaces: 4096,
  recent: 4096,
} as const;

export function packName(pack: number): string {
  return String(pack).padStart(6, '0');
}

interface Bucket {
  readonly left: number;
  readonly at: Ms;
}

/** A token bucket of bytes for each namespace; the least recently used is forgotten, which refills it. */
class Budget {
  readonly #buckets = new Map<string, Bucket>();

  spend(namespace: string, bytes: number, mono: Ms): boolean {
    const left = this.#left(namespace, mono);
    const enough = left >= bytes;
    this.#buckets.delete(namespace);
    this.#buckets.set(namespace, { left: enough ? left - bytes : left, at: mono });
    if (this.#buckets.size > BODY_CAPS.namespaces) this.#buckets.delete(this.#buckets.keys().next().value as string);
    return enough;
  }

  spent(namespace: string, mono: Ms): boolean {
    return this.#left(namespace, mono) < BODY_CAPS.bytes;
  }

  /** Time refills it, also for who only asks: what is held back for it must not wait for a body to be kept. */
  #left(namespace: string, mono: Ms): number {
    const bucket = this.#buckets.get(namespace);
    if (bucket === undefined) return BODY_CAPS.namespaceBytes;
    const refill = ((mono - bucket.at) / 1000) * BODY_CAPS.namespaceRefill;
    return Math.min(BODY_CAPS.namespaceBytes, bucket.left + Math.max(0, refill));
  }
}

export class Bodies {
  readonly #directory: string;
  readonly #clock: Clock;
  readonly #meter: Meter;
  readonly #budget = new Budget();
  readonly #recent = new Map<string, BodyRef>();
  #file: number | undefined;
  #pack = 0;
  #offset = 0;
  #pending: { pack: number; line: Buffer }[] = [];
  #off = false;
  #paused = false;

  constructor(directory: string, clock: Clock, meter: Meter) {
    this.#directory = directory;
    this.#clock = clock;
    this.#meter = meter;
  }

  /** Decides where the body will lie; `flush` brings it there. */
  keep(namespace: string, text: string): BodyRef {
    const digest = sha256(text);
    const bytes = Buffer.byteLength(text);
    if (this.#off || this.#paused) return this.#shed('disk', digest, bytes);
    const known = this.#recent.get(digest);
    if (known !== undefined) return known;
    if (bytes > BODY_CAPS.bytes) return this.#shed('size', digest, bytes);
    if (!this.#budget.spend(namespace, bytes, this.#clock.now().mono)) return this.#shed('budget', digest, bytes);
    if (this.#offset + bytes + 1 > BODY_CAPS.packBytes) {
      this.#pack += 1;
      this.#offset = 0;
    }
    const ref: BodyRef = { sha256: digest, pack: this.#pack, offset: this.#offset, bytes };
    this.#pending.push({ pack: this.#pack, line: Buffer.from(`${text}\n`) });
    this.#offset += bytes + 1;
    this.#recent.set(digest, ref);
    if (this.#recent.size > BODY_CAPS.recent) this.#recent.delete(this.#recent.keys().next().value as string);
    return ref;
  }

  #shed(why: 'budget' | 'size' | 'disk', digest: string, bytes: number): BodyRef {
    this.#meter.count('ledger_bodies_shed_total', { why });
    return { shed: why, sha256: digest, bytes };
  }

  spent(namespace: string): boolean {
    return this.#budget.spent(namespace, this.#clock.now().mono);
  }

  /** While the disk is nearly full, records come first. */
  pause(on: boolean): void {
    this.#paused = on;
  }

  /** After a failed write the place of what follows is not known: no more bodies in this process. */
  #stop(): void {
    this.#off = true;
    this.#pending = [];
    this.#recent.clear();
  }

  /** Never throws: a body that cannot be written is shed from then on, the record stands without it. */
  async flush(): Promise<void> {
    if (this.#pending.length === 0) return;
    const pending = this.#pending;
    this.#pending = [];
    try {
      for (const pack of new Set(pending.map((item) => item.pack))) {
        const lines = pending.flatMap((item) => (item.pack === pack ? [item.line] : []));
        await this.#append(pack, Buffer.concat(lines));
      }
    } catch {
      this.#stop();
    }
  }

  #written = -1;

  async #append(pack: number, bytes: Buffer): Promise<void> {
    if (this.#file === undefined || this.#written !== pack) {
      if (this.#file !== undefined) await closeFile(this.#file);
      this.#file = await createFile(join(this.#directory, packName(pack)));
      this.#written = pack;
    }
    await writeAll(this.#file, bytes);
  }

  async close(): Promise<void> {
    await this.flush();
    if (this.#file !== undefined) await closeFile(this.#file);
    this.#file = undefined;
  }
}
