import { TransportError } from '#api/failure.ts';
import { createMailbox } from '#api/mailbox.ts';
import type { ReadAnswer, Reader, RecordedRequest, Streams, WatchLine, Writer } from '#api/port.ts';
import { WRITE_MARGIN } from '#api/write.ts';
import type { Answer, WireRequest } from '#core/request.ts';
import type { Ms } from '#core/time.ts';
import { type ApiServer, type Audited, overTheWire, placeOf, type Served, status } from './api-server.ts';
import type { Host, Sim } from './sim.ts';
import type { Watches } from './watches.ts';
import type { Weather } from './weather.ts';

/** The way of one process to the API server. */
export interface Wire {
  readonly reader: Reader;
  readonly streams: Streams;
  readonly writer: Writer;
}

export interface WireParts {
  readonly sim: Sim;
  readonly server: ApiServer;
  readonly watches: Watches;
  readonly host: Host;
  readonly weather: () => Weather;
  /** Until when nothing gets through, from this process or from any. */
  readonly cutUntil: () => Ms;
  /** An answer did not come in time. */
  readonly late: (identity: string, waited: Ms) => void;
  readonly redeem: (recorded: RecordedRequest) => boolean;
  /** In the turn in which the bytes leave; returns what is to hear how it went. */
  readonly sending: (recorded: RecordedRequest) => Travels;
}

/** What becomes of one request, as nobody in the process can see it. */
export interface Travels {
  /** The server has done it, or refused it. */
  arrived(answer: Served): void;
  /** It can never arrive any more. */
  vanished(): void;
  /** The process has its answer. */
  answered(answer: Answer): void;
}

/** What a request may lie on the wire before the server sees it: less than the margin that the fence keeps. */
const ON_THE_WAY: Ms = 900;

/** `cut`: the connection breaks at once, and the request, which is through already, is done later. */
type Fate = 'fine' | 'never-arrives' | 'answer-lost' | 'cut' | 'unsent' | 'refused' | 'gave-up';

export function createWire(parts: WireParts): Wire {
  return { reader: readerOf(parts), streams: streamsOf(parts), writer: writerOf(parts) };
}

const isCut = ({ sim, cutUntil }: WireParts): boolean => cutUntil() > sim.time;

function delayOf({ sim, weather }: WireParts, most: Ms): Ms {
  return sim.random() < weather().slow ? sim.between(0, most) : sim.between(0.1, 15);
}

function refusal({ sim }: WireParts): Served & { readonly retryAfter?: Ms } {
  const dice = sim.random();
  if (dice < 0.35) return { ...status(429, 'TooManyRequests'), retryAfter: sim.random() < 0.5 ? 1000 : 0 };
  if (dice < 0.7) return status(503, 'ServiceUnavailable');
  return status(403, 'Forbidden');
}

function writerOf(parts: WireParts): Writer {
  let onWire = 0;
  return {
    async send(recorded, admit) {
      if (!parts.redeem(recorded)) throw new TypeError('sending a request that the gate did not record');
      await parts.sim.sleep(0, parts.sim.random() < parts.weather().slow ? 4000 : 2, parts.host);
      const fate = fateOf(parts);
      if (fate === 'unsent') return { kind: 'unsent' };
      if (!admit()) return { kind: 'refused' };
      onWire += 1;
      const answer = await travel(parts, recorded, fate, parts.sending(recorded));
      onWire -= 1;
      return answer;
    },
    inFlight: () => onWire,
    close: async () => {},
  };
}

function fateOf(parts: WireParts): Fate {
  const { sim, weather } = parts;
  const { lost, refused, unreachable } = weather();
  if (isCut(parts)) return sim.random() < 0.5 ? 'unsent' : 'never-arrives';
  const dice = sim.random();
  if (dice < lost) return dice < lost / 3 ? 'never-arrives' : dice < (lost * 2) / 3 ? 'answer-lost' : 'cut';
  if (dice < lost + refused) return dice < lost + refused * 0.7 ? 'refused' : 'gave-up';
  return dice < lost + refused + unreachable ? 'unsent' : 'fine';
}

