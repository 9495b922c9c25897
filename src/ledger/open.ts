import { randomBytes } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canonical, type JsonObject } from '#core/json.ts';
import type { Clock, Ms } from '#core/time.ts';
import type { Log, Meter } from '#telemetry/port.ts';
import type { Epoch } from '../leader/port.ts';
import { Appender } from './appender.ts';
import { Bodies } from './bodies.ts';
import { capList } from './caps.ts';
import { originOf } from './checkpoint.ts';
import { Checkpoints } from './checkpoints.ts';
import { directoryId } from './directory-id.ts';
import { type Disk, errorCode, FILE_MODE, isFull, makeDirectory, realDisk, replaceFile, syncPath } from './files.ts';
import { LiveLedger } from './live.ts';
import { type Lock, takeLock } from './lock.ts';
import { parseVerifierKey } from './note.ts';
import type { Anchor, Ledger } from './port.ts';
import { Publisher, type Sign } from './publisher.ts';
import { type AnchorCheck, compareAnchor, type Previous, type Recovered, recover } from './recover.ts';
import { redactor } from './redact.ts';
import { giveReserve, keepReserve, needRoom } from './reserve.ts';
import { type LastDenial, type OpenIntent, StateFold } from './state.ts';
import { Upkeep } from './upkeep.ts';

export interface LedgerOptions {
  /** Holds every log of this machine's processes; made with mode 0700 when it is not there. */
  readonly directory: string;
  /** Part of every origin: letters, digits, dots and dashes. */
  readonly cluster: string;
  /** The keeper's `signCheckpoint`. */
  readonly sign: Sign;
  /** The keeper's `checkpointKey`. */
  readonly verifierKey: string;
  readonly clock: Clock;
  readonly meter: Meter;
  readonly log: Log;
  /** For the start record: versions, flags that matter, policy digest, host. At most 16 KiB of JSON, no secrets. */
  readonly start: JsonObject;
  /** Tests make the disk fail here. */
  readonly disk?: Disk;
}

/** The ledger of this process, and what the earlier ones left to do. */
export interface Opened {
  readonly ledger: Ledger & {
    /** Whether a namespace has used up its bytes for bodies: its creates should be refused as exhausted. */
    spent(namespace: string): boolean;
  };
  /** Intents whose fate nobody recorded: resolve each by a live read, then write the note `resolved`. */
  readonly openIntents: readonly OpenIntent[];
  /** The highest policy version that any earlier record names (I16). */
  readonly bundleVersion: number;
  readonly lastEpoch: Epoch | undefined;
  /** Refusals that still stand, newest last (I18). */
  readonly lastDenials: readonly LastDenial[];
  readonly previous: readonly Previous[];
  /** Of the directory that holds the logs. */
  readonly directoryId: string;
  /** Monotonic: from then on no earlier process writes here, nor sends what it recorded here. */
  readonly since: Ms;
  /** Compares an anchor from the Lease with the logs here; `rolled-back` and `forked` want the note `rolled-back`. */
  checkAnchor(anchor: Anchor): Promise<AnchorCheck>;
}

const MAX_START_BYTES = 16 * 1024;

/** Opens a new log for this process. Throws an Error fit for a person when it cannot: then nothing may be written. */
export async function openLedger(options: LedgerOptions): Promise<Opened> {
  try {
    return await openLocked(options);
  } catch (error) {
    throw understood(error, options.directory);
  }
}

async function openLocked(options: LedgerOptions): Promise<Opened> {
  const { directory, clock, cluster } = options;
  if (!/^[A-Za-z0-9._-]{1,63}$/.test(cluster)) {
    throw new Error(
      'opening the ledger: the cluster name must be 1 to 63 letters, digits, dots, dashes or underscores',
    );
  }
  if (canonical(options.start).length > MAX_START_BYTES) {
    throw new Error(`opening the ledger: what the start record shall say is over ${MAX_START_BYTES} bytes`);
  }
  const verifier = parseVerifierKey(options.verifierKey);
  await privateDirectory(directory);
  const lock = await takeLock(directory, clock);
  const since = clock.now().mono;
  try {
    await keepReserve(directory);
    await needRoom(directory);
    const recovered = await recover({ directory, cluster, sign: options.sign, verifier });
    for (const { id, damaged } of recovered.previous) {
      if (damaged !== undefined)
        options.log.error('finding a damaged log of an earlier process', { log: id, why: damaged });
    }
    tellOtherKeys(recovered.previous, options.log);
    return { ...(await begin(options, lock, recovered)), since };
  } catch (error) {
    // A disk that does not take it does not let it go either; the lock of a process that is gone holds nobody up.
    await lock.release().catch(() => {});
    throw error;
  }
}

/** So it is after the checkpoint key was changed by its owner; else somebody signed who should not. */
function tellOtherKeys(previous: readonly Previous[], log: Log): void {
  const logs = previous.filter(({ otherKey }) => otherKey === true).length;
  const remedy =
    'nothing, where the checkpoint key was changed on purpose; else compare them with an anchor from elsewhere';
  if (logs > 0) log.warn('finding logs signed by another checkpoint key', { logs, remedy });
}

