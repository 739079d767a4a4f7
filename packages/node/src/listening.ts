/** Servers of the daemon at a TCP address, for programs that do not use the control socket. */
import type { Server } from 'node:http';
import type { HostPort } from '@shoal/oci/host-port';

/** Throws what keeps it from listening there. */
export async function listenAt(server: Server, { host, port }: HostPort): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(port, host, resolve);
  await promise;
}

/** Where it listens: with the port that the system chose for 0. */
export function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Whoever is connected then; what is asked there may be asked again. */
export async function closeAtOnce(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  server.closeAllConnections();
  await promise;
}
