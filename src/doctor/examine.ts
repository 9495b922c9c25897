import type { Controller } from '#core/controller.ts';
import { renderManifests } from '#identity/manifests.ts';
import { FLEET_GROUP, identityNames } from '#identity/profiles.ts';
import { beyondSight } from './checks/beyond.ts';
import { checkBundle, checkLedger } from './checks/books.ts';
import { checkCa, checkProcess } from './checks/certificates.ts';
import { checkFiles } from './checks/files.ts';
import { checkLeases } from './checks/lease.ts';
import { checkObjects, checkStrayBindings, checkTypes } from './checks/objects.ts';
import { checkClock, checkServer, checkServerCa } from './checks/server.ts';
import { checkUpstreamBindings } from './checks/upstream.ts';
import { unknown } from './finding.ts';
import type { Facts, Finding } from './port.ts';

/** All checks over what was gathered, in the order to read them. Pure. */
export function examine(facts: Facts, controllers: readonly Controller[], kubernetes: string): Finding[] {
  return [
    checkServer(facts, kubernetes),
    checkServerCa(facts),
    checkClock(facts),
    ...checkCa(facts),
    ...checkProcess(facts, identityNames(controllers)),
    ...checkFiles(facts),
    ...checkCluster(facts, controllers),
    ...checkUpstreamBindings(facts, controllers),
    ...checkBundle(facts),
    ...checkLedger(facts),
    ...checkLeases(facts),
    ...beyondSight(),
  ];
}

function checkCluster(facts: Facts, controllers: readonly Controller[]): Finding[] {
  const { generations, setting } = facts;
  if (!generations.ok)
    return [
      unknown(
        'roles',
        `the generations that roles are bound to: ${generations.why}`,
        'run doctor as the user that Comptroller runs as, on its host',
      ),
    ];
  const files = renderManifests(controllers, { mode: setting.namingMode, generations: generations.value });
  return [
    ...checkObjects(facts, files),
    ...checkStrayBindings(facts, files, identityNames(controllers), FLEET_GROUP),
    ...checkTypes(facts, files),
  ];
}

/** 0: all is well; 1: something is wrong; 2: something could not be decided that could have been. Warnings are well. */
export function exitCodeOf(findings: readonly Finding[]): 0 | 1 | 2 {
  if (findings.some(({ verdict }) => verdict === 'fail')) return 1;
  return findings.some(({ verdict, outside }) => verdict === 'unknown' && outside !== true) ? 2 : 0;
}