/** There and back. The server does it in its time, whatever becomes of the process meanwhile. */
function travel(parts: WireParts, { request, auditId }: RecordedRequest, fate: Fate, seen: Travels): Promise<Answer> {
  const { sim, host } = parts;
  return new Promise((resolve) => {
    let over = false;
    const finish = (answer: Answer): void => {
      if (over) return;
      over = true;
      cancel();
      seen.answered(answer);
      resolve(answer);
    };
    const patience = request.timeout + WRITE_MARGIN;
    const giveUp = (): void => {
      if (!over) parts.late(request.identity, patience);
      finish({ kind: 'lost' });
    };
    const cancel = sim.after(patience, giveUp, host);
    const soon = (answer: Answer): void => void sim.after(delayOf(parts, request.timeout), () => finish(answer), host);
    if (fate === 'never-arrives') {
      seen.vanished();
      return soon({ kind: 'lost' });
    }
    if (fate === 'cut') soon({ kind: 'lost' });
    sim.after(delayOf(parts, ON_THE_WAY) + (fate === 'fine' ? 0 : worked(parts, request.timeout)), () => {
      const served = serve(parts, request, auditId, fate, seen);
      if (served === undefined || fate === 'answer-lost') soon({ kind: 'lost' });
      else soon({ kind: 'answered', auditId, ...overTheWire(served) });
    });
  });
}

/** How long the server is at it: often as long as it may. */
const worked = ({ sim }: WireParts, timeout: Ms): Ms => timeout * (sim.random() < 0.3 ? 0.99 : sim.random());

type Given = Served & { readonly retryAfter?: Ms };

function serve(parts: WireParts, request: WireRequest, auditId: string, fate: Fate, seen: Travels): Given | undefined {
  if (isCut(parts)) {
    seen.vanished();
    return undefined;
  }
  if (fate === 'refused') {
    const answer = refusal(parts);
    parts.server.refuse({ ...arrivalOf(parts, request, auditId) }, answer);
    seen.vanished();
    return answer;
  }
  const answer = parts.server.write(arrivalOf(parts, request, auditId));
  seen.arrived(answer);
  if (fate !== 'gave-up') return answer;
  // The handler gave up, but the storage did it.
  const code = parts.sim.random() < 0.5 ? 504 : 500;
  (parts.server.audit.at(-1) as Audited).code = code;
  return status(code, 'Timeout');
}

function arrivalOf({ host }: WireParts, { method, path, contentType, body, identity }: WireRequest, auditId: string) {
  return { method, path, contentType, body, auditId, user: `comptroller:${identity}`, process: host.name };
}

function readerOf(parts: WireParts): Reader {
  const { sim, server, host, weather } = parts;
  const get = async (path: string, accept: string | undefined): Promise<ReadAnswer> => {
    await sim.sleep(0, delayOf(parts, 3000), host);
    if (isCut(parts) || sim.random() < weather().unreachable) throw new TransportError('unreachable');
    const answer = sim.random() < weather().refused ? refusal(parts) : overTheWire(server.read(path, accept));
    await sim.sleep(0, delayOf(parts, 3000), host);
    return answer;
  };
  return {
    get: (_identity, path, { signal, accept } = {}) => orAborted(get(path, accept), signal),
    review: () => Promise.reject(new TypeError('nothing is reviewed here')),
  };
}

function orAborted<T>(answer: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return answer;
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(new TransportError('aborted'));
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

function streamsOf(parts: WireParts): Streams {
  const { sim, host, weather } = parts;
  const reach = async (): Promise<Given | undefined> => {
    await sim.sleep(0, delayOf(parts, 3000), host);
    if (isCut(parts) || sim.random() < weather().unreachable) throw new TransportError('unreachable');
    return sim.random() < weather().refused ? refusal(parts) : undefined;
  };
  return {
    async watch(_identity, path, { signal, silence, accept }) {
      const refused = await orAborted(reach(), signal);
      const lines = createMailbox<WatchLine>(
        () => undefined,
        () => undefined,
      );
      if (refused !== undefined) {
        lines.end();
        return { ...refused, lines };
      }
      const close = parts.watches.open({
        host,
        place: placeOf(path),
        partial: accept?.includes('PartialObjectMetadata') === true,
        silence,
        line: (line) => lines.put(line),
        broke: (how) => lines.end(how === 'end' ? undefined : new TransportError(how)),
      });
      const abort = (): void => {
        close();
        lines.end();
      };
      if (signal.aborted) abort();
      else signal.addEventListener('abort', abort, { once: true });
      return { status: 200, lines };
    },
  };
}
