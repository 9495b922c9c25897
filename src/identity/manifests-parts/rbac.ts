import type { Controller } from '#core/controller.ts';
import { type Generations, generationOf } from '../generations.ts';
import { generationGroup, listsSecrets, UPSTREAM_MANAGER, userOf } from '../profiles.ts';
import { type DoorRule, LABELS, type Manifest, type ManifestFile, type PolicyRule } from './kubernetes.ts';
import {
  AUTHENTICATION_RULES,
  BREAKER_RULES,
  BREAKER_STATE,
  EVENTS,
  LEADER_RULES,
  LEASE,
  OPERATOR_RULES,
  ownRules,
  REVIEW_RULES,
  readerRules,
  ruleOf,
  secretsRules,
  VIEWER_RULES,
} from './rules.ts';

const API_GROUP = 'rbac.authorization.k8s.io';

interface Subject {
  readonly kind: 'Group' | 'User';
  readonly name: string;
}

/** A role for each identity, bound to the group of its current generation. */
export function rbacFiles(controllers: readonly Controller[], generations: Generations): ManifestFile[] {
  const subject = (name: string): Subject => ({
    kind: 'Group',
    name: generationGroup(name, generationOf(generations, name)),
  });
  const wide = (name: string, rules: readonly PolicyRule[]): Manifest[] =>
    clusterRole(userOf(name), rules, [subject(name)]);
  const narrow = (name: string, rules: readonly PolicyRule[]): Manifest[] =>
    role(LEASE.namespace, userOf(name), rules, [subject(name)]);
  const files = controllers.map((controller) => file(controller.name, wide(controller.name, ownRules(controller))));
  files.push(
    file('authn', [...wide('authn', REVIEW_RULES), ...narrow('authn', AUTHENTICATION_RULES)]),
    file('breaker', [...wide('breaker', [EVENTS]), ...stateRole([subject('breaker')])]),
    file('leader', narrow('leader', LEADER_RULES)),
    file('reader', wide('reader', readerRules(controllers))),
  );
  if (listsSecrets(controllers))
    files.push(file('secrets-metadata', wide('secrets-metadata', secretsRules(controllers))));
  files.push(file('people', peopleRoles()));
  return files.sort((a, b) => (a.file < b.file ? -1 : 1));
}

/** Where the breaker keeps its state: Comptroller's own namespace, and one object there. */
function stateRole(subjects: readonly Subject[]): Manifest[] {
  return role(BREAKER_STATE.namespace, userOf('breaker'), BREAKER_RULES, subjects);
}

/** Roles of people; an administrator binds them. */
function peopleRoles(): Manifest[] {
  const of = (name: string, rules: readonly DoorRule[]): Manifest => ({
    apiVersion: `${API_GROUP}/v1`,
    kind: 'ClusterRole',
    metadata: { name, labels: LABELS },
    rules,
  });
  return [of('comptroller:breaker-viewer', VIEWER_RULES), of('comptroller:breaker-operator', OPERATOR_RULES)];
}

/** Of those that write Events here, whom upstream's own role gives none to write. */
const SILENT_UPSTREAM: ReadonlySet<string> = new Set(['clusterrole-aggregation']);

/**
 * Naming mode `upstream`: the stock roles give everything but patch where upstream itself sends update, and the Events of
 * one. What is added is the controllers' patches, and those Events, bound to the stock user names (a binding to a ServiceAccount compares the user name only).
 */
export function upstreamRbacFiles(controllers: readonly Controller[]): ManifestFile[] {
  const files = controllers.flatMap((controller) => {
    const patches = controller.rbac.flatMap((permission) =>
      permission.kind === 'allow' && permission.verbs.includes('patch') ? [ruleOf(permission, ['patch'])] : [],
    );
    const rules = controller.events && SILENT_UPSTREAM.has(controller.name) ? [...patches, EVENTS] : patches;
    const subject: Subject = { kind: 'User', name: `system:serviceaccount:kube-system:${controller.upstreamRole}` };
    const name = `comptroller:upstream:${controller.name}`;
    return rules.length === 0 ? [] : [file(controller.name, clusterRole(name, rules, [subject]))];
  });
  const manager: Subject = { kind: 'User', name: UPSTREAM_MANAGER };
  files.push(file('breaker', stateRole([manager])), file('people', peopleRoles()));
  return files.sort((a, b) => (a.file < b.file ? -1 : 1));
}

function file(name: string, objects: readonly Manifest[]): ManifestFile {
  return { file: `rbac/${name}.yaml`, objects };
}

function clusterRole(name: string, rules: readonly PolicyRule[], subjects: readonly Subject[]): Manifest[] {
  const metadata = { name, labels: LABELS };
  return [
    { apiVersion: `${API_GROUP}/v1`, kind: 'ClusterRole', metadata, rules },
    {
      apiVersion: `${API_GROUP}/v1`,
      kind: 'ClusterRoleBinding',
      metadata,
      roleRef: { apiGroup: API_GROUP, kind: 'ClusterRole', name },
      subjects: subjects.map((subject) => ({ apiGroup: API_GROUP, ...subject })),
    },
  ];
}

function role(namespace: string, name: string, rules: readonly PolicyRule[], subjects: readonly Subject[]): Manifest[] {
  const metadata = { name, namespace, labels: LABELS };
  return [
    { apiVersion: `${API_GROUP}/v1`, kind: 'Role', metadata, rules },
    {
      apiVersion: `${API_GROUP}/v1`,
      kind: 'RoleBinding',
      metadata,
      roleRef: { apiGroup: API_GROUP, kind: 'Role', name },
      subjects: subjects.map((subject) => ({ apiGroup: API_GROUP, ...subject })),
    },
  ];
}
