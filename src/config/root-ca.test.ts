import 'reflect-metadata';
import { X509CertificateGenerator } from '@peculiar/x509';
import { beforeAll, describe, expect, test } from 'vitest';
import { rootCaOf } from './root-ca.ts';

let ca = '';
beforeAll(async () => {
  const keys = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
  ca = `${(await X509CertificateGenerator.createSelfSigned({ name: 'CN=ca', keys })).toString('pem')}\n`;
});

const FROM_KUBECONFIG = 'the CA of the kubeconfig';
const read = (text: () => string) => rootCaOf('/pki/ca.crt', FROM_KUBECONFIG, text);

describe('what is published as kube-root-ca.crt', () => {
  test('is the file as it is, words before and between its certificates included', () => {
    const bundle = `# the cluster\n${ca}\n# the one before\n${ca}`;
    expect(read(() => bundle)).toBe(bundle);
  });

  test('is the CA of the kubeconfig where no file is given', () => {
    const never = () => {
      throw new Error('reading a file that was not given');
    };
    expect(rootCaOf(undefined, FROM_KUBECONFIG, never)).toBe(FROM_KUBECONFIG);
  });

  test.each<[string, () => string, RegExp]>([
    ['an empty file', () => '', /holds no PEM certificate/],
    ['other text', () => 'hello', /holds no PEM certificate/],
    ['a certificate that is none', () => ca.replace(/\n.{20}/, '\n'), /holds no PEM certificate/],
    ['one that is cut off', () => `${ca}${ca.slice(0, 80)}`, /holds more than certificates/],
    ['a request beside it', () => `${ca}${ca.replaceAll('CERTIFICATE', 'NEW CERTIFICATE REQUEST')}`, /more than cert/],
    ['a private key beside it', () => `${ca}-----BEGIN ${'PRIVATE'} KEY-----\nhunter2`, /holds a private key/],
  ])('is never %s: the start is refused, and the flag named', (_, text, problem) => {
    expect(() => read(text)).toThrow(problem);
    expect(() => read(text)).toThrow(/^--root-ca-file: \/pki\/ca\.crt: /);
    expect(() => read(text)).not.toThrow(/hunter2/);
  });

  test('is no file that cannot be read', () => {
    const gone = () => {
      throw new Error('ENOENT');
    };
    expect(() => read(gone)).toThrow('--root-ca-file: /pki/ca.crt: it cannot be read; check that it exists');
  });
});
