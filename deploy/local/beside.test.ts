import { expect, test } from 'vitest';
import { besideFlags } from './beside.ts';

test("takes away what Comptroller does, by upstream's names, under a lease of its own", () => {
  expect(besideFlags([{ name: 'replicaset' }, { name: 'pod-garbage-collector' }])).toEqual([
    '--controllers=*,bootstrap-signer-controller,token-cleaner-controller,-replicaset-controller,-pod-garbage-collector-controller',
    '--leader-elect-resource-name=kube-controller-manager-beside-comptroller',
  ]);
});
