/** A port that wires come to, whatever they speak there: connections are counted, and end with it. */
import type { Server, Socket } from 'node:net';
import { addressGroupOf } from '../address-group.ts';
import type { BlobWire } from '../blob-wire.ts';
import { Admission, type AdmissionLimits } from './admission.ts';

export type WirePortOptions = AdmissionLimits & {
  /** @default all interfaces */
  readonly listenHost?: string | undefined;
  /** 0 for any free one. */
  readonly port: number;
  /** Why one who came was sent away; for counters and logs. */
  readonly onRefused?: ((error: Error) => void) | undefined;
};

export class WirePort {
  readonly admission: Admission;
  readonly #server: Server;
  readonly #options: WirePortOptions;
  readonly #connections = new Set<Socket>();
  readonly #wires = new Set<BlobWire>();
  #closed: Promise<void> | undefined;

  constructor(server: Server, options: WirePortOptions) {
    this.#server = server;
    this.#options = options;
    this.admission = new Admission(options);
    server.on('connection', (socket: Socket) => this.#onConnection(socket));
  }

  /** Rejects with the system's error. */
  async listen(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const { port, listenHost } = this.#options;
    this.#server.once('error', reject);
    this.#server.listen({ port, host: listenHost }, resolve);
    await promise;
    this.#server.off('error', reject);
    this.#server.on('error', (error) => this.refused(error));
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  get wires(): ReadonlySet<BlobWire> {
    return this.#wires;
  }

  /** Until it is closed. */
  addWire(wire: BlobWire): void {
    this.#wires.add(wire);
    void wire.closed.then(() => this.#wires.delete(wire));
  }

  refused(error: Error): void {
    this.#options.onRefused?.(error);
  }

  /** Takes nobody any more, closes all wires. Idempotent. */
  async close(): Promise<void> {
    this.#closed ??= this.#close();
    await this.#closed;
  }

  async #close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    await Promise.all([...this.#wires].map(async (wire) => wire.close()));
    for (const socket of this.#connections) socket.destroy();
    await promise;
  }

  #onConnection(socket: Socket): void {
    const leave = this.admission.come(addressGroupOf(socket.remoteAddress));
    if (leave === undefined) {
      socket.destroy();
      return;
    }
    this.#connections.add(socket);
    socket.once('close', () => {
      this.#connections.delete(socket);
      leave();
    });
  }
}
