/** What the kernel says of a process. Linux. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface Resources {
  /** Bytes. */
  readonly resident: number;
  readonly descriptors: number;
  /** TCP connections that are established. */
  readonly connections: number;
}

const ESTABLISHED = '01';

export function resourcesOf(pid: number): Resources {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kilobytes = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN);
  const names = readdirSync(`/proc/${pid}/fd`);
  const established = establishedIn(pid);
  const connections = names.filter((name) => established.has(linkOf(`/proc/${pid}/fd/${name}`))).length;
  return { resident: kilobytes * 1024, descriptors: names.length, connections };
}

/** As the links of descriptors name them: `socket:[12345]`. */
function establishedIn(pid: number): ReadonlySet<string> {
  const rows = ['tcp', 'tcp6'].flatMap((table) => {
    try {
      return readFileSync(`/proc/${pid}/net/${table}`, 'utf8').split('\n').slice(1);
    } catch {
      return [];
    }
  });
  const fields = rows.map((row) => row.trim().split(/\s+/));
  return new Set(fields.filter((row) => row[3] === ESTABLISHED).map((row) => `socket:[${row[9]}]`));
}

/** A descriptor may be closed between the two looks. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
