import { generationIn } from '#identity/profiles.ts';
import type { Manifest, ManifestFile } from '../../identity/manifests-parts/kubernetes.ts';
import { fail, ok, outside, some, untold, warn } from '../finding.ts';
import type { Facts, Finding, ObjectFact } from '../port.ts';
import { differences } from './difference.ts';
import { compareRules } from './rules.ts';

type ObjectFacts = Pick<Facts, 'objects' | 'setting'>;

/** Kinds that are generated, and the check that speaks of each. */
export const CHECK_OF_KIND: ReadonlyMap<string, string> = new Map([
  ['Namespace', 'namespace'],
  ['ServiceAccount', 'namespace'],
  ['ClusterRole', 'roles'],
  ['Role', 'roles'],
  ['ClusterRoleBinding', 'bindings'],
  ['RoleBinding', 'bindings'],
  ['ValidatingAdmissionPolicy', 'admission'],
  ['ValidatingAdmissionPolicyBinding', 'admission'],
  ['FlowSchema', 'flow-control'],
]);

const SECTION_OF_CHECK: ReadonlyMap<string, string> = new Map([
  ['roles', 'rbac'],
  ['bindings', 'rbac'],
  ['flow-control', 'flowcontrol'],
]);

/** Every generated object against the cluster's: there, and neither less nor more than it was generated. */
export function checkObjects(facts: ObjectFacts, files: readonly ManifestFile[]): Finding[] {
  const wanted = files.flatMap(({ objects }) => objects);
  const found: Finding[] = [];
  for (const [check, manifests] of Map.groupBy(wanted, ({ kind }) => CHECK_OF_KIND.get(kind) ?? 'objects')) {
    const unread = unreadKinds(check, manifests, facts);
    const problems = manifests.flatMap((manifest) => ofObject(check, manifest, facts));
    const all = [...unread, ...problems];
    found.push(...(all.length > 0 ? all : [ok(check, `${manifests.length} objects are as they were generated`)]));
  }
  return found;
}

function unreadKinds(check: string, manifests: readonly Manifest[], { objects }: ObjectFacts): Finding[] {
  const kinds = [...new Set(manifests.map(({ kind }) => kind))];
  const whys = kinds.flatMap((kind) => {
    const known = objects.get(kind);
    return known?.ok === true ? [] : [{ kind, why: known?.why ?? 'it was not read' }];
  });
  const alike = Map.groupBy(whys, ({ why }) => why);
  return [...alike].map(([why, of]) => untold(check, `${of.map(({ kind }) => kind).join(', ')}: ${why}`));
}

function ofObject(check: string, manifest: Manifest, facts: ObjectFacts): Finding[] {
  const known = facts.objects.get(manifest.kind);
  if (known?.ok !== true) return [];
  const object = known.value.find((one) => sameName(one, manifest));
  const name = nameOf(manifest);
  const remedy = applyCommand(check, facts);
  if (object === undefined) return [fail(check, `${name} is missing`, remedy)];
  const problems = [...labelsMissing(manifest, object), ...contentOf(manifest, object)];
  return problems.length === 0 ? [] : [fail(check, `${name}: ${some(problems)}`, remedy)];
}

/** The command that puts a section right; its lists are owned whole, so what is superfluous goes as well. */
export function applyCommand(check: string, { setting }: Pick<Facts, 'setting'>): string {
  const section = SECTION_OF_CHECK.get(check) ?? check;
  return `comptroller manifests --mode ${setting.namingMode} --only ${section} --state-dir ${setting.stateDir} | kubectl apply --server-side --force-conflicts -f -`;
}

export function nameOf({ kind, metadata }: { kind: string; metadata: ObjectFact['metadata'] }): string {
  return `${kind} ${metadata.namespace === undefined ? '' : `${metadata.namespace}/`}${metadata.name}`;
}

function sameName({ metadata: a }: ObjectFact, { metadata: b }: Manifest): boolean {
  return a.name === b.name && (a.namespace ?? '') === (b.namespace ?? '');
}

function labelsMissing(manifest: Manifest, object: ObjectFact): string[] {
  const labels = new Map(Object.entries(object.metadata.labels ?? {}));
  return Object.entries(manifest.metadata.labels ?? {})
    .filter(([key, value]) => labels.get(key) !== value)
    .map(([key]) => `label ${key} differs`);
}

function contentOf(manifest: Manifest, object: ObjectFact): string[] {
  switch (manifest.kind) {
    case 'Namespace':
      return (object.status as { phase?: unknown } | undefined)?.phase === 'Terminating' ? ['it is being deleted'] : [];
    case 'ServiceAccount':
      return object.automountServiceAccountToken === manifest.automountServiceAccountToken
        ? []
        : ['its token is mounted into pods'];
    case 'ClusterRole':
    case 'Role':
      return rulesOf(manifest, object);
    case 'ClusterRoleBinding':
    case 'RoleBinding':
      return bindingOf(manifest, object);
    case 'FlowSchema':
      return [...differences(manifest.spec, object.spec, 'spec'), ...dangling(object)];
    default:
      return differences(manifest.spec, object.spec, 'spec');
  }
}

