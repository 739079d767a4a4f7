/**
 * Worker thread that keeps running SHA-256 digests of several byte streams. Bytes arrive in order
 * as transferred buffers; a buffer is handed back when the sender asked for it.
 */
import { createHash, type Hash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';

export type DigestRequest =
  | {
      readonly kind: 'update';
      readonly stream: number;
      readonly bytes: ArrayBuffer;
      readonly length: number;
    }
  | { readonly kind: 'so-far' | 'finish'; readonly stream: number };

export type DigestReply =
  | { readonly kind: 'updated'; readonly stream: number; readonly bytes: ArrayBuffer }
  | { readonly kind: 'digest'; readonly stream: number; readonly hex: string };

if (parentPort) {
  const port = parentPort;
  const hashes = new Map<number, Hash>();
  port.on('message', (request: DigestRequest) => {
    const hash = hashes.get(request.stream) ?? createHash('sha256');
    if (request.kind === 'update') {
      hashes.set(request.stream, hash);
      hash.update(new Uint8Array(request.bytes, 0, request.length));
      const reply: DigestReply = { kind: 'updated', stream: request.stream, bytes: request.bytes };
      port.postMessage(reply, [request.bytes]);
      return;
    }
    const isLast = request.kind === 'finish';
    if (isLast) hashes.delete(request.stream);
    const reply: DigestReply = {
      kind: 'digest',
      stream: request.stream,
      hex: (isLast ? hash : hash.copy()).digest('hex'),
    };
    port.postMessage(reply);
  });
}
