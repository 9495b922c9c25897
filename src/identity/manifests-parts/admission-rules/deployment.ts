import { eventRules } from './common.ts';
import type { AdmissionRules } from './port.ts';

const OWNS = "r.apiVersion == 'apps/v1' && r.kind == 'Deployment'";
const OLD_OWNERS = 'oldObject.metadata.?ownerReferences.orValue([])';
const NEW_OWNERS = 'object.metadata.?ownerReferences.orValue([])';
const OTHERS = `filter(r, !(${OWNS}))`;
const CONTROLS = 'has(o.controller) && o.controller';

const stays = (...fields: readonly string[]): string =>
  fields.map((field) => `object.${field} == oldObject.${field}`).join(' && ');

/** Annotations without one key, so that two sets can be compared but for it. */
const annotations = (of: 'object' | 'oldObject'): string => `${of}.metadata.?annotations.orValue({})`;
const allBut = (key: string): string =>
  [
    `${annotations('object')}.all(k, k == '${key}' || ${annotations('oldObject')}[?k] == ${annotations('object')}[?k])`,
    `${annotations('oldObject')}.all(k, k == '${key}' || k in ${annotations('object')})`,
  ].join(' && ');

const ROLLBACK = "'deprecated.deployment.rollback.to'";

export const deploymentRules: readonly AdmissionRules[] = [
  {
    resource: { group: 'apps', version: 'v1', plural: 'replicasets' },
    validations: [
      {
        on: ['create'],
        message:
          'deployment creates ReplicaSets only with exactly one owner reference, of a controlling apps/v1 Deployment',
        expression: [
          'has(object.metadata.ownerReferences) && object.metadata.ownerReferences.size() == 1 &&',
          `object.metadata.ownerReferences.all(r, ${OWNS} && has(r.controller) && r.controller)`,
        ].join(' '),
      },
      {
        on: ['create'],
        message: 'deployment labels ReplicaSets and their pods with the hash of their template, and selects by it',
        expression: [
          "has(object.metadata.labels) && 'pod-template-hash' in object.metadata.labels &&",
          'has(object.spec.selector.matchLabels) &&',
          "object.spec.selector.matchLabels[?'pod-template-hash'] == object.metadata.labels[?'pod-template-hash']",
        ].join(' '),
      },
      {
        on: ['update'],
        message: 'deployment changes of a ReplicaSet only its size, minReadySeconds, annotations and owner references',
        expression: stays('spec.selector', 'spec.?template', 'metadata.?labels', 'metadata.?finalizers'),
      },
      {
        on: ['update'],
        message: 'deployment leaves the owner references of others alone',
        expression: `${NEW_OWNERS}.${OTHERS} == ${OLD_OWNERS}.${OTHERS}`,
      },
      {
        on: ['update'],
        message: 'deployment adopts only ReplicaSets that nothing controls',
        expression: [
          `!${OLD_OWNERS}.exists(o, ${CONTROLS}) ||`,
          `${NEW_OWNERS}.all(r, !(has(r.controller) && r.controller) || ${OLD_OWNERS}.exists(o, o.uid == r.uid && ${CONTROLS}))`,
        ].join(' '),
      },
      {
        on: ['update'],
        message: 'deployment scales only ReplicaSets that a Deployment controls',
        expression: `object.spec == oldObject.spec || ${OLD_OWNERS}.exists(r, ${OWNS} && has(r.controller) && r.controller)`,
      },
      {
        on: ['delete'],
        message: 'deployment deletes only ReplicaSets without pods that an apps/v1 Deployment controls',
        expression: [
          `${OLD_OWNERS}.exists(r, ${OWNS} && has(r.controller) && r.controller) &&`,
          'has(oldObject.spec.replicas) && oldObject.spec.replicas == 0',
        ].join(' '),
      },
    ],
  },
  {
    resource: { group: 'apps', version: 'v1', plural: 'deployments' },
    suffix: 'rollback',
    validations: [
      {
        on: ['update'],
        message: 'deployment changes a Deployment only by a rollback that was asked for',
        expression: `${ROLLBACK} in ${annotations('oldObject')} && !(${ROLLBACK} in ${annotations('object')})`,
      },
      {
        on: ['update'],
        message: 'deployment rolls back the template and annotations of a Deployment, nothing else of it',
        expression: stays(
          'spec.?replicas',
          'spec.selector',
          'spec.?strategy',
          'spec.?paused',
          'spec.?minReadySeconds',
          'spec.?revisionHistoryLimit',
          'spec.?progressDeadlineSeconds',
          'metadata.?labels',
          'metadata.?finalizers',
          'metadata.?ownerReferences',
        ),
      },
    ],
  },
  {
    resource: { group: 'apps', version: 'v1', plural: 'deployments/status' },
    suffix: 'status',
    validations: [
      {
        on: ['update'],
        message: 'deployment changes of a Deployment its status and its revision, nothing else',
        expression: [
          stays('metadata.?labels', 'metadata.?finalizers', 'metadata.?ownerReferences'),
          allBut('deployment.kubernetes.io/revision'),
        ].join(' && '),
      },
    ],
  },
  eventRules('deployment', ['Deployment']),
];
