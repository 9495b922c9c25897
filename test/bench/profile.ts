/** Sums up CPU profiles of Node, one a thread: who was at work, by module and by function. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { table } from './results.ts';

interface Node {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
}

interface Profile {
  readonly nodes: readonly Node[];
  /** Ids of nodes. */
  readonly samples: readonly number[];
  /** Microseconds between samples. */
  readonly timeDeltas: readonly number[];
  /** Microseconds of the machine's monotonic clock. */
  readonly startTime: number;
}

/** Microseconds of the machine's monotonic clock, which every process reads the same. */
export interface Window {
  readonly from: number;
  readonly to: number;
}

export const monotonic = (): number => Number(process.hrtime.bigint() / 1000n);

/** Flags of Node that make a process and its workers leave a profile each when they end. */
export function profilingFlags(directory: string): readonly string[] {
  return ['--cpu-prof', `--cpu-prof-dir=${directory}`, '--cpu-prof-interval=1000'];
}

const MODULES = 15;
const FUNCTIONS = 25;
const FILE = /\.(\d+)\.(\d+)\.\d+\.cpuprofile$/;

/** Of every thread that worked in the window, the busiest first. */
export function renderProfiles(directory: string, window: Window): string {
  const threads = readdirSync(directory)
    .filter((file) => FILE.test(file))
    .map((file) => ({ file, self: selfTimes(join(directory, file), window) }))
    .map((thread) => ({ ...thread, busy: sum([...thread.self.values()]) }))
    .filter(({ busy }) => busy > 0.01)
    .sort((a, b) => b.busy - a.busy);
  return threads.map(({ file, self, busy }) => renderThread(titleOf(file), self, busy, window)).join('\n\n');
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);

function titleOf(file: string): string {
  const [, , thread = '0'] = FILE.exec(file) ?? [];
  return thread === '0' ? 'the main thread' : `worker ${thread}`;
}

/** Seconds by node's own time; idle time is left out. */
function selfTimes(file: string, { from, to }: Window): ReadonlyMap<Node, number> {
  const { nodes, samples, timeDeltas, startTime } = JSON.parse(readFileSync(file, 'utf8')) as Profile;
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const self = new Map<Node, number>();
  let time = startTime;
  for (const [at, id] of samples.entries()) {
    const delta = timeDeltas[at + 1] ?? 0;
    time += timeDeltas[at] ?? 0;
    const node = byId.get(id);
    if (time < from || time > to || node === undefined || node.callFrame.functionName === '(idle)') continue;
    self.set(node, (self.get(node) ?? 0) + delta / 1e6);
  }
  return self;
}

function renderThread(title: string, self: ReadonlyMap<Node, number>, busy: number, { from, to }: Window): string {
  const part = (what: string, count: number, of: (node: Node) => string): string =>
    table([what, 's', 'share'], top(self, count, of, busy));
  return [
    `#### ${title}: busy for ${busy.toFixed(2)} s of ${((to - from) / 1e6).toFixed(2)} s`,
    part('module', MODULES, moduleOf),
    part('function, own time', FUNCTIONS, functionOf),
  ].join('\n\n');
}

function top(
  self: ReadonlyMap<Node, number>,
  count: number,
  of: (node: Node) => string,
  busy: number,
): readonly (readonly string[])[] {
  const totals = new Map<string, number>();
  for (const [node, seconds] of self) totals.set(of(node), (totals.get(of(node)) ?? 0) + seconds);
  return [...totals]
    .sort(([, a], [, b]) => b - a)
    .slice(0, count)
    .map(([name, seconds]) => [name, seconds.toFixed(2), `${((100 * seconds) / busy).toFixed(1)} %`]);
}

/** `src/gate`, `undici`, `node:net`, or what V8 calls its own work: `(garbage collector)`, `(program)`. */
function moduleOf({ callFrame: { url, functionName } }: Node): string {
  if (url === '') return functionName.startsWith('(') ? functionName : '(built in)';
  const own = /\/(src\/[^/]+)\//.exec(url)?.[1];
  const dependency = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1];
  return dependency ?? own ?? (url.startsWith('wasm:') ? '(WebAssembly)' : url);
}

function functionOf({ callFrame: { url, functionName, lineNumber } }: Node): string {
  const name = functionName === '' ? '(anonymous)' : functionName;
  if (url === '') return name;
  const file = /\/(?:node_modules|(?=src\/))\/?(.*)$/.exec(url)?.[1] ?? url;
  return `${name} ${file}:${lineNumber + 1}`;
}
