import { expect } from 'vitest';
import { namespace, serviceAccount } from '#kit/build.ts';
import { scenarios, transitions } from '#kit/scenario.ts';
import { serviceaccount } from './serviceaccount.ts';

const inShop = { namespace: 'shop', name: 'default' };

scenarios(serviceaccount, {
  'makes the account where it is missing': {
    given: [namespace('shop')],
    key: 'shop',
    plan: {
      reason: 'missing',
      chains: [
        [
          {
            verb: 'create',
            resource: 'core/serviceaccounts',
            namespace: 'shop',
            object: { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace: 'shop' } },
            reason: 'missing',
          },
        ],
      ],
      events: [],
    },
  },
  'is content with what is there': {
    given: [namespace('shop'), serviceAccount(inShop, { labels: { someone: 'else' } })],
    key: 'shop',
    plan: { reason: 'in-order', chains: [], events: [] },
  },
  "does not take another namespace's account or another name for it": {
    given: [
      namespace('shop'),
      serviceAccount({ namespace: 'bank', name: 'default' }),
      serviceAccount({ namespace: 'shop', name: 'builder' }),
    ],
    key: 'shop',
    check: ({ reason }) => expect(reason).toBe('missing'),
  },
  'leaves a namespace that ends alone': {
    given: [namespace('shop', 'Terminating')],
    key: 'shop',
    plan: { reason: 'namespace-not-active', chains: [], events: [] },
  },
  'does nothing for a namespace that is gone': {
    given: [],
    key: 'shop',
    plan: { reason: 'gone', chains: [], events: [] },
  },
});

transitions(serviceaccount, 'core/serviceaccounts', {
  'wakes the namespace of an account that was deleted': {
    given: [],
    old: serviceAccount(inShop),
    wakes: [{ key: 'shop' }],
  },
  'sleeps on when an account is made': { given: [], now: serviceAccount(inShop), wakes: [] },
  'sleeps on when an account changes': {
    given: [],
    old: serviceAccount(inShop),
    now: serviceAccount(inShop, { resourceVersion: '2' }),
    wakes: [],
  },
});
