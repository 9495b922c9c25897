import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AuditEvent, type AuditFile, auditEvents, parseEvent } from './audit-events.ts';

const line = (auditID: string, more: object = {}): string =>
  JSON.stringify({ kind: 'Event', apiVersion: 'audit.k8s.io/v1', auditID, stage: 'ResponseComplete', ...more });

async function read(chunks: readonly Buffer[]): Promise<{ events: AuditEvent[]; file: AuditFile }> {
  const file: AuditFile = { name: 'test', events: 0, malformed: 0, torn: false };
  const events: AuditEvent[] = [];
  for await (const batch of auditEvents({ name: 'test', stream: () => Readable.from(chunks) }, file))
    events.push(...batch);
  return { events, file };
}

/** The bytes in pieces of any sizes. */
function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  let at = 0;
  for (const size of sizes) {
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return [...chunks, bytes.subarray(at)].filter((chunk) => chunk.length > 0);
}

describe('reading lines', () => {
  it('gives the same events however the bytes are cut, also within a character', async () => {
    const ids = fc.array(fc.constantFrom('a', 'é', '\u{1f980}', '__proto__'), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(ids, fc.array(fc.integer({ min: 1, max: 40 })), fc.boolean(), async (auditIds, sizes, ended) => {
        const text = auditIds.map((id) => line(id)).join('\n') + (ended && auditIds.length > 0 ? '\n' : '');
        const { events, file } = await read(cut(Buffer.from(text), sizes));
        expect(events.map(({ auditId }) => auditId)).toEqual(auditIds);
        expect(file).toMatchObject({ events: auditIds.length, malformed: 0, torn: false });
      }),
      { numRuns: 200 },
    );
  });

  it('counts what is no event, and says where the first one stands', async () => {
    const text = ['', line('a'), '\r', 'null', '{"kind":"Event"}', '[1', line('b')].join('\n');
    const { events, file } = await read([Buffer.from(`${text}\n`)]);
    expect(events.map(({ auditId }) => auditId)).toEqual(['a', 'b']);
    expect(file).toMatchObject({ events: 2, malformed: 3, firstMalformed: 4, torn: false });
  });

  it('skips a line over the cap, counts it and goes on; its memory stays bounded', async () => {
    const huge = Buffer.alloc(1024 * 1024, 'x');
    const chunks = [
      Buffer.from(`${line('a')}\n`),
      ...Array.from({ length: 40 }, () => huge),
      Buffer.from(`\n${line('b')}\n`),
    ];
    const { events, file } = await read(chunks);
    expect(events.map(({ auditId }) => auditId)).toEqual(['a', 'b']);
    expect(file).toMatchObject({ malformed: 1, firstMalformed: 2 });
  });

  it('takes a cut end for torn and not for malformed', async () => {
    const { events, file } = await read([Buffer.from(`${line('a')}\n${line('b').slice(0, 20)}`)]);
    expect(events).toHaveLength(1);
    expect(file).toEqual({ name: 'test', events: 1, malformed: 0, torn: true });
  });

  it('never throws, whatever a line holds, and never reads what is no text', () => {
    fc.assert(
      fc.property(fc.json(), fc.anything(), (json, anything) => {
        parseEvent(Buffer.from(json));
        const event = {
          kind: 'Event',
          apiVersion: 'audit.k8s.io/v1',
          user: anything,
          objectRef: anything,
          verb: anything,
        };
        const text = JSON.stringify(event, (_, value: unknown) => (typeof value === 'bigint' ? null : value));
        const parsed = parseEvent(Buffer.from(text));
        for (const value of Object.values(parsed ?? {}))
          expect(['string', 'number', 'boolean']).toContain(typeof value);
      }),
      { numRuns: 300 },
    );
  });
});
