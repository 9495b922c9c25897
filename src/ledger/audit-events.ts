import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { errorCode } from './files.ts';
import { isObject, member, numberOf, objectOf } from './leaf.ts';

/** What the join looks at in an `audit.k8s.io/v1` event. Absent texts are empty. */
export interface AuditEvent {
  readonly auditId: string;
  readonly stage: string;
  readonly verb: string;
  readonly user: string;
  /** Whom the user acted as. */
  readonly impersonated: string;
  /** Empty for the core group. */
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  /** 0 when there is none. */
  readonly code: number;
  readonly uri: string;
  readonly received: string;
  readonly at: string;
  /** RBAC (or another authorizer) refused it. */
  readonly forbidden: boolean;
}

/** One file of an audit log, as it was read. */
export interface AuditFile {
  readonly name: string;
  events: number;
  /** Lines that are no audit event. */
  malformed: number;
  /** The line number of the first of them. */
  firstMalformed?: number;
  /** The file ends within a line, or its compressed stream is cut. */
  torn: boolean;
}

export interface AuditSource {
  readonly name: string;
  readonly stream: () => Promise<Readable> | Readable;
}

/** Above what an API server writes with whole request and response bodies. */
const MAX_LINE_BYTES = 16 * 1024 * 1024;
const NEWLINE = 0x0a;

/** A file by its path; compressed ones are known by their first bytes. Throws an Error fit for a person. */
export async function auditFile(path: string): Promise<AuditSource & { readonly inode: string }> {
  try {
    const file = await open(path);
    try {
      const { dev, ino } = await file.stat();
      const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0);
      const zipped = bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b;
      const stream = (): Readable => {
        const raw = createReadStream(path, { highWaterMark: 1024 * 1024 });
        if (!zipped) return raw;
        const plain = createGunzip({ chunkSize: 1024 * 1024 });
        raw.on('error', (error) => plain.destroy(error));
        return raw.pipe(plain);
      };
      return { name: path, stream, inode: `${dev}:${ino}` };
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new Error(`reading the audit log ${path}: ${errorCode(error) ?? 'it cannot be read'}`);
  }
}

/** The events of a file in batches, a chunk of it at a time; counts into `file`. */
export async function* auditEvents(
  source: AuditSource,
  file: AuditFile,
): AsyncGenerator<readonly AuditEvent[], undefined> {
  const lines = new Lines(file);
  try {
    for await (const chunk of await source.stream()) {
      const batch = lines.push(chunk as Buffer);
      if (batch.length > 0) yield batch;
    }
  } catch (error) {
    // zlib says Z_BUF_ERROR for a cut stream and Z_DATA_ERROR for a damaged one.
    const code = errorCode(error);
    if (code?.startsWith('Z_') !== true) throw new Error(`reading the audit log ${source.name}: ${code ?? 'failing'}`);
    file.torn = true;
  }
  const last = lines.end();
  if (last.length > 0) yield last;
  return undefined;
}

/** Cuts chunks into lines and lines into events; a line over the cap is skipped and counted as malformed. */
class Lines {
  readonly #file: AuditFile;
  #rest: Buffer[] = [];
  #restBytes = 0;
  #skipping = false;
  #line = 0;

  constructor(file: AuditFile) {
    this.#file = file;
  }

