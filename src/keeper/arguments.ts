import type { NamingMode } from '#identity/profiles.ts';

/** What a keeper process is started with; plain values, because they cross a command line. */
export interface KeeperSettings {
  readonly socket: string;
  readonly caCert: string;
  readonly caKey: string;
  readonly stateDir: string;
  readonly mode: NamingMode;
}

export function keeperArguments(settings: KeeperSettings, withParent: boolean): string[] {
  const { socket, caCert, caKey, stateDir, mode } = settings;
  const words = ['--socket', socket, '--ca-cert', caCert, '--ca-key', caKey, '--state-dir', stateDir, '--mode', mode];
  return withParent ? [...words, '--with-parent'] : words;
}
