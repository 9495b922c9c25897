import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { CONTROLLERS } from '#controllers/registry.ts';
import { allow, type Controller, defineController, watchesAll } from '#core/controller.ts';
import { nothing } from '#core/plan.ts';
import { isResource, resourceOfKind } from '#core/resource.ts';
import { renderManifests, sectionOf, toYaml } from './manifests.ts';
import type { AdmissionVerb } from './manifests-parts/admission-rules/port.ts';
import { ADMISSION_RULES } from './manifests-parts/admission-rules.ts';
import type { Manifest, PolicyRule } from './manifests-parts/kubernetes.ts';
import { ownRules, readerRules, secretsRules } from './manifests-parts/rules.ts';

const none = new Map<string, number>();
const files = renderManifests(CONTROLLERS, { mode: 'comptroller', generations: none });
const objects = files.flatMap((file) => file.objects);
const roles = objects.filter(({ kind }) => kind === 'ClusterRole' || kind === 'Role') as (Manifest & {
  rules: PolicyRule[];
})[];
const bindings = objects.filter(({ kind }) => kind.endsWith('RoleBinding')) as (Manifest & {
  subjects: { kind: string; name: string }[];
})[];

const cleaner = defineController({
  name: 'token-cleaner',
  upstreamRole: 'token-cleaner',
  does: 'Deletes tokens that ended.',
  events: false,
  rbac: [allow('core/secrets', 'get', 'list', 'watch', 'delete'), allow('core/pods', 'watch')],
  loops: [{ queue: 'q', key: 'core/secrets', workers: 1, reconcile: () => nothing('none') }],
});

/** Those whose work is the whole API hold a wildcard, and list what the cache does not hold. */
const boundless = CONTROLLERS.filter(({ rbac }) => rbac.some(({ kind }) => kind === 'any')).map(
  ({ name }) => `comptroller:${name}`,
);

