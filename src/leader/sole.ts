import type { Epoch, Fence } from './port.ts';

/**
 * `--leader-elect=false`: the operator answers for it that no other replica runs. There is no lease that could run out,
 * so the fence is always open until it is closed for the shutdown.
 */
export function createSoleLeader(identity: string): { readonly fence: Fence; readonly close: () => void } {
  let epoch: Epoch | undefined = { lease: '', transitions: 0, holder: identity };
  return {
    fence: { epoch: () => epoch, admits: () => epoch !== undefined },
    close: () => {
      epoch = undefined;
    },
  };
}
