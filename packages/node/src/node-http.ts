/**
 * Node's HTTP. An `import` of node:http touches all it exports, which loads the fetch and the WebSocket that
 * Node has built in: 40 ms of every command, 13 MiB of the daemon.
 */
import type { Server } from 'node:http';

export const { createServer, request } = process.getBuiltinModule('node:http');
export const { createServer: createSecureServer, request: secureRequest } =
  process.getBuiltinModule('node:https');

/**
 * Of a server that outlives what goes wrong while it accepts somebody, such as a lack of descriptors: the
 * next one may get in. Without a listener such an error ends the process.
 */
export function goOnAfterErrors(server: Server): void {
  server.on('error', () => undefined);
}
