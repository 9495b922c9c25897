const PAGE = 64 * 1024;
/** 64 MiB: an input of 2 MiB needs about half, the largest that is judged three quarters. */
export const MAX_PAGES = 1024;

/** Throws unless the module imports exactly what the SDK offers, and no builtin of the host is needed. */
export function checkModule(module: WebAssembly.Module): void {
  const foreign = WebAssembly.Module.imports(module).filter(
    ({ module: from, name }) => from !== 'env' || !OFFERED.has(name),
  );
  if (foreign.length > 0)
    throw new Error(`loading the policy: it imports ${foreign.length} things that no host offers`);
  const memory = new WebAssembly.Memory({ initial: 5, maximum: MAX_PAGES });
  const refuse = (): never => {
    throw new Error('loading the policy: it calls the host while it is loaded');
  };
  const env = Object.fromEntries([...OFFERED].map((name) => [name, name === 'memory' ? memory : refuse]));
  const { exports } = new WebAssembly.Instance(module, { env });
  const builtins = exports.builtins as () => number;
  const dump = exports.opa_json_dump as (address: number) => number;
  if (textAt(memory, dump(builtins())) !== '{}') {
    throw new Error('loading the policy: it needs builtins of the host; build it with policies/capabilities.json');
  }
}

const OFFERED: ReadonlySet<string> = new Set([
  'memory',
  'opa_abort',
  'opa_println',
  'opa_builtin0',
  'opa_builtin1',
  'opa_builtin2',
  'opa_builtin3',
  'opa_builtin4',
]);

function textAt(memory: WebAssembly.Memory, address: number): string {
  const bytes = new Uint8Array(memory.buffer, address, PAGE);
  return new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));
}
