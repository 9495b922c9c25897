import { outside } from '../finding.ts';
import type { Finding } from '../port.ts';

/** The command that shows the flags of a static or plain API server. */
const FLAGS = "ps -ww -o args= -C kube-apiserver | tr ' ' '\\n' | grep -E";

/** What no client of an API server can see; what to look at on its host. */
export function beyondSight(): Finding[] {
  return [
    outside(
      'audit-log',
      "the API server's audit log and its policy cannot be seen from outside",
      `on its host: ${FLAGS} '^--audit-(log-path|policy-file|webhook)'; each request of group comptroller:controllers must be at level Metadata at least. Then: comptroller ledger completeness`,
    ),
    outside(
      'owner-references',
      'whether the admission plugin OwnerReferencesPermissionEnforcement is on cannot be seen from outside',
      `on its host: ${FLAGS} '^--(enable|disable)-admission-plugins'; with it, nobody blocks the deletion of an owner that they may not change. Comptroller's roles hold what it asks for`,
    ),
  ];
}
