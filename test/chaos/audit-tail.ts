import { closeSync, openSync, readSync, statSync } from 'node:fs';
import type { AuditEvent } from '#kit/audit.ts';
import { isMutating, isOurs, isWork, logOf } from '#kit/audit.ts';

/** What the API server writes down from now on: the whole log of a long run is too much to read for one fault. */
export class AuditTail {
  readonly #file: string;
  readonly #from: number;

  constructor({ auditLog }: { readonly auditLog: string }) {
    this.#file = auditLog;
    this.#from = statSync(auditLog).size;
  }

  /** Each mutating request by one of Comptroller's identities, in the order of arrival. */
  ourWrites(): readonly AuditEvent[] {
    return this.#events()
      .filter((event) => isOurs(event) && isMutating(event))
      .sort((a, b) => arrived(a) - arrived(b));
  }

  /** What one process wrote, by the log that its Audit-IDs name; but for the Lease. */
  workOf(log: string): readonly AuditEvent[] {
    return this.ourWrites().filter((event) => isWork(event) && logOf(event) === log);
  }

  /** A line under way is left out; the first one may be the end of one that was. */
  #events(): readonly AuditEvent[] {
    const bytes = Buffer.alloc(Math.max(0, statSync(this.#file).size - this.#from));
    const file = openSync(this.#file, 'r');
    const read = readSync(file, bytes, 0, bytes.length, this.#from);
    closeSync(file);
    const text = bytes.toString('utf8', 0, read);
    const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
    return lines.filter((line) => line.startsWith('{') && line.endsWith('}')).map((line) => JSON.parse(line));
  }
}

export const arrived = ({ requestReceivedTimestamp }: AuditEvent): number => Date.parse(requestReceivedTimestamp);
