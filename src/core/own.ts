/** Comptroller's own namespace, and how everything cluster-scoped that is its own is named (I14). */
export const OWN_NAMESPACE = 'comptroller-system';
const OWN_NAMES = /^comptroller[:-]|\.comptroller\.dev$/;

/** Whether a cluster-scoped object of that name is Comptroller's own: no controller plans to touch it, the gate refuses. */
export function isOwnName(name: string): boolean {
  return OWN_NAMES.test(name);
}
