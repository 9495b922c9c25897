import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Shape } from '#core/shape.ts';
import type { Ms } from '#core/time.ts';
import type { Keeper, KeeperAbout } from './port.ts';
import {
  type AnswerMessage,
  isAboutValue,
  isAnswer,
  isIssueValue,
  isSignValue,
  lineCutter,
  type RequestMessage,
} from './wire.ts';

const TIMEOUT: Ms = 10_000;
const RECONNECT: Ms = 2_000;

type Ask = RequestMessage extends infer M ? (M extends RequestMessage ? Omit<M, 'id'> : never) : never;
interface Link {
  ask(request: Ask): Promise<unknown>;
  readonly alive: () => boolean;
  close(): void;
}

/**
 * The keeper behind a socket. A lost connection is opened again by the next request, and only to a keeper with the
 * same keys: a changed CA or checkpoint key refuses everything until this process is started again.
 */
export async function connectKeeper(socketPath: string): Promise<Keeper> {
  let link = await openLink(socketPath);
  const keys = await aboutOf(link);
  let opening: Promise<Link> | undefined;
  let closed = false;

  const reopen = async (): Promise<Link> => {
    const fresh = await openLink(socketPath);
    const found = await aboutOf(fresh);
    if (found.ca === keys.ca && found.checkpointKey === keys.checkpointKey) return fresh;
    fresh.close();
    throw new Error('reconnecting to the keeper: its keys changed; restart this process to take them on');
  };
  const current = async (): Promise<Link> => {
    if (closed) throw new Error('asking the keeper: the connection was closed by this process');
    if (link.alive()) return link;
    opening ??= reopen().finally(() => {
      opening = undefined;
    });
    link = await opening;
    return link;
  };
  return {
    issue: async ({ profile, csr, lifetime }) =>
      checked(isIssueValue, await (await current()).ask({ op: 'issue', profile, csr, lifetime })),
    signCheckpoint: async (body) =>
      checked(isSignValue, await (await current()).ask({ op: 'sign-checkpoint', body })).signature,
    about: async () => keys,
    close: () => {
      closed = true;
      link.close();
    },
  };
}

async function aboutOf(link: Link): Promise<KeeperAbout> {
  return checked(isAboutValue, await link.ask({ op: 'about' }));
}

function checked<T>(shape: Shape<T>, value: unknown): T {
  if (!shape(value)) throw new Error('reading the keeper: its answer is not of the known shape');
  return value;
}

interface Waiter {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** One connection. Whatever goes wrong on it ends it, and every request that waits on it fails. */
async function openLink(socketPath: string): Promise<Link> {
  const socket = await dial(socketPath);
  const waiting = new Map<number, Waiter>();
  let last = 0;
  const fail = (why: string): void => {
    socket.destroy();
    for (const waiter of waiting.values()) waiter.reject(new Error(`asking the keeper: ${why}`));
    waiting.clear();
  };
  const cut = lineCutter();
  socket.on('data', (chunk: Buffer) => {
    const lines = cut(chunk);
    if (lines === undefined) return fail('its answer is over the cap');
    for (const line of lines) {
      const wrong = settle(line, waiting);
      if (wrong !== undefined) return fail(wrong);
    }
  });
  socket.on('error', () => fail('the connection broke'));
  socket.on('close', () => fail('the connection closed'));
  return {
    alive: () => !socket.destroyed,
    close: () => fail('the connection was closed by this process'),
    ask: async (request) => {
      if (socket.destroyed) throw new Error('asking the keeper: the connection closed');
      last += 1;
      const { promise, ...waiter } = Promise.withResolvers<unknown>();
      waiting.set(last, waiter);
      const timer = setTimeout(() => fail(`no answer within ${TIMEOUT} ms`), TIMEOUT);
      socket.write(`${JSON.stringify({ ...request, id: last })}\n`);
      return promise.finally(() => clearTimeout(timer));
    },
  };
}

/** Hands an answer to who waits for it; returns what is wrong with it, if something is. */
function settle(line: string, waiting: Map<number, Waiter>): string | undefined {
  const message = parse(line);
  if (message === undefined) return 'its answer is not of the known shape';
  const waiter = waiting.get(message.id);
  if (waiter === undefined) return message.ok ? 'it answered what was not asked' : message.error;
  waiting.delete(message.id);
  if (message.ok) waiter.resolve(message.value);
  else waiter.reject(new Error(message.error));
  return undefined;
}

function parse(line: string): AnswerMessage | undefined {
  try {
    const message: unknown = JSON.parse(line);
    return isAnswer(message) ? message : undefined;
  } catch {
    return undefined;
  }
}

async function dial(socketPath: string): Promise<Socket> {
  const socket = connect(socketPath);
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(RECONNECT) });
  } catch (error) {
    socket.destroy();
    const code = (error as NodeJS.ErrnoException).code ?? 'no answer';
    throw new Error(`connecting to the keeper at ${socketPath}: ${code}; check that comptroller keeper runs there`);
  }
  socket.unref();
  return socket;
}
