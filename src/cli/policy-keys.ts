import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { openBundle, signBundle } from '#policy/bundle.ts';
import {
  checkKid,
  newKeyPair,
  readPrivateKey,
  readPublicKey,
  type SigningAlgorithm,
  verifyingKeys,
  writeKey,
} from '#policy/keys.ts';
import { bundleOption, say } from './policy-options.ts';

export function keyCommands(): readonly Command[] {
  const keygen = new Command('keygen')
    .description('make a pair of signing keys: <kid>.key.json (0600) and <kid>.pub.json')
    .requiredOption('--kid <name>', 'name of the key, as the configuration will know it')
    .requiredOption('--out <dir>', 'where both files go; the directory is made with mode 0700')
    .addOption(new Option('--alg <name>', 'signature algorithm').choices(['EdDSA', 'ES256']).default('EdDSA'))
    .action(keygenAction);
  const sign = new Command('sign')
    .description('sign a bundle; several keys may sign the same one')
    .addOption(bundleOption())
    .requiredOption('--key <file>', 'private key: JWK or PKCS#8 PEM, mode 0600')
    .option('--kid <name>', "default: the key file's own")
    .option('--expires <time>', 'RFC 3339; from then on the signature activates nothing', parseTime)
    .action(signAction);
  const verify = new Command('verify')
    .description('verify digests and signatures of a bundle as `comptroller run` does')
    .addOption(bundleOption())
    .requiredOption('--key <file...>', 'public JWK')
    .option('--quorum <n>', 'how many different keys must have signed', Number, 1)
    .option('--min-version <n>', 'the lowest version that is accepted', Number, 1)
    .action(verifyAction);
  return [keygen, sign, verify];
}

function keygenAction({ kid, out, alg }: { kid: string; out: string; alg: SigningAlgorithm }): void {
  const { privateJwk, publicJwk } = newKeyPair(kid, alg);
  writeKey(join(out, `${kid}.key.json`), privateJwk, true);
  writeKey(join(out, `${kid}.pub.json`), publicJwk, false);
  say(`wrote ${join(out, `${kid}.key.json`)} (keep it secret) and ${join(out, `${kid}.pub.json`)}`);
}

async function signAction({
  bundle,
  key,
  kid,
  expires,
}: {
  bundle: string;
  key: string;
  kid?: string;
  expires?: number;
}): Promise<void> {
  const secret = readPrivateKey(key);
  const name = checkKid(kid ?? secret.kid);
  await signBundle(bundle, secret.key, name, { now: Date.now(), ...(expires !== undefined && { expires }) });
  say(`signed ${bundle} with ${name}`);
}

async function verifyAction(flags: {
  bundle: string;
  key: string[];
  quorum: number;
  minVersion: number;
}): Promise<void> {
  const keys = verifyingKeys(flags.key.map(readPublicKey));
  const { id } = await openBundle(flags.bundle, {
    keys,
    quorum: flags.quorum,
    minVersion: flags.minVersion,
    now: Date.now(),
  });
  say(`version ${id.version}, digest ${id.digest}: signed as needed`);
}

function parseTime(text: string): number {
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw new InvalidArgumentError('it must be an RFC 3339 time such as 2027-01-01T00:00:00Z');
  return time;
}
