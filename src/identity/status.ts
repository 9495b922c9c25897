import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import type { Clock, Ms } from '#core/time.ts';
import type { Log } from '../telemetry/port.ts';
import type { RunningIdentities } from './identities.ts';
import type { Places } from './places.ts';

/** What a running process tells other programs of the same user: no key, no certificate. */
const StatusFile = Type.Object({
  version: Type.Literal(1),
  pid: Type.Integer(),
  written: Type.String(),
  identities: Type.Array(
    Type.Object({
      identity: Type.String(),
      user: Type.String(),
      serial: Type.String(),
      notAfter: Type.String(),
      renewsAt: Type.String(),
      generation: Type.Union([Type.Integer(), Type.Null()]),
      turn: Type.Integer(),
    }),
  ),
});
export type StatusFile = Static<typeof StatusFile>;

const RenewRequest = Type.Object(
  { version: Type.Literal(1), identity: Type.Union([Type.String({ maxLength: 64 }), Type.Null()]) },
  { additionalProperties: false },
);
const MAX_REQUEST = 1024;
const LOOK: Ms = 500;

export interface StatusOptions {
  readonly identities: RunningIdentities;
  readonly places: Places;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Keeps the status file current, and looks for a request to renew beside it. A file is the safest door there is: only
 * who may write into the state directory (0700) can ask, and all that can be asked for is a fresh certificate.
 */
export function publishStatus({ identities, places, clock, log }: StatusOptions): { close(): void } {
  const publish = (): void => {
    try {
      writeStatus(places.status, identities, clock.now().wall);
    } catch (error) {
      log.warn('writing the status of the identities', { code: (error as NodeJS.ErrnoException).code ?? 'unknown' });
    }
  };
  mkdirSync(dirname(places.status), { recursive: true, mode: 0o700 });
  publish();
  const unsubscribe = identities.onRenewal(publish);
  let cancel: () => void;
  const look = (): void => {
    const asked = takeRequest(places.renewRequest, log);
    if (asked !== undefined) {
      log.info('renewing on request', { identity: asked ?? 'all' });
      identities.renew(asked ?? undefined).catch(() => undefined);
    }
    cancel = clock.after(LOOK, look);
  };
  look();
  return {
    close() {
      cancel();
      unsubscribe();
      rmSync(places.status, { force: true });
    },
  };
}

function writeStatus(file: string, identities: RunningIdentities, now: Ms): void {
  const content: StatusFile = {
    version: 1,
    pid: process.pid,
    written: new Date(now).toISOString(),
    identities: identities.list().map((status) => ({
      identity: status.identity,
      user: status.user,
      serial: status.serial,
      notAfter: new Date(status.notAfter).toISOString(),
      renewsAt: new Date(status.renewsAt).toISOString(),
      generation: status.generation ?? null,
      turn: status.turn,
    })),
  };
  replaceFile(file, `${JSON.stringify(content, null, 2)}\n`);
}

/** The identity that a renewal is asked for, null for all, undefined when nothing is asked. The file is gone after. */
function takeRequest(file: string, log: Log): string | null | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
    rmSync(file);
  } catch {
    return undefined;
  }
  try {
    const request: unknown = JSON.parse(text.slice(0, MAX_REQUEST));
    if (Value.Check(RenewRequest, request)) return request.identity;
  } catch {
    // Not JSON: said below.
  }
  log.warn('reading a request to renew that is malformed');
  return undefined;
}

export function requestRenewal(places: Places, identity: string | undefined): void {
  replaceFile(places.renewRequest, `${JSON.stringify({ version: 1, identity: identity ?? null })}\n`);
}

/** What the running process last said; undefined when none runs here. */
export function readStatus(places: Places): StatusFile | undefined {
  let text: string;
  try {
    text = readFileSync(places.status, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const content: unknown = JSON.parse(text);
  if (!Value.Check(StatusFile, content)) {
    throw new Error(
      `reading ${places.status}: it is not a status of this version; use the same version as the running process`,
    );
  }
  return alive(content.pid) ? content : undefined;
}

/** A status outlives a process that was killed. */
function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function replaceFile(file: string, text: string): void {
  const temporary = `${file}.${process.pid}`;
  writeFileSync(temporary, text, { mode: 0o600 });
  renameSync(temporary, file);
}
