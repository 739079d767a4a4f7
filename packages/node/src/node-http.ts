/**
 * Node's HTTP. An `import` of node:http touches all it exports, which loads the fetch and the WebSocket that
 * Node has built in: 40 ms of every command, 13 MiB of the daemon.
 */
export const { createServer, request } = process.getBuiltinModule('node:http');
export const { createServer: createSecureServer } = process.getBuiltinModule('node:https');
