/**
 * Splits a byte stream into lines, at \n only: a line of JSON may hold U+2028 and other ends of lines in a string, and
 * no byte of a multi-byte character is ever 0x0A, so characters cut by a chunk's end are safe.
 */
export interface Splitter {
  /** The lines that end in this chunk; undefined when a line is over the cap. Empty lines are left out. */
  feed(chunk: Buffer): Buffer[] | undefined;
  /** Bytes of a line that has not ended. */
  pending(): number;
}

export function createSplitter(maxLine: number): Splitter {
  let parts: Buffer[] = [];
  let size = 0;
  return {
    feed(chunk) {
      const lines: Buffer[] = [];
      let from = 0;
      for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
        const last = chunk.subarray(from, end);
        from = end + 1;
        if (size + last.length > maxLine) return undefined;
        if (size > 0) {
          parts.push(last);
          lines.push(Buffer.concat(parts, size + last.length));
          parts = [];
          size = 0;
        } else if (last.length > 0) lines.push(last);
      }
      if (from < chunk.length) {
        parts.push(chunk.subarray(from));
        size += chunk.length - from;
      }
      return size > maxLine ? undefined : lines;
    },
    pending: () => size,
  };
}
