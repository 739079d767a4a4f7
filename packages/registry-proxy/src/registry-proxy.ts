/**
 * The pull side of a registry in front of others: an HTTP server that routes, asks, remembers and
 * sends. Nothing can be written through it.
 */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { CodecPool } from '@shoal/blob-store/codec-pool';
import { refusalOf } from './answer/failure.ts';
import { isRefusal, refusal } from './answer/refusal.ts';
import { Reply } from './answer/reply.ts';
import { BlobReads } from './blobs/blob-reads.ts';
import { BlobSender } from './blobs/blob-sender.ts';
import { ReadSizes } from './blobs/read-sizes.ts';
import { type BlobSourceFactory, type OriginShape, SourceShelf } from './blobs/source-shelf.ts';
import { ManifestCache } from './cache/manifest-cache.ts';
import type { Clock } from './clock.ts';
import { ClientGoneError } from './errors.ts';
import { openProxyServer, type ProxyServer } from './http/proxy-server.ts';
import { HASH_IDLE_MS, HASH_THREADS_MAX, MANIFEST_DISK_BYTES_MAX } from './limits.ts';
import { openMemories } from './memories.ts';
import { eventOf, type ProxyEvent } from './proxy-event.ts';
import { openRequest } from './request/proxy-request.ts';
import { checkRequest } from './request/request-checks.ts';
import { parseTarget, type Target } from './request/target.ts';
import { nextVia } from './request/via.ts';
import { sendYes } from './routes/ping-route.ts';
import { Routes } from './routes/routes.ts';
import { Router } from './upstream/router.ts';
import { Upstream } from './upstream/upstream.ts';
import { checkUpstreams, type UpstreamOptions } from './upstream/upstream-options.ts';

export type RegistryProxyOptions = {
  /** Address to listen at. @default '127.0.0.1' */
  readonly host?: string | undefined;
  /** @default 4001; 0 takes any that is free */
  readonly port?: number | undefined;
  readonly upstreams: readonly UpstreamOptions[];
  /** Name of the upstream for what names none. @default docker.io, or the only one */
  readonly standard?: string | undefined;
  /** Where manifests are kept beside the memory; made when it is not there. @default nowhere */
  readonly manifestDirectory?: string | undefined;
  /** @default MANIFEST_DISK_BYTES_MAX */
  readonly manifestBytesMax?: number | undefined;
  /** What blobs are asked of before their registry. @default nothing */
  readonly blobSource?: BlobSourceFactory | undefined;
  /** So many times as patient with `blobSource` as a host that has not more to do than it can. @default 1 */
  readonly patienceTimes?: (() => number) | undefined;
  /** What every read of a blob from its registry goes through. @default nothing */
  readonly shapeOrigin?: OriginShape | undefined;
  /** Told of every request once it is answered. */
  readonly onRequest?: ((event: ProxyEvent) => void) | undefined;
  /** @default `performance.now()` */
  readonly clock?: Clock | undefined;
};

/** What is known of a request so far, for the log. */
type Asked = { target: Target | undefined; upstream: string | undefined };

export class RegistryProxy implements AsyncDisposable {
  readonly #id = randomBytes(8).toString('hex');
  readonly #router: Router;
  readonly #routes: Routes;
  readonly #manifests: ManifestCache;
  readonly #shelf: SourceShelf;
  readonly #reads: BlobReads;
  readonly #codecs = new CodecPool({ threads: HASH_THREADS_MAX, idleMs: HASH_IDLE_MS });
  readonly #onRequest: (event: ProxyEvent) => void;
  #server: ProxyServer | undefined;
  #closing: Promise<void> | undefined;

