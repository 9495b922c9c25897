import { type Static, Type } from 'typebox';

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

const id = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });
const strict = { additionalProperties: false } as const;

const IssueMessage = Type.Object(
  {
    id,
    op: Type.Literal('issue'),
    profile: Type.String({ maxLength: 64 }),
    csr: Type.String({ maxLength: MAX_CSR }),
    lifetime: Type.Number({ exclusiveMinimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
  },
  strict,
);
const SignMessage = Type.Object(
  { id, op: Type.Literal('sign-checkpoint'), body: Type.String({ maxLength: MAX_CHECKPOINT }) },
  strict,
);
const AboutMessage = Type.Object({ id, op: Type.Literal('about') }, strict);

export const RequestMessage = Type.Union([IssueMessage, SignMessage, AboutMessage]);
export type RequestMessage = Static<typeof RequestMessage>;

export const AnswerMessage = Type.Union([
  Type.Object({ id, ok: Type.Literal(true), value: Type.Unknown() }, strict),
  Type.Object(
    { id: Type.Integer({ minimum: 0 }), ok: Type.Literal(false), error: Type.String({ maxLength: 1024 }) },
    strict,
  ),
]);
export type AnswerMessage = Static<typeof AnswerMessage>;

export const IssueValue = Type.Object({ certificate: Type.String({ maxLength: MAX_LINE }) }, strict);
export const SignValue = Type.Object({ signature: Type.String({ maxLength: MAX_CHECKPOINT }) }, strict);
export const AboutValue = Type.Object(
  { ca: Type.String({ maxLength: MAX_LINE }), checkpointKey: Type.String({ maxLength: 256 }) },
  strict,
);

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
