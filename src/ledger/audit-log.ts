import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import type { JsonObject } from '#core/json.ts';
import { isObject, numberOf, objectOf, textOf } from './leaf.ts';

/** What the join needs of one event of kube-apiserver's audit log (`audit.k8s.io/v1`, one JSON a line). */
export interface AuditEvent {
  readonly auditId: string;
  readonly user: string;
  readonly verb: string;
  /** `apps/replicasets`, `core/pods`; empty for paths that are no resource. */
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  /** 0 when the API server says none. */
  readonly code: number;
  readonly received: string;
  readonly stamped: string;
  readonly path: string;
  /** RBAC or another authorizer said no. */
  readonly forbidden: boolean;
}

export interface AuditProblem {
  readonly file: string;
  readonly line: number;
  readonly what: string;
}

const MAX_LINE_BYTES = 16 * 1024 * 1024;
const FINAL_STAGES = new Set(['ResponseComplete', 'Panic']);

/** The final events of a file, plain or gzipped, line by line. A line that is no event is reported, not passed over. */
export async function* auditEvents(file: string, problem: (found: AuditProblem) => void): AsyncGenerator<AuditEvent> {
  let line = 0;
  for await (const text of lines(file)) {
    line += 1;
    if (text.length === 0) continue;
    const event = parseEvent(text);
    if (event === 'malformed') problem({ file, line, what: 'the line is not an audit event' });
    else if (event !== undefined) yield event;
  }
}

async function* lines(file: string): AsyncGenerator<string> {
  const raw = createReadStream(file);
  const stream = file.endsWith('.gz') ? raw.pipe(createGunzip()) : raw;
  raw.on('error', (error) => stream.destroy(error));
  let rest: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    let from = 0;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
      yield Buffer.concat([...rest, chunk.subarray(from, at)]).toString('utf8');
      rest = [];
      bytes = 0;
      from = at + 1;
    }
    rest.push(chunk.subarray(from));
    bytes += chunk.length - from;
    if (bytes > MAX_LINE_BYTES) throw new Error(`reading ${file}: a line is over ${MAX_LINE_BYTES} bytes`);
  }
  if (bytes > 0) yield Buffer.concat(rest).toString('utf8');
}

function parseEvent(text: string): AuditEvent | undefined | 'malformed' {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'malformed';
  }
  if (!isObject(value) || textOf(value, 'kind') !== 'Event' || textOf(value, 'auditID') === undefined)
    return 'malformed';
  if (!FINAL_STAGES.has(textOf(value, 'stage') ?? '')) return undefined;
  return eventOf(value);
}

function eventOf(value: JsonObject): AuditEvent {
  const ref = objectOf(value, 'objectRef');
  const resource = textOf(ref, 'resource');
  const path = textOf(value, 'requestURI') ?? '';
  return {
    auditId: textOf(value, 'auditID') ?? '',
    user: textOf(objectOf(value, 'user'), 'username') ?? '',
    verb: textOf(value, 'verb') ?? '',
    resource: resource === undefined ? '' : `${textOf(ref, 'apiGroup') || 'core'}/${resource}`,
    subresource: textOf(ref, 'subresource') ?? '',
    namespace: textOf(ref, 'namespace') ?? '',
    name: textOf(ref, 'name') ?? '',
    code: numberOf(objectOf(value, 'responseStatus'), 'code') ?? 0,
    received: textOf(value, 'requestReceivedTimestamp') ?? '',
    stamped: textOf(value, 'stageTimestamp') ?? '',
    path,
    forbidden: textOf(objectOf(value, 'annotations'), 'authorization.k8s.io/decision') === 'forbid',
  };
}

const MUTATING = new Set(['create', 'update', 'patch', 'delete', 'deletecollection']);
const REVIEWS =
  /^(authorization|authentication)\.k8s\.io\/(tokenreviews|selfsubjectreviews|selfsubjectrulesreviews|(self|local)?subjectaccessreviews)$/;

/** Changes something: a mutating verb on a resource, not a review, not a dry run (class `review`). */
export function mutates(event: AuditEvent): boolean {
  if (!MUTATING.has(event.verb) || event.resource === '' || REVIEWS.test(event.resource)) return false;
  const query = event.path.indexOf('?');
  return query < 0 || new URLSearchParams(event.path.slice(query)).get('dryRun') !== 'All';
}
