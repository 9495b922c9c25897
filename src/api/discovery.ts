import { TransportError } from './failure.ts';
import type { Reader } from './port.ts';

export interface ServerVersion {
  readonly gitVersion: string;
  readonly major: string;
  readonly minor: string;
}

/** The API server's version. Throws a TransportError when it gives none. */
export async function serverVersion(reader: Reader, identity: string): Promise<ServerVersion> {
  const { status, body } = await reader.get(identity, '/version', { timeout: 10_000 });
  const { gitVersion, major, minor } = (body ?? {}) as Partial<ServerVersion>;
  if (status !== 200 || typeof gitVersion !== 'string' || typeof major !== 'string' || typeof minor !== 'string')
    throw new TransportError('malformed');
  return { gitVersion, major, minor };
}