  private constructor(options: RegistryProxyOptions, manifests: ManifestCache) {
    const clock = options.clock ?? (() => performance.now());
    const upstreams = options.upstreams.map((upstream) => new Upstream(upstream, this.#id, clock));
    this.#router = new Router(upstreams, options.standard);
    this.#manifests = manifests;
    this.#shelf = new SourceShelf(options, clock);
    this.#reads = new BlobReads(this.#shelf, options.patienceTimes);
    const sender = new BlobSender({ reads: this.#reads, sizes: new ReadSizes() }, this.#codecs);
    this.#routes = new Routes(openMemories(manifests, clock), sender, upstreams.length);
    this.#onRequest = options.onRequest ?? (() => undefined);
  }

  /** Throws `ERR_REGISTRY_PROXY_CONFIG`, `ERR_REGISTRY_PROXY_LISTEN`, and what the directory throws. */
  static async listen(options: RegistryProxyOptions): Promise<RegistryProxy> {
    checkUpstreams(options.upstreams, options.standard);
    const { manifestDirectory, manifestBytesMax = MANIFEST_DISK_BYTES_MAX } = options;
    const manifests = await ManifestCache.open(manifestDirectory, manifestBytesMax);
    const proxy = new RegistryProxy(options, manifests);
    try {
      proxy.#server = await openProxyServer(options, (message, response, hangUp) =>
        proxy.#serve(message, response, hangUp),
      );
    } catch (error) {
      await proxy.close();
      throw error;
    }
    return proxy;
  }

  /** `127.0.0.1:PORT`. */
  get host(): string {
    return this.#server?.host ?? '';
  }

  /** Names of the registries that are mirrored. */
  get upstreams(): readonly string[] {
    return this.#router.all.map(({ name }) => name);
  }

  /** Parts of blobs that are being read at this moment. */
  get readsUnderWay(): number {
    return this.#reads.underWay;
  }

  async #serve(
    message: IncomingMessage,
    response: ServerResponse,
    hangUp: () => void,
  ): Promise<void> {
    const started = performance.now();
    const reply = new Reply(response, message.method === 'HEAD');
    const gone = new AbortController();
    response.once('close', () => {
      if (!response.writableFinished) gone.abort(new ClientGoneError());
    });
    const asked: Asked = { target: undefined, upstream: undefined };
    let failure: unknown;
    try {
      const wrong = checkRequest(message);
      if (wrong === undefined) await this.#answer(message, reply, gone.signal, asked);
      else {
        hangUp();
        reply.refuse(wrong);
      }
    } catch (error) {
      failure = error;
      if (reply.isStarted || gone.signal.aborted) reply.cut();
      else reply.refuse(refusalOf(error));
    }
    const { method = '' } = message;
    const durationMs = performance.now() - started;
    this.#onRequest(eventOf({ method, ...asked, reply, durationMs, failure }));
  }

  async #answer(
    message: IncomingMessage,
    reply: Reply,
    signal: AbortSignal,
    asked: Asked,
  ): Promise<void> {
    const via = nextVia(message.headers, this.#id);
    if (via === undefined) return reply.refuse(LOOP);
    const target = parseTarget(message.url ?? '');
    if (isRefusal(target)) return reply.refuse(target);
    asked.target = target;
    if (target.kind === 'health') return sendYes(reply);
    const name = target.kind === 'ping' ? undefined : target.name;
    const route = this.#router.find({ ...target, name });
    if (isRefusal(route)) return this.#routes.refuseRoute(target, route, reply);
    asked.upstream = route.upstream.name;
    reply.setUpstream(route.upstream.name);
    const request = openRequest(message, route, via, signal);
    if (isRefusal(request)) return reply.refuse(request);
    await this.#routes.answer(request, target, reply);
  }

  /** Lets answers end for a while, then cuts them; idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    await this.#server?.close();
    await this.#shelf.close();
    await this.#codecs.close();
    await this.#manifests.close();
    await Promise.all(this.#router.all.map((upstream) => upstream.close()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Runtimes go on to the next host. */
const LOOP = refusal(508, 'UNSUPPORTED', 'the request goes in circles between mirrors');
