/**
 * A registry whose blobs lie in an object store: blob reads are redirected to another host with a
 * signature that ends, as S3 does it, and the store refuses requests that carry an authorization.
 */
import { createHash } from 'node:crypto';
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { closeServer, listenOnLoopback } from '../loopback-server.ts';
import type { TestScope } from '../test-scope.ts';
import { isBlobRead } from './faults.ts';

export class PresigningProxy {
  /** `127.0.0.1:PORT`, in place of the registry's. */
  readonly host: string;
  /** Blob reads that were redirected. */
  redirects = 0;
  /** Requests the store served. */
  served = 0;
  /** Requests the store refused because their signature had ended. */
  refused = 0;
  /** Authorizations that reached the store; must stay empty. */
  readonly leaked: string[] = [];
  /** What requests to the registry were authorized with. */
  readonly authorizations = new Set<string>();
  readonly #upstream: string;
  readonly #servers: readonly Server[];
  /** The store asks the registry as whoever was redirected, and strangers are not redirected. */
  isForUsersOnly = false;
  /** The store hangs up on whoever comes with a signature. */
  isStoreBroken = false;
  /** Signatures that were handed out. */
  readonly signatures = new Set<string>();
  /** `localhost:PORT`, where blobs are. */
  readonly storeHost: string;
  /** By path: the store is the registry's own, and asks it as whoever was redirected. */
  readonly #authorized = new Map<string, string | undefined>();
  #signatures = 1;

  private constructor(upstream: string, servers: readonly Server[], ports: readonly number[]) {
    this.#upstream = upstream;
    this.#servers = servers;
    this.host = `127.0.0.1:${ports[0]}`;
    this.storeHost = `localhost:${ports[1]}`;
  }

  static async listen(t: TestScope, upstream: string): Promise<PresigningProxy> {
    const [front, store] = [createServer(), createServer()];
    const ports = [await listenOnLoopback(front), await listenOnLoopback(store)];
    const proxy = new PresigningProxy(upstream, [front, store], ports);
    front.on('request', (request, response) => proxy.#front(request, response));
    store.on('request', (request, response) => proxy.#store(request, response));
    t.teardown(() => proxy.close());
    return proxy;
  }

  /** Ends every signature given so far. */
  expireAll(): void {
    this.#signatures++;
  }

  /** The one that counts now, which nobody could guess. */
  get signature(): string {
    return createHash('sha256').update(`${this.host} ${this.#signatures}`).digest('hex');
  }

  #front(request: IncomingMessage, response: ServerResponse): void {
    const { authorization } = request.headers;
    if (authorization !== undefined) this.authorizations.add(authorization);
    // The registry itself tells who has not said who he is, where it wants to know.
    const isStranger = authorization === undefined && this.isForUsersOnly;
    if (!isBlobRead(request) || isStranger) {
      this.#passOn(request, response);
      return;
    }
    request.resume();
    this.redirects++;
    this.#authorized.set(request.url ?? '', authorization);
    this.signatures.add(this.signature);
    const location = `http://${this.storeHost}${request.url}?signature=${this.signature}`;
    response.writeHead(307, { location, 'content-length': '0' });
    response.end();
  }

  #store(request: IncomingMessage, response: ServerResponse): void {
    if (this.isStoreBroken) {
      request.socket.destroy();
      return;
    }
    const { authorization } = request.headers;
    if (authorization !== undefined) this.leaked.push(authorization);
    if (!request.url?.endsWith(`?signature=${this.signature}`)) {
      request.resume();
      this.refused++;
      response.writeHead(403, { 'content-type': 'application/xml' });
      response.end('<Error><Code>AccessDenied</Code></Error>');
      return;
    }
    this.served++;
    const [path = ''] = request.url.split('?');
    this.#passOn(request, response, this.isForUsersOnly ? this.#authorized.get(path) : undefined);
  }

  #passOn(request: IncomingMessage, response: ServerResponse, authorization?: string): void {
    const [hostname, port] = this.#upstream.split(':');
    const { method, url: path } = request;
    const headers = {
      ...request.headers,
      ...(authorization === undefined ? {} : { authorization }),
    };
    const forwarded = httpRequest(
      { hostname, port, method, path, headers, agent: false },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      },
    );
    forwarded.on('error', () => response.destroy());
    response.on('close', () => forwarded.destroy());
    request.pipe(forwarded);
  }

  async close(): Promise<void> {
    await Promise.all(this.#servers.map(closeServer));
  }
}
