import { BREAKER } from '#core/breaker.ts';
import type { Controller } from '#core/controller.ts';
import { FLEET_GROUP, identityNames, userOf } from '../profiles.ts';
import { eventRules } from './admission-rules/common.ts';
import type { AdmissionRule, AdmissionRules, AdmissionVerb } from './admission-rules/port.ts';
import { ADMISSION_RULES } from './admission-rules.ts';
import { LABELS, type Manifest, type ManifestFile, type PolicyRule } from './kubernetes.ts';
import { BREAKER_RULES, BREAKER_STATE, EVENTS, LEADER_RULES, LEASE, REVIEW_RULES, writeRules } from './rules.ts';

const API_VERSION = 'admissionregistration.k8s.io/v1';
const DOMAIN = 'comptroller.dev';

interface Validation {
  readonly expression: string;
  readonly message?: string;
  readonly messageExpression?: string;
}

/**
 * The defence behind the gate, in the API server: should a certificate be used beside Comptroller, what it may do is
 * still only its own job. One policy for all that is about who may do what (so that other users' requests cost one
 * match condition, whatever the number of identities), and a typed one for each controller with rules of its own.
 */
export function admissionFiles(controllers: readonly Controller[], namespace: string): ManifestFile[] {
  const files = controllers.flatMap((controller) => {
    const rules = ADMISSION_RULES.get(controller.name) ?? [];
    if (rules.length === 0) return [];
    return [{ file: `admission/${controller.name}.yaml`, objects: rules.flatMap((one) => own(controller, one)) }];
  });
  const breaker = { file: 'admission/breaker.yaml', objects: own(BREAKER, eventRules(BREAKER.name)) };
  return [{ file: 'admission/fleet.yaml', objects: fleet(controllers, namespace) }, breaker, ...files];
}

