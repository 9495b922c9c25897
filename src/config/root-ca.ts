import { X509Certificate } from 'node:crypto';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/**
 * What is published as `kube-root-ca.crt`: the file as it is, else what the kubeconfig verifies the API server by. What the
 * policy would refuse later, in each namespace, is told here. Throws an Error that names the flag, the file and the remedy,
 * and holds nothing of the file.
 */
export function rootCaOf(file: string | undefined, ofKubeconfig: string, readFile: (path: string) => string): string {
  if (file === undefined) return ofKubeconfig;
  const pem = textOf(file, readFile);
  const problem = problemOf(pem);
  if (problem !== undefined) throw new Error(`--root-ca-file: ${file}: ${problem}`);
  return pem;
}

function textOf(file: string, readFile: (path: string) => string): string {
  try {
    return readFile(file);
  } catch {
    throw new Error(`--root-ca-file: ${file}: it cannot be read; check that it exists and who may read it`);
  }
}

function problemOf(pem: string): string | undefined {
  if (pem.includes('PRIVATE KEY')) return 'it holds a private key; give a file of certificates alone';
  const certificates = pem.match(CERTIFICATE) ?? [];
  if (certificates.length === 0 || !certificates.every(isCertificate))
    return 'it holds no PEM certificate, or one that cannot be read; give the CA that verifies the API server';
  const blocks = pem.split('-----BEGIN ').length - 1;
  return blocks === certificates.length
    ? undefined
    : 'it holds more than certificates; give a file of certificates alone';
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}
