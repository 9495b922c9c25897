import { writeSync } from 'node:fs';
import { pino } from 'pino';
import type { Clock } from '#core/time.ts';
import type { Fields, Log } from './port.ts';

export interface LogOptions {
  readonly format: 'json' | 'text';
  /** As upstream's `--v`: from 4 on, debug messages are written. */
  readonly verbosity: number;
  readonly clock: Clock;
  /** Takes one line with its newline, synchronously; standard error by default: nothing is lost when the process ends. */
  readonly write?: (line: string) => void;
}

/** Values under such names are never written, whatever they are (I9). */
const SECRET_NAME = /token|passw|secret|authorization|cookie|private|credential|api_?key|bearer|kubeconfig_data/i;
/** Nor is what looks like a key or a token under any name. */
const SECRET_VALUE = /-----BEGIN [A-Z ]*PRIVATE KEY|\beyJ[\w-]{8,}\.[\w-]{8,}\.|\bBearer \S/;
const REDACTED = '[redacted]';
const MAX_VALUE = 1024;

const LEVELS = { debug: 'D', info: 'I', warn: 'W', error: 'E' } as const;
type Level = keyof typeof LEVELS;

export function createLog({ format, verbosity, clock, write = toStandardError }: LogOptions): Log {
  const sink = format === 'json' ? jsonSink(clock, write) : textSink(clock, write);
  const at =
    (level: Level) =>
    (message: string, fields: Fields = {}): void => {
      if (level !== 'debug' || verbosity >= 4) sink(level, message, redact(fields));
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

type Sink = (level: Level, message: string, fields: ReadonlyMap<string, string | number | boolean>) => void;

function jsonSink(clock: Clock, write: (line: string) => void): Sink {
  const logger = pino(
    {
      level: 'debug',
      base: null,
      messageKey: 'msg',
      timestamp: () => `,"ts":"${new Date(clock.now().wall).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write },
  );
  return (level, message, fields) => logger[level](Object.fromEntries(fields), message);
}

/** One line a message: `2026-01-02T03:04:05.678Z I winning leadership holder="a"`. */
function textSink(clock: Clock, write: (line: string) => void): Sink {
  return (level, message, fields) => {
    const values = [...fields].map(([key, value]) => ` ${key}=${JSON.stringify(value)}`);
    write(`${new Date(clock.now().wall).toISOString()} ${LEVELS[level]} ${message}${values.join('')}\n`);
  };
}

function redact(fields: Fields): ReadonlyMap<string, string | number | boolean> {
  const kept = new Map<string, string | number | boolean>();
  for (const [key, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    const secret = typeof value === 'string' && (SECRET_NAME.test(key) || SECRET_VALUE.test(value));
    const text = typeof value === 'string' && value.length > MAX_VALUE ? `${value.slice(0, MAX_VALUE)}…` : value;
    kept.set(key, secret ? REDACTED : text);
  }
  return kept;
}

/** A full pipe or a closed one must not stop the process: then the line is lost. */
function toStandardError(line: string): void {
  try {
    writeSync(2, line);
  } catch {
    return;
  }
}
