import type { Admin } from './admin.ts';

const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } };

interface JobAt {
  readonly namespace: string;
  readonly name: string;
}

/** A Job that nobody runs; `ttl` in seconds. */
export async function newJob(admin: Admin, at: JobAt, ttl: number | undefined): Promise<void> {
  const ttlSecondsAfterFinished = ttl === undefined ? {} : { ttlSecondsAfterFinished: ttl };
  await admin.create('batch/jobs', { metadata: at, spec: { template, ...ttlSecondsAfterFinished } });
}

/** A Job that finished now, as the Job controller would have written it. */
export async function finishedJob(admin: Admin, at: JobAt, ttl: number | undefined, failed = false): Promise<void> {
  await newJob(admin, at, ttl);
  const time = `${new Date().toISOString().slice(0, 19)}Z`;
  const types = failed ? ['FailureTarget', 'Failed'] : ['SuccessCriteriaMet', 'Complete'];
  const conditions = types.map((type) => ({ type, status: 'True', lastTransitionTime: time }));
  const status = { startTime: time, conditions, ...(!failed && { completionTime: time }) };
  await admin.patch('batch/jobs', { ...at, subresource: 'status' }, { status });
}