/** What the disk's refusals mean, and what helps. */
const REMEDIES: Readonly<Record<string, (directory: string) => string>> = {
  ENOSPC: (directory) =>
    `there is no room on the disk of ${directory} for its reserve, for what an earlier process left and for new records; free some, or move the directory to a larger disk`,
  EROFS: (directory) =>
    `the file system of ${directory} is read-only; look into the kernel's log for why, and mount it for writing`,
  EIO: (directory) =>
    `the disk of ${directory} fails (EIO); look into the kernel's log, and move the directory to a disk that works`,
  EACCES: (directory) => `${directory} or what is in it belongs to another user; run chown on it`,
};

/** An error of the file system names a call and a file: that is told as what is wrong with the disk. */
function understood(error: unknown, directory: string): unknown {
  const code = isFull(error) ? 'ENOSPC' : errorCode(error);
  if (code === undefined) return error;
  const told = REMEDIES[code]?.(directory) ?? `${directory} cannot be used (${code})`;
  return new Error(`opening the ledger: ${told}`);
}

async function privateDirectory(path: string): Promise<void> {
  await makeDirectory(path);
  const { mode } = await stat(path);
  if ((mode & 0o077) !== 0) {
    const octal = (mode & 0o777).toString(8);
    throw new Error(`opening the ledger: ${path} has mode ${octal}, others could read it; run chmod 700 on it`);
  }
}

function newLogId(): string {
  const alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789';
  return Array.from(randomBytes(10), (byte) => alphabet[byte % alphabet.length]).join('');
}

/** The key of this period's digests, beside the logs and never in them: copies for auditors do not carry it. */
async function newDigestKey(directory: string, logId: string): Promise<Buffer> {
  await makeDirectory(join(directory, 'keys'));
  const key = randomBytes(32);
  await writeFile(join(directory, 'keys', `${logId}.key`), `${key.toString('base64')}\n`, {
    mode: FILE_MODE,
    flag: 'wx',
  });
  return key;
}

/** Every key that ever signed here, one a line. Convenient, not evidence: auditors bring their own. */
async function publishKey(directory: string, verifierKey: string): Promise<void> {
  const path = join(directory, 'checkpoint.pub');
  const known = await readFile(path, 'utf8').catch(() => '');
  if (known.split('\n').includes(verifierKey)) return;
  await replaceFile(path, `${known}${verifierKey}\n`, true);
}

async function begin(options: LedgerOptions, lock: Lock, recovered: Recovered): Promise<Omit<Opened, 'since'>> {
  const { directory, clock, meter, cluster, log } = options;
  const logId = newLogId();
  const path = join(directory, logId);
  await makeDirectory(join(path, 'bodies'));
  const key = await newDigestKey(directory, logId);
  await publishKey(directory, options.verifierKey);
  const id = await directoryId(directory);
  await syncPath(directory);
  let failed = (_why: string): void => {};
  const failure = new Promise<string>((resolve) => {
    failed = resolve;
  });
  const publisher = new Publisher(path, originOf(cluster, logId), options.sign);
  const checkpoints = new Checkpoints(publisher, path, clock);
  const bodies = new Bodies(join(path, 'bodies'), clock, meter);
  const appender = new Appender({
    directory: path,
    disk: options.disk ?? realDisk,
    clock,
    meter,
    bodies: () => bodies.flush(),
    reserve: () => giveReserve(directory),
    onDurable: (written) => {
      for (const { entry, leaf } of written) publisher.append(entry, leaf);
    },
    onFailure: (why) => {
      meter.count('ledger_failures_total', { why });
      log.error('writing the ledger has failed: nothing more will be written to the cluster', { why });
      failed(why);
    },
    room: async () => {
      if (publisher.waitingBytes <= MAX_WAITING_BYTES) return;
      // A full disk ends the ledger by the next checkpoint, on its reserve.
      await checkpoints.materialise().catch((error: unknown) => {
        if (!isFull(error)) throw error;
      });
    },
  });
  await appender.open();
  const fold = new StateFold(logId, recovered.state);
  const upkeep = new Upkeep({
    directory,
    path,
    clock,
    meter,
    log,
    lock,
    appender,
    publisher,
    checkpoints,
    bodies,
    fold,
  });
  const ledger = new LiveLedger({
    logId,
    appender,
    publisher,
    bodies,
    redactor: redactor(key),
    fold,
    clock,
    log,
    failure,
    close: (why) => upkeep.close(why, ledger),
  });
  await upkeep.start(startData(options, logId, recovered), ledger);
  return opened(ledger, recovered, directory, id);
}

const MAX_WAITING_BYTES = 64 * 1024 * 1024;

function startData(options: LedgerOptions, logId: string, { previous, ordinal, state }: Recovered): string {
  const newest = previous.toReversed();
  return canonical({
    origin: originOf(options.cluster, logId),
    ordinal,
    cluster: options.cluster,
    about: options.start,
    previous: capList(newest, 32, (log) => ({ ...log })),
    carried: { open: state.open.size, denials: state.denials.size, bundleVersion: state.bundleVersion },
  });
}

function opened(
  ledger: LiveLedger,
  { previous, state }: Recovered,
  directory: string,
  directoryId: string,
): Omit<Opened, 'since'> {
  return {
    ledger,
    openIntents: [...state.open.values()],
    bundleVersion: state.bundleVersion,
    lastEpoch: state.epoch,
    lastDenials: [...state.denials.values()],
    previous,
    directoryId,
    checkAnchor: (anchor) => compareAnchor(anchor, directory, previous),
  };
}