  push(chunk: Buffer): AuditEvent[] {
    const events: AuditEvent[] = [];
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      this.#take(chunk.subarray(from, end), events);
      from = end + 1;
    }
    this.#keep(chunk.subarray(from));
    return events;
  }

  #keep(part: Buffer): void {
    this.#restBytes += part.length;
    if (this.#restBytes > MAX_LINE_BYTES) {
      this.#skipping = true;
      this.#rest = [];
    }
    if (!this.#skipping && part.length > 0) this.#rest.push(part);
  }

  #take(part: Buffer, events: AuditEvent[]): void {
    this.#line += 1;
    const whole = this.#rest.length === 0 ? part : Buffer.concat([...this.#rest, part]);
    const skipped = this.#skipping || whole.length > MAX_LINE_BYTES;
    this.#rest = [];
    this.#restBytes = 0;
    this.#skipping = false;
    if (!skipped && blank(whole)) return;
    const event = skipped ? undefined : parseEvent(whole);
    if (event !== undefined) {
      this.#file.events += 1;
      events.push(event);
      return;
    }
    this.#file.malformed += 1;
    this.#file.firstMalformed ??= this.#line;
  }

  /** What stands behind the last line break: a whole event, or the torn end of a file that is still written. */
  end(): AuditEvent[] {
    if (this.#restBytes === 0) return [];
    const events: AuditEvent[] = [];
    const before = this.#file.malformed;
    const first = this.#file.firstMalformed;
    this.#take(Buffer.alloc(0), events);
    if (this.#file.malformed > before) {
      this.#file.malformed = before;
      this.#file.torn = true;
      if (first === undefined) delete this.#file.firstMalformed;
    }
    return events;
  }
}

const blank = (line: Buffer): boolean => line.length < 2 && (line.length === 0 || line[0] === 0x0d);

/** Undefined when the line is no audit event. Every field may be absent or of another type. */
export function parseEvent(line: Buffer): AuditEvent | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line.toString('utf8'));
  } catch {
    return undefined;
  }
  if (!isObject(value) || value.kind !== 'Event' || !text(value, 'apiVersion').startsWith('audit.k8s.io/'))
    return undefined;
  const object = objectOf(value, 'objectRef');
  return {
    auditId: text(value, 'auditID'),
    stage: text(value, 'stage'),
    verb: text(value, 'verb'),
    user: text(objectOf(value, 'user'), 'username'),
    impersonated: text(objectOf(value, 'impersonatedUser'), 'username'),
    group: text(object, 'apiGroup'),
    resource: text(object, 'resource'),
    subresource: text(object, 'subresource'),
    namespace: text(object, 'namespace'),
    name: text(object, 'name'),
    code: numberOf(objectOf(value, 'responseStatus'), 'code') ?? 0,
    uri: text(value, 'requestURI'),
    received: text(value, 'requestReceivedTimestamp'),
    at: text(value, 'stageTimestamp'),
    forbidden: text(objectOf(value, 'annotations'), 'authorization.k8s.io/decision') === 'forbid',
  };
}

function text(object: Parameters<typeof member>[0], key: string): string {
  const value = member(object, key);
  return typeof value === 'string' ? value : '';
}

const MUTATING: ReadonlySet<string> = new Set(['create', 'update', 'patch', 'delete', 'deletecollection']);
const REVIEWS: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['authentication.k8s.io', new Set(['tokenreviews', 'selfsubjectreviews'])],
  [
    'authorization.k8s.io',
    new Set([
      'subjectaccessreviews',
      'localsubjectaccessreviews',
      'selfsubjectaccessreviews',
      'selfsubjectrulesreviews',
    ]),
  ],
]);

/** Its last event: what the API server did with the request. Of one that made it panic that is the stage Panic. */
export function isAnswer({ stage }: AuditEvent): boolean {
  return stage === 'ResponseComplete' || stage === 'Panic';
}

export function isMutating({ verb }: AuditEvent): boolean {
  return MUTATING.has(verb);
}

/**
 * Asks and changes nothing: a review, or a dry run. Dry runs are believed only where the query decides alone: a
 * deletion's body outweighs its query, and subresources like `exec` do not know the word.
 */
export function isReview({ verb, group, resource, subresource, uri }: AuditEvent): boolean {
  if (verb === 'create' && subresource === '' && REVIEWS.get(group)?.has(resource) === true) return true;
  if (subresource !== '' || verb === 'delete' || verb === 'deletecollection' || !uri.includes('dryRun=')) return false;
  const values = new URLSearchParams(uri.slice(uri.indexOf('?') + 1)).getAll('dryRun');
  return values.length > 0 && values.every((value) => value === 'All');
}
