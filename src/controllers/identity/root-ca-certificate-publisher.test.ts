import { expect } from 'vitest';
import type { ConfigMap } from '#core/k8s/types.gen.ts';
import { configMap, namespace } from '#kit/build.ts';
import { scenarios, transitions } from '#kit/scenario.ts';
import { rootCaCertificatePublisher } from './root-ca-certificate-publisher.ts';

const CA = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
const settings = { rootCa: CA };
const at = { namespace: 'shop', name: 'kube-root-ca.crt' };
const described = {
  annotations: {
    'kubernetes.io/description':
      'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.',
  },
};
const published = configMap(at, { 'ca.crt': CA }, described);
const ref = { resource: 'core/configmaps', namespace: 'shop', name: at.name, uid: 'uid-kube-root-ca.crt' } as const;

scenarios(rootCaCertificatePublisher, {
  'publishes the CA where it is missing': {
    given: [namespace('shop')],
    key: 'shop',
    settings,
    plan: {
      reason: 'missing',
      chains: [
        [
          {
            verb: 'create',
            resource: 'core/configmaps',
            namespace: 'shop',
            object: {
              apiVersion: 'v1',
              kind: 'ConfigMap',
              metadata: { name: at.name, namespace: 'shop', ...described },
              data: { 'ca.crt': CA },
            } as ConfigMap,
            reason: 'missing',
          },
        ],
      ],
      events: [],
    },
  },
  'is content with what it published': {
    given: [namespace('shop'), published],
    key: 'shop',
    settings,
    plan: { reason: 'in-order', chains: [], events: [] },
  },
  'is content with another description, and with labels': {
    given: [
      namespace('shop'),
      configMap(at, { 'ca.crt': CA }, { labels: { a: 'b' }, annotations: { 'kubernetes.io/description': 'mine' } }),
    ],
    key: 'shop',
    settings,
    plan: { reason: 'in-order', chains: [], events: [] },
  },
  'restores the CA and takes away what was added, keeping what is not its business': {
    given: [
      namespace('shop'),
      configMap(at, { 'ca.crt': 'forged', constructor: 'hostile' }, { labels: { a: 'b' }, annotations: { mine: '1' } }),
    ],
    key: 'shop',
    settings,
    plan: {
      reason: 'drift',
      chains: [
        [
          {
            verb: 'patch',
            ref,
            type: 'merge',
            patch: { metadata: described, data: { 'ca.crt': CA, constructor: null } },
            after: configMap(
              at,
              { 'ca.crt': CA },
              { labels: { a: 'b' }, annotations: { mine: '1', ...described.annotations } },
            ),
            reason: 'drift',
            resourceVersion: '1',
          },
        ],
      ],
      events: [],
    },
  },
  'gives back a description that was emptied': {
    given: [namespace('shop'), configMap(at, { 'ca.crt': CA }, { annotations: { 'kubernetes.io/description': '' } })],
    key: 'shop',
    settings,
    check: ({ chains }) => expect(chains).toMatchObject([[{ patch: { metadata: described } }]]),
  },
  'publishes nothing without a CA': {
    given: [namespace('shop')],
    key: 'shop',
    plan: { reason: 'no-root-ca', chains: [], events: [] },
  },
  'leaves a namespace that ends alone': {
    given: [namespace('shop', 'Terminating')],
    key: 'shop',
    settings,
    plan: { reason: 'namespace-not-active', chains: [], events: [] },
  },
  'does nothing for a namespace that is gone': {
    given: [],
    key: 'shop',
    settings,
    plan: { reason: 'gone', chains: [], events: [] },
  },
});

transitions(rootCaCertificatePublisher, 'core/configmaps', {
  'wakes the namespace when the ConfigMap is deleted': { given: [], old: published, wakes: [{ key: 'shop' }] },
  'wakes the namespace when the ConfigMap changes': {
    given: [],
    old: published,
    now: configMap(at, {}, { resourceVersion: '2' }),
    wakes: [{ key: 'shop' }],
  },
  'wakes the namespace when someone else made it': { given: [], now: published, wakes: [{ key: 'shop' }] },
  'does not mind other ConfigMaps': {
    given: [],
    old: configMap({ namespace: 'shop', name: 'other' }, {}),
    wakes: [],
  },
});
