/**
 * The JSON of the largest object, in bytes: a request's body has at most 3 MiB, and Go's encoder, which writes watches
 * and answers, makes six bytes of each `<`, `>`, `&` and control character. What is larger is refused, never buffered.
 */
export const MAX_OBJECT = 32 * 1024 * 1024;

/** Of a list whose page of `limit` heavy objects did not fit: how many to ask for next; at 1 there is no smaller one. */
export const smallerPage = (limit: number): number => Math.max(1, Math.floor(limit / 5));