/** Says the API server itself: requests then go to `global-default`, with every tenant's. */
function dangling({ status }: ObjectFact): string[] {
  const { conditions } = (status ?? {}) as { conditions?: unknown };
  const all = Array.isArray(conditions) ? (conditions as ({ type?: unknown; status?: unknown } | null)[]) : [];
  const found = all.some((one) => one?.type === 'Dangling' && one.status === 'True');
  return found ? ['its priority level is missing'] : [];
}

function rulesOf(manifest: Manifest, object: ObjectFact): string[] {
  const { missing, superfluous } = compareRules(manifest.rules, object.rules);
  return [
    ...missing.map((rule) => `misses ${rule}`),
    ...superfluous.map((rule) => `has too much: ${rule}`),
    ...(object.aggregationRule === undefined || object.aggregationRule === null
      ? []
      : ['is aggregated from other roles']),
  ];
}

export interface Subject {
  readonly kind?: unknown;
  readonly name?: unknown;
  readonly namespace?: unknown;
}

export function subjectsOf(object: { readonly [part: string]: unknown }): readonly Subject[] {
  const found = Array.isArray(object.subjects) ? (object.subjects as (Subject | null)[]) : [];
  return found.filter((one) => one !== null);
}

const subjectName = ({ kind, name, namespace }: Subject): string =>
  `${String(kind)} ${namespace === undefined ? '' : `${String(namespace)}/`}${String(name)}`;

function bindingOf(manifest: Manifest, object: ObjectFact): string[] {
  const [wanted, found] = [subjectsOf(manifest).map(subjectName), subjectsOf(object).map(subjectName)];
  const [role, bound] = [manifest.roleRef, object.roleRef] as readonly { kind?: unknown; name?: unknown }[];
  const same = role?.kind === bound?.kind && role?.name === bound?.name;
  return [
    ...(same ? [] : ['is to another role; delete it first, its role cannot be changed']),
    ...wanted.filter((one) => !found.includes(one)).map((one) => `misses ${one}`),
    ...found.filter((one) => !wanted.includes(one)).map((one) => `binds too many: ${one}`),
  ];
}

/** Bindings of somebody else to identities of ours: rights that no controller declares, or of generations that are revoked. */
export function checkStrayBindings(
  { objects }: ObjectFacts,
  files: readonly ManifestFile[],
  identities: readonly string[],
  fleet: string,
): Finding[] {
  const own = new Set(files.flatMap((file) => file.objects.map(nameOf)));
  const isOurs = ({ name }: Subject): boolean =>
    typeof name === 'string' &&
    (name === fleet ||
      identities.some((one) => name === `comptroller:${one}` || generationIn(name, one) !== undefined));
  return ['ClusterRoleBinding', 'RoleBinding'].flatMap((kind) => {
    const known = objects.get(kind);
    const others = known?.ok === true ? known.value.filter((one) => !own.has(nameOf({ ...one, kind }))) : [];
    return others.flatMap((binding) => {
      const subjects = subjectsOf(binding).filter(isOurs).map(subjectName);
      if (subjects.length === 0) return [];
      const { name, namespace } = binding.metadata;
      const where = namespace === undefined ? '' : ` -n ${namespace}`;
      const remedy = `kubectl delete ${kind.toLowerCase()} ${name}${where}, unless you know why it is there`;
      return [fail('bindings', `${nameOf({ ...binding, kind })} gives more to ${some(subjects)}`, remedy)];
    });
  });
}

interface PolicyStatus {
  readonly observedGeneration?: unknown;
  readonly typeChecking?: { readonly expressionWarnings?: readonly { readonly fieldRef?: unknown }[] };
}

/** What the API server's type checker says of the generated policies. */
export function checkTypes({ objects }: ObjectFacts, files: readonly ManifestFile[]): Finding[] {
  const check = 'admission-types';
  const known = objects.get('ValidatingAdmissionPolicy');
  if (known?.ok !== true) return [];
  const names = new Set(files.flatMap((file) => file.objects.map(nameOf)));
  const ours = known.value.filter((one) => names.has(nameOf({ ...one, kind: 'ValidatingAdmissionPolicy' })));
  if (ours.length === 0) return [];
  const statusOf = (one: ObjectFact): PolicyStatus => (one.status ?? {}) as PolicyStatus;
  const warned = ours.flatMap((one) => {
    const fields = (statusOf(one).typeChecking?.expressionWarnings ?? []).map(({ fieldRef }) => String(fieldRef));
    return fields.length === 0 ? [] : [`${one.metadata.name}: ${some(fields)}`];
  });
  if (warned.length > 0)
    return warned.map((what) =>
      warn(
        check,
        `warnings of the type checker in ${what}`,
        'kubectl get validatingadmissionpolicies -o yaml shows them; the expression may fail, which refuses writes: report it',
      ),
    );
  const unchecked = ours.filter((one) => statusOf(one).observedGeneration !== one.metadata.generation);
  if (unchecked.length === 0) return [ok(check, `${ours.length} policies are checked, without a warning`)];
  const why = `${unchecked.length} of ${ours.length} policies were not type-checked yet`;
  return [
    outside(
      check,
      why,
      "upstream's controller validatingadmissionpolicy-status does it; run it in upstream's manager, beside Comptroller",
    ),
  ];
}
