import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';

const SCRIPT = `
  import { ensureBinaries } from ${JSON.stringify(join(import.meta.dirname, 'build.ts'))};
  const progress = (line) => console.error(line);
  console.log(JSON.stringify(await ensureBinaries(['etcd', 'kubectl'], { progress })));`;

/** Runs in a process of its own, since what it does depends on the environment. */
describe('ensureBinaries', () => {
  const home = mkdtempSync(join(tmpdir(), 'build-'));
  const bin = join(home, 'bin');
  const cache = join(home, 'cache');
  afterAll(() => rmSync(home, { recursive: true }));
  beforeEach(() => {
    for (const directory of [bin, cache]) rmSync(directory, { recursive: true, force: true });
    mkdirSync(bin);
  });

  const executable = (name: string, text = '') => {
    writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(bin, name), 0o755);
  };
  const run = async (extra: Record<string, string> = {}) => {
    const env = { PATH: `${bin}:/usr/bin:/bin`, HOME: home, XDG_CACHE_HOME: cache, ...extra };
    return promisify(execFile)(process.execPath, ['--input-type=module', '-e', SCRIPT], { env });
  };
  /** A `go` that answers and "builds" what it is asked for. */
  const fakeGo = `if [ "$1" = env ]; then echo go1.99; exit 0; fi
    while [ "$1" != -o ]; do shift; done; cp ${join(bin, 'go')} "$2"`;

  it('takes what KUBEBUILDER_ASSETS has', async () => {
    for (const name of ['etcd', 'kube-apiserver', 'kubectl']) executable(name);
    const { stdout } = await run({ KUBEBUILDER_ASSETS: bin });
    expect(JSON.parse(stdout)).toEqual({ etcd: join(bin, 'etcd'), kubectl: join(bin, 'kubectl') });
  });

  it('says what KUBEBUILDER_ASSETS lacks', async () => {
    await expect(run({ KUBEBUILDER_ASSETS: bin })).rejects.toThrow('has no executable etcd');
  });

  it('builds what is missing, tells, and takes it from the cache the next time', async () => {
    executable('kubectl');
    executable('go', fakeGo);
    const first = await run();
    expect(first.stderr).toContain('building etcd (go.etcd.io/etcd/server/v3)');
    const { etcd } = JSON.parse(first.stdout) as { etcd: string };
    expect(etcd).toMatch(/cache\/comptroller\/bin\/etcd-[0-9a-f]{16}\/etcd$/);
    const second = await run();
    expect(second).toEqual({ stdout: first.stdout, stderr: '' });
    expect(readdirSync(join(etcd, '..'))).toEqual(['etcd']);
  });

  it('says what is needed when the Go at hand cannot do it', async () => {
    executable('kubectl');
    executable('go', 'echo "go: go.mod requires go >= 1.26.0 (running go 1.20)" >&2; exit 1');
    await expect(run()).rejects.toThrow(/needs Go 1\.26\.0: install Go .*requires go >= 1\.26\.0/s);
  });

  it('shows the end of what a failed build said, and leaves nothing half-built', async () => {
    executable('kubectl');
    executable('go', 'if [ "$1" = env ]; then exit 0; fi; echo "disk full" >&2; exit 2');
    await expect(run()).rejects.toThrow(/building etcd: go build ended with 2\s+disk full/);
    const [folder = ''] = readdirSync(join(cache, 'comptroller/bin'));
    expect(readdirSync(join(cache, 'comptroller/bin', folder))).toEqual([]);
  });
});
