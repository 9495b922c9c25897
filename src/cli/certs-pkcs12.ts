import { createPrivateKey, X509Certificate } from 'node:crypto';
import { closeSync, fstatSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { Command } from 'commander';
import forge from 'node-forge';

interface Options {
  readonly cert: string;
  readonly key: string;
  readonly passwordFile: string;
  readonly out: string;
  readonly name?: string;
}

const MAX_BYTES = 64 * 1024;
const LEAST_PASSWORD = 12;

/** `comptroller certs pkcs12`: packs an auditor's certificate and RSA key for a browser. Never runs beside the controllers. */
export function pkcs12Command(): Command {
  return new Command('pkcs12')
    .description("packs an auditor's certificate and RSA key into a PKCS#12 file, as browsers import them")
    .requiredOption('--cert <file>', 'PEM of the certificate, its issuers after it')
    .requiredOption('--key <file>', 'PEM of its RSA key, unencrypted, mode 0600')
    .requiredOption(
      '--password-file <file>',
      `the password of the new file, at least ${LEAST_PASSWORD} characters, mode 0600`,
    )
    .requiredOption('--out <file>', 'the new file; it must not exist')
    .option('--name <text>', 'how the browser shows it')
    .action((options: Options) => writeFileSync(options.out, pack(options), { flag: 'wx', mode: 0o600 }));
}

/** Throws an Error that names the option and the remedy; nothing is written then. */
export function pack({ cert, key, passwordFile, name = 'Comptroller auditor' }: Omit<Options, 'out'>): Buffer {
  const pem = readBounded(cert, '--cert', false);
  const keyPem = readBounded(key, '--key', true);
  const password = readBounded(passwordFile, '--password-file', true).replace(/\r?\n$/, '');
  if (password.length < LEAST_PASSWORD)
    throw new Error(`--password-file: the password has ${password.length} characters; give at least ${LEAST_PASSWORD}`);
  const certificates = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
  const [leaf] = certificates;
  if (leaf === undefined) throw new Error('--cert: no certificate in it; give PEM');
  checkPair(leaf, keyPem);
  const asn1 = forge.pkcs12.toPkcs12Asn1(
    forge.pki.privateKeyFromPem(createPrivateKey(keyPem).export({ type: 'pkcs1', format: 'pem' }).toString()),
    certificates.map((one) => forge.pki.certificateFromPem(one)),
    password,
    { algorithm: 'aes256', count: 100_000, saltSize: 16, friendlyName: name.slice(0, 128) },
  );
  return Buffer.from(forge.asn1.toDer(asn1).getBytes(), 'binary');
}

/** Parsing and matching is OpenSSL's work, not node-forge's: it only writes the container. */
function checkPair(leaf: string, keyPem: string): void {
  const certificate = new X509Certificate(leaf);
  const key = createPrivateKey(keyPem);
  if (key.asymmetricKeyType !== 'rsa')
    throw new Error(`--key: a key of type ${key.asymmetricKeyType}; PKCS#12 is made for RSA keys only`);
  if (!certificate.checkPrivateKey(key)) throw new Error('--key: it is not the key of the certificate in --cert');
}

function readBounded(path: string, option: string, secret: boolean): string {
  const file = openSync(path, 'r');
  try {
    const { size, mode } = fstatSync(file);
    if (size > MAX_BYTES) throw new Error(`${option}: ${size} bytes; at most ${MAX_BYTES} are read`);
    if (secret && (mode & 0o077) !== 0)
      throw new Error(`${option}: mode ${(mode & 0o777).toString(8)}, others could read it; run chmod 600 on it`);
    return readFileSync(file, 'utf8');
  } finally {
    closeSync(file);
  }
}
