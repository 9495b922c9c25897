/** An IP address and its canonical text: `10.0.0.1`, `fd00::1` (RFC 5952). An IPv4 address in IPv6 clothes is IPv4. */
export interface Ip {
  readonly family: 'IPv4' | 'IPv6';
  readonly text: string;
}

/**
 * Reads an address as the API server's lenient parser does: leading zeros are taken as decimal, zones are not taken.
 * Undefined when it is none.
 */
export function parseIp(text: string): Ip | undefined {
  const bytes = text.includes(':') ? groupsOf(text) : dotted(text);
  if (bytes === undefined) return undefined;
  if (bytes.length === 2) return { family: 'IPv4', text: dottedText(bytes) };
  const mapped = bytes.slice(0, 5).every((group) => group === 0) && bytes[5] === 0xffff;
  if (mapped) return { family: 'IPv4', text: dottedText(bytes.slice(6)) };
  return { family: 'IPv6', text: groupsText(bytes) };
}

/** An IPv4 address as two groups of 16 bits. */
function dotted(text: string): readonly number[] | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^[0-9]{1,16}$/.test(part) && Number(part) <= 255)) return undefined;
  const [a = 0, b = 0, c = 0, d = 0] = parts.map(Number);
  return [a * 256 + b, c * 256 + d];
}

/** An IPv6 address as eight groups of 16 bits. */
function groupsOf(text: string): readonly number[] | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half, at) => sequence(half, at === halves.length - 1));
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined;
  if (tail === undefined) return head.length === 8 ? head : undefined;
  const missing = 8 - head.length - tail.length;
  return missing < 1 ? undefined : [...head, ...new Array<number>(missing).fill(0), ...tail];
}

/** Groups between colons; the last may be a whole IPv4 address where the text ends. */
function sequence(text: string, mayEndDotted: boolean): readonly number[] | undefined {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [at, part] of parts.entries()) {
    if (mayEndDotted && at === parts.length - 1 && part.includes('.')) {
      const embedded = dotted(part);
      if (embedded === undefined) return undefined;
      groups.push(...embedded);
      continue;
    }
    if (!/^[0-9a-fA-F]{1,16}$/.test(part) || Number.parseInt(part, 16) > 0xffff) return undefined;
    groups.push(Number.parseInt(part, 16));
  }
  return groups;
}

function dottedText(groups: readonly number[]): string {
  return groups.flatMap((group) => [group >> 8, group & 255]).join('.');
}

/** The first of the longest runs of at least two zero groups becomes `::`. */
function groupsText(groups: readonly number[]): string {
  let from = -1;
  let longest = 1;
  for (let at = 0; at < groups.length; at++) {
    let end = at;
    while (groups[end] === 0) end++;
    if (end - at > longest) [from, longest] = [at, end - at];
    at = Math.max(at, end - 1);
  }
  const hex = groups.map((group) => group.toString(16));
  if (from < 0) return hex.join(':');
  return `${hex.slice(0, from).join(':')}::${hex.slice(from + longest).join(':')}`;
}
