import type { WatchLine } from '#api/port.ts';
import type { BuiltIn } from '#core/resource.ts';
import type { Ms } from '#core/time.ts';
import { type ApiServer, metadataOf, overTheWire, type Place } from './api-server.ts';
import type { ServerEvent, Stored } from './objects.ts';
import type { Host, Sim } from './sim.ts';
import type { Weather } from './weather.ts';

/** One open watch, between the server's events and the process that reads them: in order, but late. */
interface Connection {
  readonly host: Host;
  readonly resource: BuiltIn;
  readonly name: string | undefined;
  readonly partial: boolean;
  readonly from: number;
  readonly line: (line: WatchLine) => void;
  readonly broke: (how: 'broken' | 'silence' | 'end') => void;
  readonly silence: Ms;
  waiting: WatchLine[];
  /** The server goes on, but nothing arrives any more. */
  silent: boolean;
  closed: boolean;
  lastLine: Ms;
  delivering: boolean;
}

export interface Opening {
  readonly host: Host;
  readonly place: Place;
  readonly partial: boolean;
  readonly silence: Ms;
  readonly line: (line: WatchLine) => void;
  readonly broke: (how: 'broken' | 'silence' | 'end') => void;
}

const INITIAL_END = { 'k8s.io/initial-events-end': 'true' };
/** About as often as the real one's, so that a watch that lives is never taken for dead. */
const BOOKMARKS: readonly [Ms, Ms] = [20_000, 60_000];

/** The watch side of the API server. */
export class Watches {
  readonly #sim: Sim;
  readonly #server: ApiServer;
  readonly #weather: () => Weather;
  #open: Connection[] = [];

  constructor(sim: Sim, server: ApiServer, weather: () => Weather) {
    this.#sim = sim;
    this.#server = server;
    this.#weather = weather;
    server.objects.onEvent((event) => {
      for (const connection of this.#open) this.#offer(connection, event);
    });
  }

  /** Returns how to close it. */
  open({ place, ...opening }: Opening): () => void {
    const { objects } = this.#server;
    const { query, resource } = place;
    const initial = query.get('sendInitialEvents') === 'true';
    const from = initial ? objects.revision : Number(query.get('resourceVersion') ?? objects.revision);
    const name = /^metadata\.name=(.+)$/.exec(query.get('fieldSelector') ?? '')?.[1];
    const state = { waiting: [], silent: false, closed: false, lastLine: this.#sim.time, delivering: false };
    const connection: Connection = { ...opening, ...state, resource, name, from };
    this.#open.push(connection);
    if (initial) this.#tellAll(connection);
    else if (from < objects.compacted) this.#expire(connection);
    else for (const event of objects.log) this.#offer(connection, event);
    const seconds = Number(query.get('timeoutSeconds') ?? '300');
    this.#sim.after(seconds * 1000, () => this.#end(connection, 'end'));
    this.#bookmark(connection);
    return () => this.#close(connection);
  }

  /** Breaks, silences or ends those of that process (or all), of that resource (or all). */
  trouble(how: 'broken' | 'silent' | 'end', of: { readonly host?: Host; readonly resource?: BuiltIn } = {}): void {
    for (const connection of [...this.#open]) {
      if (of.host !== undefined && connection.host !== of.host) continue;
      if (of.resource !== undefined && connection.resource !== of.resource) continue;
      if (how === 'silent') this.#fallSilent(connection);
      else this.#end(connection, how);
    }
  }

  /** Whether anybody still listens to what says nothing any more. */
  isAnySilent(): boolean {
    return this.#open.some(({ silent, host }) => silent && !host.dead);
  }

  #tellAll(connection: Connection): void {
    const { objects } = this.#server;
    for (const object of objects.all(connection.resource)) {
      if (concerns(connection, object)) this.#put(connection, 'ADDED', shown(connection, object));
    }
    const metadata = { resourceVersion: String(objects.revision), annotations: INITIAL_END };
    this.#put(connection, 'BOOKMARK', { metadata });
  }

  #expire(connection: Connection): void {
    this.#put(connection, 'ERROR', { kind: 'Status', code: 410, reason: 'Expired' });
  }

  /** From its own revision on, whatever the server's is: so does the real one after a restore. */
  #offer(connection: Connection, { type, resource, rv, object }: ServerEvent): void {
    if (resource !== connection.resource || rv <= connection.from || !concerns(connection, object)) return;
    this.#put(connection, type, shown(connection, object));
  }

  #bookmark(connection: Connection): void {
    this.#sim.after(this.#sim.between(...BOOKMARKS), () => {
      if (connection.closed) return;
      const { revision } = this.#server.objects;
      if (revision > connection.from)
        this.#put(connection, 'BOOKMARK', { metadata: { resourceVersion: String(revision) } });
      this.#bookmark(connection);
    });
  }

  #put(connection: Connection, type: WatchLine['type'], object: unknown): void {
    connection.waiting.push({ type, object, size: 1 });
    this.#deliver(connection);
  }

  /** Some of what waits arrives together; the rest later, never before it. */
  #deliver(connection: Connection): void {
    if (connection.delivering || connection.waiting.length === 0) return;
    connection.delivering = true;
    const lag = this.#sim.random() < 0.3 ? this.#weather().watchLag : 10;
    this.#sim.after(
      this.#sim.between(0, lag),
      () => {
        connection.delivering = false;
        if (connection.closed || connection.silent) return;
        connection.lastLine = this.#sim.time;
        const count = 1 + Math.floor(this.#sim.random() * connection.waiting.length);
        for (const line of connection.waiting.splice(0, count)) connection.line(line);
        this.#deliver(connection);
      },
      connection.host,
    );
  }

  #fallSilent(connection: Connection): void {
    connection.silent = true;
    const left = connection.lastLine + connection.silence - this.#sim.time;
    this.#sim.after(left, () => this.#end(connection, 'silence'), connection.host);
  }

  #end(connection: Connection, how: 'broken' | 'silence' | 'end'): void {
    if (connection.closed) return;
    this.#close(connection);
    this.#sim.after(this.#sim.between(0, 20), () => connection.broke(how), connection.host);
  }

  #close(connection: Connection): void {
    connection.closed = true;
    this.#open = this.#open.filter((other) => other !== connection);
  }
}

const concerns = ({ name }: Connection, { metadata }: Stored): boolean => name === undefined || metadata.name === name;
const shown = ({ partial }: Connection, object: Stored): object => overTheWire(partial ? metadataOf(object) : object);