function fleet(controllers: readonly Controller[], namespace: string): Manifest[] {
  const users = identityNames(controllers).map(userOf);
  return policyAndBinding({
    name: `fleet.${DOMAIN}`,
    matchCondition: {
      name: 'comptroller-users',
      // Either will do: a certificate that says only one of the two is a stranger, and is refused below.
      expression: `request.userInfo.?username.orValue('').startsWith('comptroller:') || ${quote(FLEET_GROUP)} in request.userInfo.?groups.orValue([])`,
    },
    matchConstraints: {
      resourceRules: [{ apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*/*'], scope: '*' }],
    },
    variables: [
      { name: 'user', expression: "request.userInfo.?username.orValue('')" },
      { name: 'name', expression: "request.?name.orValue('')" },
      { name: 'place', expression: "request.?namespace.orValue('')" },
      {
        name: 'act',
        expression: [
          "request.operation + ' ' + (request.resource.group == '' ? '' : request.resource.group + '/')",
          "request.resource.resource + (request.?subResource.orValue('') == '' ? '' : '/' + request.?subResource.orValue(''))",
        ].join(' + '),
      },
      { name: 'named', expression: "variables.act + ' ' + variables.name" },
    ],
    validations: [
      {
        expression: `variables.user in ${list(users)}`,
        message: "the user is none of comptroller's identities",
      },
      ...controllers.map((controller) => declared(controller.name, writeRules(controller))),
      declared('authn', REVIEW_RULES),
      declared('breaker', [...BREAKER_RULES, EVENTS]),
      declared('leader', LEADER_RULES),
      declared('reader', []),
      ...(users.includes(userOf('secrets-metadata')) ? [declared('secrets-metadata', [])] : []),
      {
        expression: `variables.user != ${quote(userOf('leader'))} || variables.place == ${quote(LEASE.namespace)} && variables.name == ${quote(LEASE.name)}`,
        message: `leader writes only the Lease ${LEASE.namespace}/${LEASE.name}`,
      },
      {
        expression: `variables.user != ${quote(userOf('breaker'))} || ${IS_EVENT} || ${IS_STATE}`,
        message: `breaker writes only the ConfigMap ${BREAKER_STATE.namespace}/${BREAKER_STATE.name}, and Events`,
      },
      ...protectedObjects(namespace),
    ],
  });
}

const IS_EVENT = "request.resource.group == '' && request.resource.resource == 'events'";
const IS_STATE = [
  "request.resource.group == '' && request.resource.resource == 'configmaps' &&",
  `variables.place == ${quote(BREAKER_STATE.namespace)} && variables.name == ${quote(BREAKER_STATE.name)}`,
].join(' ');

/** I14: no identity of ours touches what Comptroller itself rests on. */
function protectedObjects(namespace: string): Validation[] {
  return [
    {
      expression: `variables.place != ${quote(namespace)} || variables.user == ${quote(userOf('breaker'))} && ${IS_STATE}`,
      message: `no identity of comptroller writes in ${namespace}, but breaker its own state`,
    },
    {
      expression: [
        "!(variables.name.startsWith('comptroller:') ||",
        `variables.place == '' && (variables.name.startsWith('comptroller-') || variables.name.endsWith(${quote(`.${DOMAIN}`)})))`,
      ].join(' '),
      message: "no identity of comptroller writes comptroller's own objects",
    },
  ];
}

function declared(name: string, rules: readonly PolicyRule[]): Validation {
  const acts = actsOf(rules);
  const named = namedActsOf(rules);
  const allowed = [
    ...(acts.length === 0 ? [] : [`variables.act in ${list(acts)}`]),
    ...(named.length === 0 ? [] : [`variables.named in ${list(named)}`]),
    ...anywhereOf(rules).map(
      (operations) => `request.operation in ${list(operations)} && request.?subResource.orValue('') == ''`,
    ),
  ];
  const expression = [`variables.user != ${quote(userOf(name))}`, ...allowed].join(' || ');
  if (allowed.length === 0) return { expression, message: `${name} never writes` };
  const message = `${name} does not declare this write`;
  return { expression, message, messageExpression: `${quote(`${name} does not declare `)} + variables.act` };
}

/** Update and patch are one operation at admission; RBAC tells them apart. Reads do not come here. */
const OPERATIONS: ReadonlyMap<string, AdmissionVerb> = new Map([
  ['create', 'create'],
  ['update', 'update'],
  ['patch', 'update'],
  ['delete', 'delete'],
  ['deletecollection', 'delete'],
]);

/** Rules limited by name are let through for any name only if an unlimited rule says so. */
function actsOf(rules: readonly PolicyRule[]): string[] {
  return each(rules.filter((rule) => rule.resourceNames === undefined && !isAnywhere(rule)));
}

function namedActsOf(rules: readonly PolicyRule[]): string[] {
  return rules.flatMap((rule) =>
    (rule.resourceNames ?? []).flatMap((name) => each([rule]).map((act) => `${act} ${name}`)),
  );
}

/** What may be done to every resource there is. */
function anywhereOf(rules: readonly PolicyRule[]): string[][] {
  const verbs = rules.filter(isAnywhere).flatMap((rule) => rule.verbs);
  const operations = verbs.flatMap((verb) => OPERATIONS.get(verb) ?? []).map(upper);
  return operations.length === 0 ? [] : [[...new Set(operations)].sort()];
}

function isAnywhere({ resources }: PolicyRule): boolean {
  return resources.includes('*');
}

function each(rules: readonly PolicyRule[]): string[] {
  const acts = rules.flatMap((rule) =>
    rule.verbs.flatMap((verb) => {
      const operation = OPERATIONS.get(verb);
      if (operation === undefined) return [];
      return rule.apiGroups.flatMap((group) =>
        rule.resources.map((resource) => `${upper(operation)} ${group === '' ? '' : `${group}/`}${resource}`),
      );
    }),
  );
  return [...new Set(acts)].sort();
}

function own(controller: Controller, rules: AdmissionRules): Manifest[] {
  const { group, version, plural } = rules.resource;
  const verbs = [...new Set(rules.validations.flatMap((rule) => rule.on))];
  return policyAndBinding({
    name: `${controller.name}${rules.suffix === undefined ? '' : `-${rules.suffix}`}.${DOMAIN}`,
    matchCondition: {
      name: 'this-identity',
      expression: `request.userInfo.?username.orValue('') == ${quote(userOf(controller.name))}`,
    },
    matchConstraints: {
      // Expressions are typed by this one version; the fleet's policy refuses every other way to the same objects.
      matchPolicy: 'Exact',
      resourceRules: [
        { apiGroups: [group], apiVersions: [version], operations: verbs.map(upper), resources: [plural], scope: '*' },
      ],
    },
    variables: [],
    validations: rules.validations.map((rule) => onlyOn(rule, verbs)),
  });
}

/** The type checker sees `object` missing on a deletion, and `oldObject` on a creation: each rule says when it speaks. */
function onlyOn({ on, message, expression }: AdmissionRule, verbs: readonly AdmissionVerb[]): Validation {
  const others = verbs.filter((verb) => !on.includes(verb));
  const guard = others.map((verb) => `request.operation == ${quote(upper(verb))} || `).join('');
  return { message, expression: guard + expression };
}

function upper(verb: AdmissionVerb): string {
  return verb.toUpperCase();
}

interface PolicyParts {
  readonly name: string;
  readonly matchCondition: { readonly name: string; readonly expression: string };
  readonly matchConstraints: object;
  readonly variables: readonly { readonly name: string; readonly expression: string }[];
  readonly validations: readonly Validation[];
}

function policyAndBinding({ name, matchCondition, matchConstraints, variables, validations }: PolicyParts): Manifest[] {
  const metadata = { name, labels: LABELS };
  return [
    {
      apiVersion: API_VERSION,
      kind: 'ValidatingAdmissionPolicy',
      metadata,
      spec: {
        failurePolicy: 'Fail',
        matchConstraints,
        matchConditions: [matchCondition],
        ...(variables.length > 0 && { variables }),
        validations: validations.map((validation) => ({ ...validation, reason: 'Forbidden' })),
      },
    },
    {
      apiVersion: API_VERSION,
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata,
      spec: { policyName: name, validationActions: ['Deny'] },
    },
  ];
}

function list(words: readonly string[]): string {
  return `[${words.map(quote).join(', ')}]`;
}

/** All that is quoted is compiled in; a quote or backslash in it would be a bug. */
function quote(word: string): string {
  if (!/^[A-Za-z0-9 .:/_-]*$/.test(word)) throw new TypeError(`quoting ${JSON.stringify(word)} for CEL`);
  return `'${word}'`;
}
