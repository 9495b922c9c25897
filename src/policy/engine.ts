import * as sdk from '@open-policy-agent/opa-wasm';
import { ENTRYPOINT } from './manifest.ts';
import { MAX_PAGES } from './module.ts';
import { type Judgement, readResult } from './result.ts';

/** A compiled policy that judges one input after another, in the thread that made it. */
export interface Engine {
  /** JSON text in UTF-8. Never throws. */
  judge(input: ArrayBuffer): Judgement;
}

/** Memory never shrinks: an instance that grew beyond this is replaced. */
const RECYCLE_BYTES = 16 * 1024 * 1024;
/** The smallest text that can be an input. Falsy inputs, which the SDK takes for none, never get here. */
const SMALLEST = '{"version":""}'.length;

/** Throws an Error where the module is none of ours: another ABI, another entry point, or builtins of the host. */
export function createEngine(module: WebAssembly.Module, data: ArrayBuffer): Engine {
  let instance = load(module, data);
  const replace = (): void => {
    instance = load(module, data);
  };
  return {
    judge(input) {
      if (input.byteLength < SMALLEST) return { kind: 'error', code: 'POLICY_MALFORMED', micros: 0 };
      const start = performance.now();
      try {
        const results: unknown = instance.evaluate(input, ENTRYPOINT);
        const judgement = readResult(results, microsSince(start));
        if (instance.mem.buffer.byteLength > RECYCLE_BYTES) replace();
        return judgement;
      } catch {
        // The SDK throws strings, objects and traps alike, and leaves the instance in whatever state it was in.
        replace();
        return { kind: 'error', code: 'POLICY_UNDEFINED', micros: microsSince(start) };
      }
    },
  };
}

interface Loaded {
  evaluate(input: ArrayBuffer, entrypoint: string): unknown;
  setData(data: ArrayBuffer): void;
  readonly entrypoints: Record<string, number>;
  readonly mem: WebAssembly.Memory;
}
type LoadSync = (module: WebAssembly.Module, memory: { initial: number; maximum: number }) => Loaded;

/** The SDK's synchronous loader is in its default export only, which its types leave out. */
const { loadPolicySync } = (sdk as unknown as { default: { loadPolicySync: LoadSync } }).default;

function load(module: WebAssembly.Module, data: ArrayBuffer): Loaded {
  const policy = loadPolicySync(module, { initial: 5, maximum: MAX_PAGES });
  if (!Object.hasOwn(policy.entrypoints, ENTRYPOINT))
    throw new Error(`loading the policy: it has no entry point ${ENTRYPOINT}`);
  policy.setData(data);
  return policy;
}

/** Microseconds with one decimal. */
function microsSince(start: number): number {
  return Math.round((performance.now() - start) * 10_000) / 10;
}
