import { parentPort, workerData } from 'node:worker_threads';
import { createEngine } from './engine.ts';
import type { Judgement } from './result.ts';

/** What a worker is started with. */
export interface WorkerSetup {
  readonly module: WebAssembly.Module;
  readonly data: ArrayBuffer;
}
/** One batch: the texts one behind the other, and where each ends. */
export interface Batch {
  readonly texts: ArrayBuffer;
  readonly ends: readonly number[];
}
export type WorkerMessage = 'ready' | readonly Judgement[];

const port = parentPort;
if (port === null) throw new Error('starting the policy worker outside of a worker thread');

const { module, data } = workerData as WorkerSetup;
const engine = createEngine(module, data);

port.on('message', ({ texts, ends }: Batch) => {
  let start = 0;
  const judgements = ends.map((end) => {
    const judgement = engine.judge(texts.slice(start, end));
    start = end;
    return judgement;
  });
  port.postMessage(judgements satisfies WorkerMessage);
});
port.postMessage('ready' satisfies WorkerMessage);
