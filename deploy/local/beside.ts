/** Upstream's manager for everything that Comptroller does not do yet. */

/**
 * Flags for upstream's kube-controller-manager beside Comptroller: all of its controllers but these, which are named as
 * in `src/controllers/registry.ts`, under a lease of its own. Upstream's names are ours with a suffix; it refuses a
 * name that it does not know, so the two lists cannot drift apart in silence.
 */
export function besideFlags(controllers: readonly { readonly name: string }[]): readonly string[] {
  const handedOver = controllers.map(({ name }) => `-${name}-controller`);
  return [
    `--controllers=${['*', 'bootstrap-signer-controller', 'token-cleaner-controller', ...handedOver].join(',')}`,
    '--leader-elect-resource-name=kube-controller-manager-beside-comptroller',
  ];
}
