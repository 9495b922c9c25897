import type { Known } from '../port.ts';

/** A fact by whatever finds it; what it throws is said without anything that came over the wire or out of a file. */
export async function known<T>(find: () => T | Promise<T>): Promise<Known<T>> {
  try {
    return { ok: true, value: await find() };
  } catch (error) {
    return { ok: false, why: whyOf(error) };
  }
}

export function whyOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  const path = (error as NodeJS.ErrnoException).path;
  // A message of Node's own repeats what it was called with; the code and the path say as much.
  if (code !== undefined && path !== undefined) return `${path}: ${code}`;
  // Parsers show a piece of what they read.
  if (error instanceof SyntaxError) return 'a file is malformed';
  if (error instanceof Error) return error.message.slice(0, 300);
  return 'it cannot be read';
}
