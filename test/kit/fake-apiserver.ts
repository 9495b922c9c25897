import type { RequestListener } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { createSecureContext, type TLSSocket } from 'node:tls';
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { BasicConstraintsExtension, SubjectAlternativeNameExtension, X509CertificateGenerator } from '@peculiar/x509';
import type { Endpoint } from '#api/connections.ts';
import type { Credential, Identities } from '#identity/port.ts';

export interface FakeApiServer {
  readonly endpoint: Endpoint;
  readonly identities: Identities & { renew(identity: string): void };
  /** Connections that were opened, with the common name of the certificate each showed. */
  readonly connections: { readonly socket: TLSSocket; readonly user: string }[];
  /** Answers from now on. */
  handle(listener: RequestListener): void;
  close(): Promise<void>;
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** A self-signed certificate with its key, in PEM: its own CA. */
async function selfSigned(commonName: string): Promise<{ cert: string; key: string }> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      name: [{ CN: [commonName] }],
      serialNumber: '01',
      notBefore: new Date(Date.now() - 60_000),
      notAfter: new Date(Date.now() + 3_600_000),
      keys,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new SubjectAlternativeNameExtension([{ type: 'ip', value: '127.0.0.1' }]),
      ],
    },
    webcrypto as unknown as Crypto,
  );
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  const key = `-----BEGIN PRIVATE KEY-----\n${der.replace(/.{64}/g, '$&\n')}\n-----END PRIVATE KEY-----\n`;
  return { cert: certificate.toString('pem'), key };
}

/** HTTPS with client certificates in this process, for what a real API server cannot be made to do on demand. */
export async function fakeApiServer(): Promise<FakeApiServer> {
  const [served, first, second] = await Promise.all([selfSigned('server'), selfSigned('turn-1'), selfSigned('turn-2')]);
  const certificates = [first, second];
  let listener: RequestListener = (_request, response) => response.writeHead(404).end();
  const server = createServer(
    { ...served, requestCert: true, rejectUnauthorized: false, keepAliveTimeout: 60_000 },
    (request, response) => listener(request, response),
  );
  // Those that are still shaking hands too, which `closeAllConnections` does not know.
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket));
  const connections: FakeApiServer['connections'] = [];
  server.on('secureConnection', (socket) => {
    connections.push({ socket, user: String(socket.getPeerCertificate().subject?.CN) });
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  let turn = 1;
  const callbacks = new Set<(credential: Credential) => void>();
  const current = (identity: string): Credential => {
    const { cert, key } = certificates[(turn - 1) % 2] as { cert: string; key: string };
    const context = createSecureContext({ cert, key, ca: served.cert });
    return { identity, user: `turn-${turn}`, context, serial: '01', spki: '', notAfter: 0, turn };
  };
  return {
    endpoint: { server: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, version: '0.0.0' },
    identities: {
      current,
      onRenewal: (callback) => {
        callbacks.add(callback);
        return () => callbacks.delete(callback);
      },
      renew: (identity) => {
        turn++;
        for (const callback of callbacks) callback(current(identity));
      },
    },
    connections,
    handle: (next) => {
      listener = next;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
