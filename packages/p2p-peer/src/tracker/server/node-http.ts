/**
 * Node's HTTP. An `import` of node:http touches all it exports, which loads the fetch and the WebSocket
 * that Node has built in.
 */
export const { createServer } = process.getBuiltinModule('node:http');
export const { createServer: createSecureServer } = process.getBuiltinModule('node:https');
