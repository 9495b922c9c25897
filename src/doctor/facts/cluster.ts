import type { Reader } from '#api/port.ts';
import type { Lease } from '#core/k8s/types.gen.ts';
import type { Ms } from '#core/time.ts';
import { SYSTEM_NAMESPACE } from '../../identity/manifests-parts/kubernetes.ts';
import { anchorOf } from '../../leader/lease.ts';
import type { Known, LeaseFact, LeasesFact, ObjectFact, ObjectsFact } from '../port.ts';
import { known } from './known.ts';
import { readObject } from './server.ts';

const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const ADMISSION = '/apis/admissionregistration.k8s.io/v1';

/** Where all objects of a kind are listed; those of our own namespace only where that is enough. */
const PATHS: ReadonlyMap<string, string> = new Map([
  ['Namespace', '/api/v1/namespaces'],
  ['ServiceAccount', `/api/v1/namespaces/${SYSTEM_NAMESPACE}/serviceaccounts`],
  ['ClusterRole', `${RBAC}/clusterroles`],
  ['Role', `${RBAC}/roles`],
  ['ClusterRoleBinding', `${RBAC}/clusterrolebindings`],
  ['RoleBinding', `${RBAC}/rolebindings`],
  ['ValidatingAdmissionPolicy', `${ADMISSION}/validatingadmissionpolicies`],
  ['ValidatingAdmissionPolicyBinding', `${ADMISSION}/validatingadmissionpolicybindings`],
  ['FlowSchema', '/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas'],
]);

export const KINDS: readonly string[] = [...PATHS.keys()];

export async function objectsFact(reader: Reader): Promise<ObjectsFact> {
  const entries: [string, Known<readonly ObjectFact[]>][] = [];
  for (const [kind, path] of PATHS) entries.push([kind, await known(() => listAll(reader, kind, path))]);
  return new Map(entries);
}

/** A cluster with more than that has lists that a person should look at first. */
const MAX_PAGES = 100;

async function listAll(reader: Reader, kind: string, path: string): Promise<ObjectFact[]> {
  const found: ObjectFact[] = [];
  let next = '';
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const more = next === '' ? '' : `&continue=${encodeURIComponent(next)}`;
    const body = (await readObject(reader, `${path}?limit=500${more}`)) as
      | { items?: readonly ObjectFact[]; metadata?: { continue?: string } }
      | undefined;
    if (body === undefined) throw new Error('the API server has no such resource (404)');
    // Items of a list do not name their kind.
    for (const item of body.items ?? []) found.push({ ...item, kind });
    next = body.metadata?.continue ?? '';
    if (next === '') return found;
  }
  throw new Error(`there are more than ${MAX_PAGES} pages of them`);
}

export interface LeaseQuestion {
  readonly namespace: string;
  readonly name: string;
  /** Who leads by the records of the ledger here. */
  readonly holder: string | undefined;
  /** Waits until who leads must have renewed. */
  readonly pause: () => Promise<void>;
}

const LEASES = '/apis/coordination.k8s.io/v1/namespaces';

export async function leasesFact(reader: Reader, question: LeaseQuestion): Promise<LeasesFact> {
  const { namespace, name } = question;
  const read = async (): Promise<readonly Lease[]> => {
    const body = await readObject(reader, `${LEASES}/${namespace}/leases?limit=500`);
    return ((body as { items?: readonly Lease[] } | undefined)?.items ?? []) as readonly Lease[];
  };
  const isOurs = ({ metadata }: Lease): boolean => metadata?.name === name;
  let all = await read();
  let ours = all.find(isOurs);
  let by: LeaseFact['by'] = 'comptroller';
  if (ours !== undefined && (ours.spec?.holderIdentity ?? '') !== question.holder) {
    await question.pause();
    const before = ours;
    all = await read();
    ours = all.find(isOurs);
    by = renewedBy(before, ours);
  }
  const others = all.filter((one) => !isOurs(one) && isManagers(one.metadata?.name ?? ''));
  return {
    ours: ours === undefined ? undefined : leaseFact(ours, by),
    others: others.map((one) => leaseFact(one, 'unseen')),
  };
}

/** Upstream's manager renews and leaves the annotation as it found it; ours moves its anchor on with each renewal. */
export function renewedBy(before: Lease, after: Lease | undefined): LeaseFact['by'] {
  if (after === undefined || before.spec?.renewTime === after.spec?.renewTime) return 'unseen';
  const [old, now] = [anchorOf(before), anchorOf(after)];
  if (now === undefined) return 'another';
  return old?.origin === now.origin && old.size === now.size ? 'another' : 'comptroller';
}

function isManagers(name: string): boolean {
  return name.includes('controller-manager') && !name.startsWith('cloud-');
}

function leaseFact({ metadata, spec }: Lease, by: LeaseFact['by']): LeaseFact {
  return {
    namespace: metadata?.namespace ?? '',
    name: metadata?.name ?? '',
    holder: (spec?.holderIdentity ?? '').slice(0, 256),
    renewed: timeOf(spec?.renewTime),
    duration: (spec?.leaseDurationSeconds ?? 0) * 1000,
    by,
  };
}

function timeOf(text: string | undefined): Ms | undefined {
  const time = Date.parse(text ?? '');
  return Number.isNaN(time) ? undefined : time;
}
