/** The HTTP/2 connection to containerd's socket: made when it is needed, made again when it is lost. */
import { type ClientHttp2Session, connect } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { UPSTREAM_CONNECT_TIMEOUT_MS } from '../limits.ts';

export class UpstreamConnection {
  readonly #socketPath: string;
  #session: Promise<ClientHttp2Session> | undefined;
  /** Also those that take no new calls and still have some. */
  readonly #open = new Set<ClientHttp2Session>();
  #isClosed = false;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  /** Throws what the socket reports. */
  session(): Promise<ClientHttp2Session> {
    if (this.#session !== undefined) return this.#session;
    if (this.#isClosed) return Promise.reject(new Error('the daemon is stopping'));
    const made = this.#connect(() => {
      // a later one may be there already
      if (this.#session === made) this.#session = undefined;
    });
    this.#session = made;
    return made;
  }

  async #connect(onLost: () => void): Promise<ClientHttp2Session> {
    const { promise, resolve, reject } = Promise.withResolvers<ClientHttp2Session>();
    const socket = connectSocket(this.#socketPath);
    const session = connect('http://localhost', { createConnection: () => socket });
    this.#open.add(session);
    session.once('close', () => this.#open.delete(session));
    const timer = setTimeout(
      () => session.destroy(new Error('no connection in time')),
      UPSTREAM_CONNECT_TIMEOUT_MS,
    );
    session.once('connect', () => resolve(session));
    session.on('error', reject);
    const forget = () => {
      clearTimeout(timer);
      onLost();
      reject(new Error('the connection was closed'));
    };
    session.once('close', forget);
    session.once('goaway', forget);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Calls that run are cut. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const session of this.#open) session.destroy();
    await this.#session?.catch(() => undefined);
  }
}
