import { once } from 'node:events';
import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { CONTROLLERS } from '#controllers/registry.ts';
import type { Ms } from '#core/time.ts';
import { generationOf, readGenerations } from '#identity/generations.ts';
import { compileProfiles, type NamingMode } from '#identity/profiles.ts';
import type { RequestMessage } from '../wire.ts';
import { loadAuthority } from './authority.ts';
import { privateDirectory } from './files.ts';
import { type Issuer, issue } from './issue.ts';
import { type Notary, openNotary } from './notary.ts';
import { type Handler, serve } from './serve.ts';

export interface KeeperOptions {
  /** Unix socket; its directory is made 0700 and refused when others may enter it. */
  readonly socket: string;
  readonly caCert: string;
  /** PEM private key, EC or RSA, mode 0600. */
  readonly caKey: string;
  /** Where the checkpoint key, the signed origins and the generations live; 0700. */
  readonly stateDir: string;
  readonly mode: NamingMode;
  /** Wall clock. */
  readonly now: () => Ms;
}

export interface RunningKeeper {
  close(): Promise<void>;
}

/** Loads the keys, then listens. Throws with the file and the remedy when a key is not as it must be. */
export async function startKeeper(options: KeeperOptions): Promise<RunningKeeper> {
  privateDirectory(options.stateDir, "the keeper's state directory");
  privateDirectory(dirname(options.socket), "the socket's directory");
  const authority = loadAuthority(options.caCert, options.caKey, options.now());
  await refuseSecondKeeper(options.socket);
  const notary = openNotary(options.stateDir);
  const issuer: Issuer = {
    authority,
    profiles: new Map(compileProfiles(CONTROLLERS, options.mode).map((profile) => [profile.name, profile])),
    generation: generationReader(options.stateDir),
    now: options.now,
  };
  const { server, closeAll } = serve(handlerOf(issuer, notary));
  server.listen(options.socket);
  await once(server, 'listening');
  chmodSync(options.socket, 0o600);
  return {
    async close() {
      const closed = once(server, 'close');
      server.close();
      closeAll();
      await closed;
      notary.close();
    },
  };
}

function handlerOf(issuer: Issuer, notary: Notary): Handler {
  return async (request: RequestMessage) => {
    if (request.op === 'issue') return { certificate: await issue(issuer, request) };
    if (request.op === 'sign-checkpoint') return { signature: notary.sign(request.body) };
    return { ca: issuer.authority.pem, checkpointKey: notary.verifierKey };
  };
}

/** Read anew for each certificate, so that a revocation holds from the next one on; never goes back while we live (I16). */
function generationReader(stateDir: string): (identity: string) => number {
  const highest = new Map<string, number>();
  return (identity) => {
    const current = generationOf(readGenerations(stateDir), identity);
    if (current < (highest.get(identity) ?? 1)) {
      throw new Error(`issuing: the generation of ${identity} went back; restore generations.json`);
    }
    highest.set(identity, current);
    return current;
  };
}

/** A socket that answers belongs to a living keeper; one that does not is what a crash left. */
async function refuseSecondKeeper(socket: string): Promise<void> {
  const found = lstatSync(socket, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) throw new Error(`listening on ${socket}: something else lies there; give another socket`);
  const alive = await new Promise<boolean>((resolve) => {
    const probe = connect(socket);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
  if (alive) throw new Error(`listening on ${socket}: another keeper lives there; stop it, or give another socket`);
  unlinkSync(socket);
}
