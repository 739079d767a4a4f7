/** Servers of one test on a free port of 127.0.0.1. */
import type { Server as HttpServer } from 'node:http';
import type { Server, Socket } from 'node:net';
import type { TestScope } from './test-scope.ts';

/** Starts it until the test ends, whoever is connected then; gives its `127.0.0.1:PORT`. */
export async function serveOnLoopback(t: TestScope, server: Server): Promise<string> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  const port = await listenOnLoopback(server);
  t.teardown(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return `127.0.0.1:${port}`;
}

/** Starts it and gives its port. */
export function listenOnLoopback(server: Server): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.once('error', reject);
  server.listen(0, '127.0.0.1', () => {
    const address = server.address();
    if (typeof address === 'object' && address !== null) resolve(address.port);
  });
  return promise;
}

/** Ends it, whoever is connected; one that has ended may be ended again. */
export async function closeServer(server: HttpServer): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await closed;
}