describe('roles', () => {
  it('leave list and watch to reader alone, but for the watch of the lease', () => {
    const listing = roles.filter(({ rules }) =>
      rules.some(({ verbs }) => verbs.includes('list') || verbs.includes('watch')),
    );
    // Who works on every resource there is lists it: else `reader` could read everything.
    expect(listing.map(({ metadata }) => metadata.name)).toEqual([
      'comptroller:garbage-collector',
      'comptroller:leader',
      'comptroller:namespace',
      'comptroller:reader',
      'comptroller:secrets-metadata',
    ]);
  });

  it('name no wildcard, and nothing that grants more rights but where a controller must hold it', () => {
    const must = new Map([
      ['comptroller:clusterrole-aggregation', 'escalate'],
      ['comptroller:garbage-collector', '*'],
      ['comptroller:secrets-metadata', 'secrets'],
    ]);
    for (const { rules, metadata } of roles) {
      // Roles of people name doors of Comptroller's own, and no resource.
      const words = rules.flatMap(({ apiGroups = [], resources = [], verbs }: Partial<PolicyRule>) => [
        ...apiGroups,
        ...resources,
        ...(verbs ?? []),
      ]);
      const bad = ['*', 'escalate', 'bind', 'impersonate', 'secrets'].filter(
        (word) => word !== must.get(metadata.name) && !(word === '*' && boundless.includes(metadata.name)),
      );
      expect(bad.filter((word) => words.includes(word))).toEqual([]);
    }
  });

  it('allow on everything only what is declared for everything, and never what makes or changes it', () => {
    for (const { rules, metadata } of roles) {
      const wild = rules.filter((rule) =>
        [...(rule.apiGroups ?? []), ...(rule.resources ?? []), ...rule.verbs].includes('*'),
      );
      if (!boundless.includes(metadata.name)) expect(wild).toEqual([]);
      for (const rule of wild) {
        expect([rule.apiGroups, rule.resources]).toEqual([['*'], ['*']]);
        expect(rule.verbs.filter((verb) => ['*', 'create', 'update'].includes(verb))).toEqual([]);
      }
    }
  });

  it('are bound to the group of the current generation, never to a user', () => {
    for (const { subjects, metadata } of bindings) {
      expect(subjects).toEqual([expect.objectContaining({ kind: 'Group', name: `${metadata.name}:g1` })]);
    }
    const raised = renderManifests(CONTROLLERS, { mode: 'comptroller', generations: new Map([['reader', 3]]) });
    const text = toYaml(raised.filter(({ file }) => file === 'rbac/reader.yaml'));
    expect(text).toContain('comptroller:reader:g3');
    expect(text).not.toContain('comptroller:reader:g1');
  });

  it('keep Secrets away from reader: secrets-metadata lists them', () => {
    const all = [...CONTROLLERS, cleaner];
    const resources = (rules: readonly PolicyRule[]): string[] => rules.flatMap((rule) => rule.resources);
    expect(resources(readerRules(all))).not.toContain('secrets');
    expect(secretsRules(all)).toEqual([{ apiGroups: [''], resources: ['secrets'], verbs: ['list', 'watch'] }]);
    expect(ownRules(cleaner)).toEqual([{ apiGroups: [''], resources: ['secrets'], verbs: ['get', 'delete'] }]);
    const rendered = (controllers: typeof all): string[] =>
      renderManifests(controllers, { mode: 'comptroller', generations: none }).map(({ file }) => file);
    expect(rendered([cleaner])).toContain('rbac/secrets-metadata.yaml');
    expect(rendered(CONTROLLERS.filter(({ rbac }) => watchesAll(rbac)))).toContain('rbac/secrets-metadata.yaml');
    expect(rendered([])).not.toContain('rbac/secrets-metadata.yaml');
  });

  it('who works on everything has exactly its verbs on everything, and lists for itself', () => {
    const collector = CONTROLLERS.find(({ name }) => name === 'garbage-collector') as Controller;
    expect(ownRules(collector)).toEqual([
      { apiGroups: ['*'], resources: ['*'], verbs: ['get', 'list', 'watch', 'patch', 'delete'] },
      { apiGroups: [''], resources: ['events'], verbs: ['create', 'patch'] },
    ]);
    expect(readerRules([collector])).toEqual(readerRules([]));
    expect(secretsRules([collector])).toEqual([{ apiGroups: [''], resources: ['secrets'], verbs: ['list', 'watch'] }]);
  });

  it('merge what several controllers list, and always have namespaces and quotas', () => {
    const pods = readerRules([...CONTROLLERS, cleaner]).filter(({ resources }) => resources.includes('pods'));
    expect(pods).toEqual([{ apiGroups: [''], resources: ['pods'], verbs: ['list', 'watch'] }]);
    expect(readerRules([])).toEqual(
      ['namespaces', 'resourcequotas'].map((plural) => ({
        apiGroups: [''],
        resources: [plural],
        verbs: ['list', 'watch'],
      })),
    );
  });
});

