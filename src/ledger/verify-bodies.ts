import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { BODY_CAPS, packName } from './bodies.ts';
import { sha256 } from './caps.ts';
import type { BodyClaim } from './verify-records.ts';
import type { Say } from './verify-report.ts';

/** Bodies that are read at the same time. */
const AT_ONCE = 16;

/** Compares bodies with the digests in their records; keeps one pack open. */
export class BodyCheck {
  /** Bodies that are not there: not synced before the power went, or taken away after their time. */
  missing = 0;
  readonly #log: string;
  readonly #say: Say;
  #pack = -1;
  #file: FileHandle | undefined;

  constructor(log: string, say: Say) {
    this.#log = log;
    this.#say = say;
  }

  async check(claims: readonly BodyClaim[]): Promise<void> {
    const sane = claims.filter((claim) => this.#sane(claim));
    for (const [pack, all] of Map.groupBy(sane, (claim) => claim.pack)) {
      const file = await this.#open(pack);
      for (let at = 0; at < all.length; at += AT_ONCE)
        await Promise.all(all.slice(at, at + AT_ONCE).map((claim) => this.#compare(file, claim)));
    }
  }

  #sane({ seq, pack, offset, bytes }: BodyClaim): boolean {
    const whole = [pack, offset, bytes].every((n) => Number.isSafeInteger(n) && n >= 0);
    if (whole && bytes <= BODY_CAPS.bytes) return true;
    this.#say('broken', 'body', 'the record names a place where no body can lie', seq);
    return false;
  }

  async #compare(file: FileHandle | undefined, { seq, offset, bytes, sha256: digest }: BodyClaim): Promise<void> {
    const buffer = Buffer.alloc(bytes);
    const read = file === undefined ? 0 : (await file.read(buffer, 0, bytes, offset)).bytesRead;
    if (read < bytes || (buffer[0] === 0 && buffer.every((byte) => byte === 0))) this.missing += 1;
    else if (sha256(buffer) !== digest)
      this.#say('broken', 'body', "the body is not the one that the record's digest names", seq);
  }

  async #open(pack: number): Promise<FileHandle | undefined> {
    if (pack === this.#pack) return this.#file;
    await this.close();
    this.#pack = pack;
    this.#file = await open(join(this.#log, 'bodies', packName(pack))).catch(() => undefined);
    return this.#file;
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
    this.#pack = -1;
  }
}
