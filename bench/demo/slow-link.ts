/** A rate-limited link: a TCP relay in front of a server that counts and paces what comes back. */
import { createConnection, createServer, type Socket } from 'node:net';

export type SlowLinkOptions = {
  /** `host:port` of the server behind the link. */
  readonly upstream: string;
  /** Payload bytes per second towards the client, all connections together. */
  readonly bytesPerSecond: number;
};

/** Bytes are released in slices of this size so that many connections share the link fairly. */
const SLICE_BYTES = 16 * 1024;

export class SlowLink implements AsyncDisposable {
  readonly host: string;
  /** Bytes that went to clients so far, headers included. */
  bytesMoved = 0;
  readonly #options: SlowLinkOptions;
  readonly #server;
  readonly #sockets = new Set<Socket>();
  /** When the link is free again, by performance.now(). */
  #freeAt = 0;

  private constructor(options: SlowLinkOptions, server: ReturnType<typeof createServer>) {
    this.#options = options;
    this.#server = server;
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    this.host = `127.0.0.1:${port}`;
    server.on('connection', (client) => this.#relay(client));
  }

  static async listen(options: SlowLinkOptions): Promise<SlowLink> {
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', resolve);
    });
    return new SlowLink(options, server);
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #relay(client: Socket): void {
    const [host, port] = this.#options.upstream.split(':');
    const server = createConnection({ host: host ?? '127.0.0.1', port: Number(port) });
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('close', () => this.#sockets.delete(socket));
    }
    // The server may be done long before its bytes are through: only an error of it ends the client.
    server.on('error', () => client.destroy());
    client.on('error', () => client.destroy());
    client.on('close', () => server.destroy());
    client.pipe(server, { end: true });
    void this.#pace(server, client);
  }

  async #pace(server: Socket, client: Socket): Promise<void> {
    try {
      for await (const bytes of server) {
        if (!(bytes instanceof Uint8Array)) continue;
        for (let at = 0; at < bytes.length; at += SLICE_BYTES) {
          const slice = bytes.subarray(at, at + SLICE_BYTES);
          await this.#waitForTurn(slice.length);
          this.bytesMoved += slice.length;
          if (!client.write(slice)) await drained(client);
        }
      }
      client.end();
    } catch {
      client.destroy();
    }
  }

  async #waitForTurn(length: number): Promise<void> {
    const now = performance.now();
    const start = Math.max(now, this.#freeAt);
    this.#freeAt = start + (length / this.#options.bytesPerSecond) * 1000;
    const waitMs = this.#freeAt - now;
    // Timers are no finer than a millisecond; the debt is kept in #freeAt, so no time is lost.
    if (waitMs > 1) await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('drain', resolve);
    socket.once('close', () => reject(new Error('closed')));
  });
}
