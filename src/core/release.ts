/** Comptroller's own version, and the Kubernetes release whose behaviour it has. */
export const VERSION = '0.1.0';
export const KUBERNETES = 'v1.37.1';
