import { createHash } from 'node:crypto';
import type { ReadAnswer, Reader } from '#api/port.ts';
import { canonical } from '#core/json.ts';
import type { Clock, Ms } from '#core/time.ts';
import { createBucket, createExpiring } from './bounds.ts';
import type { User } from './port.ts';

/** What the API server says about a token or a wish. `unavailable`: it could not be asked, which is no yes. */
export interface Reviews {
  token(token: string): Promise<User | 'unknown' | 'unavailable'>;
  access(user: User, verb: string, path: string): Promise<'allowed' | 'denied' | 'unavailable'>;
}

/** As upstream: answers are believed for ten seconds. */
const TTL: Ms = 10_000;
const KEPT = 1024;
/**
 * What others may make us ask the API server: so much about tokens, and as much about rights. Strangers' tokens do not
 * keep those who are known from being asked for.
 */
const PER_SECOND = 25;
const BURST = 50;
const MAX_TOKEN = 16 * 1024;

export function createReviews(reader: Pick<Reader, 'review'>, clock: Clock): Reviews {
  const tokens = createExpiring<User | 'unknown'>(clock, TTL, KEPT);
  const accesses = createExpiring<'allowed' | 'denied'>(clock, TTL, KEPT);
  const buckets = {
    TokenReview: createBucket(clock, PER_SECOND, BURST),
    SubjectAccessReview: createBucket(clock, PER_SECOND, BURST),
  };
  const ask = async (
    path: string,
    kind: keyof typeof buckets,
    spec: object,
  ): Promise<Record<string, unknown> | undefined> => {
    if (!buckets[kind].take()) return undefined;
    const [, , group = '', version = ''] = path.split('/');
    const body = { apiVersion: `${group}/${version}`, kind, spec };
    const answer = await reader.review('authn', path, body).catch((): ReadAnswer => ({ status: 0, body: null }));
    return answer.status === 201 || answer.status === 200 ? statusOf(answer.body) : undefined;
  };
  return {
    async token(token) {
      if (token === '' || token.length > MAX_TOKEN) return 'unknown';
      const key = createHash('sha256').update(token).digest('base64');
      const load = async () => {
        const status = await ask('/apis/authentication.k8s.io/v1/tokenreviews', 'TokenReview', { token });
        return status && userOf(status);
      };
      return (await tokens.get(key, load)) ?? 'unavailable';
    },
    async access(user, verb, path) {
      const spec = specOf(user, verb, path);
      const load = async () => {
        const status = await ask('/apis/authorization.k8s.io/v1/subjectaccessreviews', 'SubjectAccessReview', spec);
        return status && (status.allowed === true && status.denied !== true ? 'allowed' : 'denied');
      };
      return (await accesses.get(canonical(spec), load)) ?? 'unavailable';
    },
  };
}

function specOf(user: User, verb: string, path: string): object {
  return {
    user: user.name,
    ...(user.uid !== '' && { uid: user.uid }),
    groups: user.groups,
    ...(user.extra.size > 0 && { extra: Object.fromEntries(user.extra) }),
    nonResourceAttributes: { path, verb },
  };
}

function statusOf(body: unknown): Record<string, unknown> | undefined {
  const status = (body as { status?: unknown } | null)?.status;
  return typeof status === 'object' && status !== null ? (status as Record<string, unknown>) : undefined;
}

/** The user of a TokenReview's status; anything that is not a clear yes is none. */
function userOf(status: Record<string, unknown>): User | 'unknown' {
  const user = status.user as { username?: unknown; uid?: unknown; groups?: unknown; extra?: unknown } | undefined;
  if (status.authenticated !== true || typeof user?.username !== 'string' || user.username === '') return 'unknown';
  return {
    name: user.username,
    uid: typeof user.uid === 'string' ? user.uid : '',
    groups: texts(user.groups),
    extra: new Map(Object.entries(user.extra ?? {}).map(([key, values]) => [key, texts(values)])),
  };
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
}