describe('admission policies', () => {
  it('have rules of their own only for controllers and resources that exist', () => {
    const names = new Set(CONTROLLERS.map(({ name }) => name));
    for (const [name, { resource }] of [...ADMISSION_RULES].flatMap(([of, rules]) =>
      rules.map((one) => [of, one] as const),
    )) {
      expect(names).toContain(name);
      if (resource.plural === '*') continue;
      expect(isResource(`${resource.group === '' ? 'core' : resource.group}/${resource.plural.split('/')[0]}`)).toBe(
        true,
      );
    }
  });

  it('fail closed, deny, and are bound', () => {
    const policies = objects.filter(({ kind }) => kind === 'ValidatingAdmissionPolicy') as (Manifest & {
      spec: { failurePolicy: string };
    })[];
    const bound = objects.filter(({ kind }) => kind === 'ValidatingAdmissionPolicyBinding') as (Manifest & {
      spec: object;
    })[];
    expect(policies.map(({ spec }) => spec.failurePolicy)).toEqual(policies.map(() => 'Fail'));
    expect(bound.map(({ spec }) => spec)).toEqual(
      policies.map(({ metadata }) => ({ policyName: metadata.name, validationActions: ['Deny'] })),
    );
  });

  const said = (controller: string, on: AdmissionVerb): string =>
    (ADMISSION_RULES.get(controller) ?? [])
      .flatMap(({ validations }) => validations)
      .filter((rule) => rule.on.includes(on))
      .map(({ expression }) => expression)
      .join(' && ');

  it('bear with what the admission of others puts into a new ServiceAccount, but not with rights', () => {
    const create = said('serviceaccount', 'create');
    for (const field of ['labels', 'imagePullSecrets', '!has(object.automountServiceAccountToken)'])
      expect(create).not.toContain(field);
    expect(create).toContain('!object.?automountServiceAccountToken.orValue(false)');
    for (const field of ['object.secrets', 'annotations', 'ownerReferences', 'finalizers'])
      expect(create).toContain(`!has(object.${field.includes('.') ? field.slice(7) : `metadata.${field}`})`);
  });

  it('bear with labels that others put on the CA at a change, and with none on a ClusterRole that is aggregated', () => {
    expect(said('root-ca-certificate-publisher', 'update')).toContain("|| object.data['ca.crt'].startsWith(");
    expect(said('clusterrole-aggregation', 'update')).toContain(
      'object.metadata.?labels == oldObject.metadata.?labels',
    );
  });

  it('take a bundle with words before its first certificate, as the policy does', () => {
    const create = said('root-ca-certificate-publisher', 'create');
    expect(create).not.toContain('startsWith');
    expect(create).toContain("object.data['ca.crt'].contains('-----BEGIN CERTIFICATE-----')");
    expect(create).toContain("!object.data['ca.crt'].contains('PRIVATE KEY')");
  });

  it('refuse what a controller lists, reads or only requires', () => {
    const text = JSON.stringify(
      objects.find(
        ({ metadata, kind }) => kind === 'ValidatingAdmissionPolicy' && metadata.name === 'fleet.comptroller.dev',
      ),
    );
    expect(text).toContain("'UPDATE apps/replicasets/status'");
    expect(text).not.toContain('finalizers');
    expect(text).not.toMatch(/LIST|WATCH|GET/);
    expect(text).toContain("request.operation in ['DELETE', 'UPDATE'] && request.?subResource.orValue('') == ''");
  });
});

describe('all manifests', () => {
  it('are of kinds that the API server has, in the versions it serves', () => {
    for (const { apiVersion, kind } of objects)
      expect([kind, resourceOfKind(apiVersion, kind)]).not.toContain(undefined);
  });

  it('belong to a section, one object once', () => {
    for (const file of files) expect(sectionOf(file)).toBeDefined();
    const names = objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`);
    expect(new Set(names).size).toBe(names.length);
  });

  it('come back from YAML as they were', () => {
    const read = parseAllDocuments(toYaml(files)).map((document) => document.toJS() as unknown);
    expect(read).toEqual(JSON.parse(JSON.stringify(objects)));
  });

  it("are, in mode upstream, only what the stock roles lack: patches, Events of one, the breaker's state, and the doors", () => {
    const rendered = renderManifests(CONTROLLERS, { mode: 'upstream', generations: none }).flatMap(
      (file) => file.objects,
    );
    const wide = rendered.filter(({ kind }) => kind === 'ClusterRole');
    const added = wide.flatMap((object) => (object as unknown as { rules: PolicyRule[] }).rules.filter(hasResources));
    const narrow = rendered.filter(({ kind }) => kind === 'Role').map(({ metadata }) => metadata);
    expect(narrow).toMatchObject([{ namespace: 'comptroller-system', name: 'comptroller:breaker' }]);
    const [events, patches] = [added.filter(isOfEvents), added.filter((rule) => !isOfEvents(rule))];
    expect(events).toEqual([{ apiGroups: [''], resources: ['events'], verbs: ['create', 'patch'] }]);
    expect(new Set(patches.flatMap(({ verbs }) => verbs))).toEqual(new Set(['patch']));
    expect(rendered.map(({ kind }) => kind)).not.toContain('ValidatingAdmissionPolicy');
  });
});

const isOfEvents = ({ resources }: PolicyRule): boolean => resources.includes('events');
const hasResources = ({ resources }: Partial<PolicyRule>): boolean => resources !== undefined;
