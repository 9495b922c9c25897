/** Carries the body of an answer over, whole or not. */
import type { ServerResponse } from 'node:http';
import type { Mischief } from './port.ts';

/** Ends the connection where the answer ends before it is whole: by mischief, or because its source broke off. */
export async function carry(
  body: AsyncIterable<Buffer>,
  answer: ServerResponse,
  mischief: Mischief | undefined,
): Promise<void> {
  const whole = await spoil(body, answer, mischief).catch(() => false);
  // In order, so that what was written before it arrives.
  if (whole) answer.end();
  else answer.destroy();
}

/** Says whether the whole body was carried. */
async function spoil(
  body: AsyncIterable<Buffer>,
  answer: ServerResponse,
  mischief: Mischief | undefined,
): Promise<boolean> {
  const garble = mischief?.kind === 'garble' ? mischief.bytes : 0;
  let left = mischief?.kind === 'truncate' ? mischief.after : Number.POSITIVE_INFINITY;
  let first = true;
  for await (const chunk of body) {
    const part = chunk.subarray(0, Math.min(left, chunk.length));
    left -= part.length;
    await put(answer, first ? garbled(part, garble) : part);
    first = false;
    if (left === 0) break;
  }
  return left > 0;
}

async function put(answer: ServerResponse, chunk: Buffer): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    answer.write(chunk, (error) => (error ? reject(error) : resolve()));
  });
}

/**
 * Bytes that no JSON may hold, from the middle on. Not just any other ones: TLS lets nobody change a value on the way,
 * and what a client could take for an answer of the API server would be one.
 */
function garbled(chunk: Buffer, bytes: number): Buffer {
  if (bytes === 0) return chunk;
  const from = Math.floor(chunk.length / 2);
  return Buffer.from(chunk).fill(0x01, from, Math.min(from + bytes, chunk.length));
}
