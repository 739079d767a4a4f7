/**
 * What kubelet talks to in place of containerd (`--image-service-endpoint`): every call is passed on
 * to containerd byte for byte, and the credentials of pulls are remembered on the way.
 */
import { chmodSync, rmSync } from 'node:fs';
import {
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { freeSocketPath } from '@shoal/snapshotter';
import {
  CONNECTIONS_MAX,
  IMAGE_SERVICE_DRAIN_MS,
  PULL_REQUEST_BYTES_MAX,
  STREAMS_PER_CONNECTION_MAX,
} from '../limits.ts';
import type { Log } from '../log/log.ts';
import {
  type CallObserver,
  forwardAnswer,
  isGone,
  refuseCall,
  withoutSymbols,
} from './forward-call.ts';
import { decodeGrpcMessage } from './grpc-message.ts';
import { decodePullCredentials } from './pull-request.ts';
import type { RememberedCredentials } from './remembered-credentials.ts';
import { UpstreamConnection } from './upstream-connection.ts';

export type ImageServiceOptions = {
  /** Where kubelet is served. */
  readonly address: string;
  /** containerd's socket. */
  readonly upstream: string;
  readonly remembered: RememberedCredentials;
  readonly log: Log;
};

/** `runtime.v1alpha2` has the same fields; kubelets before 1.26 may use it. */
const PULL_PATH = /^\/runtime\.v1(?:alpha2)?\.ImageService\/PullImage$/;

export class ImageServiceProxy implements AsyncDisposable {
  readonly #options: ImageServiceOptions;
  readonly #server: Http2Server;
  readonly #upstream: UpstreamConnection;
  readonly #sessions = new Set<ServerHttp2Session>();
  #closing: Promise<void> | undefined;

  private constructor(options: ImageServiceOptions) {
    this.#options = options;
    this.#upstream = new UpstreamConnection(options.upstream);
    this.#server = createServer({
      settings: { maxConcurrentStreams: STREAMS_PER_CONNECTION_MAX, enablePush: false },
    });
    this.#server.maxConnections = CONNECTIONS_MAX;
    this.#server.on('session', (session) => {
      this.#sessions.add(session);
      session.on('error', () => undefined);
      session.once('close', () => this.#sessions.delete(session));
    });
    this.#server.on('stream', (stream, headers) => void this.#serve(stream, headers));
  }

  /** Mode 0600. @throws ERR_SNAPSHOTTER_SOCKET when the path cannot be listened at */
  static async listen(options: ImageServiceOptions): Promise<ImageServiceProxy> {
    await freeSocketPath(options.address);
    const proxy = new ImageServiceProxy(options);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject);
      proxy.#server.listen(options.address, () => resolve());
    });
    chmodSync(options.address, 0o600);
    return proxy;
  }

  async #serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
    stream.on('error', () => undefined);
    try {
      const isPull = PULL_PATH.test(headers[':path'] ?? '');
      const body = isPull ? await wholeBody(stream) : { bytes: Buffer.alloc(0), isWhole: false };
      const session = await this.#upstream.session();
      if (isGone(stream)) return;
      const upstream = session.request(withoutSymbols(headers));
      const observer = body.isWhole ? this.#watchPull(body.bytes, headers) : undefined;
      forwardAnswer(stream, upstream, observer);
      if (body.bytes.byteLength > 0) upstream.write(body.bytes);
      if (body.isWhole) upstream.end();
      else stream.pipe(upstream);
    } catch (error) {
      const { log, upstream } = this.#options;
      log.debug({ upstream, reason: String(error) }, 'the container runtime cannot be reached');
      refuseCall(stream, `the container runtime does not answer at ${upstream}`);
    }
  }

  #watchPull(body: Buffer, headers: IncomingHttpHeaders): CallObserver | undefined {
    const encoding = headers['grpc-encoding'];
    const message = decodeGrpcMessage(body, typeof encoding === 'string' ? encoding : undefined);
    const pull = message === undefined ? undefined : decodePullCredentials(message);
    if (pull === undefined) return undefined;
    const { registry, repository } = pull.place;
    const trial = this.#options.remembered.begin(pull.place, pull.credentials);
    return {
      finished: (status) => {
        const { log } = this.#options;
        if (status === '0') trial.succeeded();
        else trial.failed();
        log.debug({ registry, repository, status }, 'a pull through the image service ended');
      },
    };
  }

  /** Calls that run have a while to end. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    rmSync(this.#options.address, { force: true });
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const session of this.#sessions) session.close();
    const cut = setTimeout(() => {
      for (const session of this.#sessions) session.destroy();
    }, IMAGE_SERVICE_DRAIN_MS);
    await closed;
    clearTimeout(cut);
    await this.#upstream.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Up to the end of the body, or as much of it as is worth holding back. */
async function wholeBody(stream: ServerHttp2Stream): Promise<{ bytes: Buffer; isWhole: boolean }> {
  const pieces: Buffer[] = [];
  let size = 0;
  for (;;) {
    const piece: unknown = stream.read();
    if (Buffer.isBuffer(piece)) {
      pieces.push(piece);
      size += piece.byteLength;
      if (size > PULL_REQUEST_BYTES_MAX) return { bytes: Buffer.concat(pieces), isWhole: false };
    } else if (stream.readableEnded || stream.destroyed) {
      return { bytes: Buffer.concat(pieces), isWhole: true };
    } else {
      await nextEvent(stream);
    }
  }
}

function nextEvent(stream: ServerHttp2Stream): Promise<void> {
  const events = ['readable', 'end', 'close', 'error'] as const;
  return new Promise((resolve) => {
    const done = () => {
      for (const event of events) stream.off(event, done);
      resolve();
    };
    for (const event of events) stream.once(event, done);
  });
}
