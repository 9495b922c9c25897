/** What a Deployment's users had of it, told by the API server's audit log alone: nothing of Comptroller's own view is in it. */
import { type AuditEvent, readAudit } from '#kit/audit.ts';

export interface Span {
  /** The fewest pods that were ready and that nobody had asked to delete. */
  readonly least: number;
  /** The most pods that existed and that nobody had asked to delete. */
  readonly most: number;
}

interface Change {
  readonly at: string;
  readonly pod: string;
  readonly to: 'exists' | 'ready' | 'leaves';
}

/**
 * Pods of `namespace` whose names begin with `prefix`, between two moments (RFC 3339 with microseconds, as the log has
 * them). A pod is ready when the simulated kubelet's first status was accepted, and leaves when its deletion is asked for.
 */
export function availabilityOf(
  cluster: { readonly auditLog: string },
  namespace: string,
  prefix: string,
  from: string,
  to: string,
): Span {
  const changes = readAudit(cluster)
    .flatMap((event) => changeOf(event, namespace, prefix))
    .sort((a, b) => (a.at < b.at ? -1 : 1));
  const existing = new Set<string>();
  const ready = new Set<string>();
  let [least, most] = [Number.POSITIVE_INFINITY, 0];
  const look = (): void => {
    least = Math.min(least, ready.size);
    most = Math.max(most, existing.size);
  };
  let begun = false;
  for (const change of changes) {
    if (change.at > to) break;
    if (!begun && change.at >= from) {
      begun = true;
      look();
    }
    apply(change, existing, ready);
    if (begun) look();
  }
  // Bounds that nothing was held against would hold.
  if (!begun) throw new Error(`counting pods of ${namespace}/${prefix}: the audit log tells of none in that time`);
  return { least, most };
}

function apply({ pod, to }: Change, existing: Set<string>, ready: Set<string>): void {
  if (to === 'exists') existing.add(pod);
  if (to === 'ready' && existing.has(pod)) ready.add(pod);
  if (to === 'leaves') {
    existing.delete(pod);
    ready.delete(pod);
  }
}

/** A deletion counts from when it was asked for, all else from when it was done: the view that is worst for us. */
function changeOf(event: AuditEvent, namespace: string, prefix: string): Change[] {
  const { objectRef, responseStatus, verb } = event;
  const pod = objectRef?.name ?? '';
  if (objectRef?.resource !== 'pods' || objectRef.namespace !== namespace || !pod.startsWith(prefix)) return [];
  if ((responseStatus?.code ?? 500) >= 300) return [];
  const { subresource } = objectRef;
  if (verb === 'create' && subresource === undefined) return [{ at: event.stageTimestamp, pod, to: 'exists' }];
  if (verb === 'patch' && subresource === 'status' && event.user.username === KUBELETS)
    return [{ at: event.stageTimestamp, pod, to: 'ready' }];
  if (verb === 'delete' && subresource === undefined)
    return [{ at: event.requestReceivedTimestamp, pod, to: 'leaves' }];
  return [];
}

/** kwok, which plays them. */
const KUBELETS = 'local:kwok';
