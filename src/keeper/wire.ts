import { anything, either, exactly, only, positive, type Shaped, text, whole } from '#core/shape.ts';

/**
 * The words on the keeper's socket: one JSON object a line, in both directions. Answers carry the request's id and come
 * in the order of the requests.
 */

/** The longest line either side accepts. */
export const MAX_LINE = 16 * 1024;
export const MAX_CSR = 4 * 1024;
/** Origin, size, root and room for extension lines. */
export const MAX_CHECKPOINT = 1024;
/** Connections at once; `run` needs one, a command beside it another. */
export const MAX_CONNECTIONS = 16;

const id = whole(1);

const isIssue = exactly({
  id,
  op: only('issue'),
  profile: text(64),
  csr: text(MAX_CSR),
  lifetime: positive(Number.MAX_SAFE_INTEGER),
});
const isSign = exactly({ id, op: only('sign-checkpoint'), body: text(MAX_CHECKPOINT) });
const isAbout = exactly({ id, op: only('about') });

export const isRequest = either(isIssue, isSign, isAbout);
export type RequestMessage = Shaped<typeof isRequest>;

export const isAnswer = either(
  exactly({ id, ok: only(true), value: anything }),
  exactly({ id: whole(0), ok: only(false), error: text(1024) }),
);
export type AnswerMessage = Shaped<typeof isAnswer>;

export const isIssueValue = exactly({ certificate: text(MAX_LINE) });
export const isSignValue = exactly({ signature: text(MAX_CHECKPOINT) });
export const isAboutValue = exactly({ ca: text(MAX_LINE), checkpointKey: text(256) });

/** Cuts a stream of bytes into lines. Returns undefined once a line is longer than the cap: the peer is cut off. */
export function lineCutter(): (chunk: Buffer) => string[] | undefined {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    const lines: string[] = [];
    let data = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (let end = data.indexOf(10); end >= 0; end = data.indexOf(10)) {
      if (end > MAX_LINE) return undefined;
      lines.push(data.toString('utf8', 0, end));
      data = data.subarray(end + 1);
    }
    if (data.length > MAX_LINE) return undefined;
    rest = Buffer.from(data);
    return lines;
  };
}
