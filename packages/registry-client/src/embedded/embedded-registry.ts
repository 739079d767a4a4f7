/**
 * A small OCI registry inside the process, for tests and the demo: push, pull, ranges, mounts,
 * referrers. No authentication, plain HTTP, loopback only. Tags live as long as the object.
 */
import { createServer, type Server } from 'node:http';
import { BlobRoutes } from './blob-routes.ts';
import { DirectoryVault, MemoryVault } from './blob-vault.ts';
import { LinkRate } from './link-rate.ts';
import { ManifestRoutes } from './manifest-routes.ts';
import { RepositoryShelf } from './repository-shelf.ts';
import { RequestContext } from './request-context.ts';

/** One request, as an access log has it. */
export type AccessRecord = {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly status: number;
  readonly range: string | undefined;
  /** Bytes of the request's body. */
  readonly bytesIn: number;
  /** Bytes of the answer's body that were sent. */
  readonly bytesOut: number;
};

export type EmbeddedRegistryOptions = {
  /** Where blobs are kept; the caller removes it. @default memory */
  readonly directory?: string | undefined;
  /** @default 0: any free port */
  readonly port?: number | undefined;
  /** Called once per finished request. */
  readonly accessLog?: ((record: AccessRecord) => void) | undefined;
  /** Limits what the bodies of all blob answers together send. @default no limit */
  readonly bytesPerSecondMax?: number | undefined;
};

/** The part after the repository's name; names themselves are checked by `NAME`. */
const ROUTE =
  /^\/v2\/(.{1,255}?)\/(manifests|blobs|referrers|tags)\/([^/]{1,160}|uploads\/[\w-]{0,64})$/;
const NAME = /^[a-z0-9][a-z0-9._/-]*$/;

export class EmbeddedRegistry implements AsyncDisposable {
  /** `127.0.0.1:PORT`, the host part of a reference. */
  readonly host: string;
  readonly #server: Server;
  readonly #blobs: BlobRoutes;
  #closing: Promise<void> | undefined;

  private constructor(host: string, server: Server, blobs: BlobRoutes) {
    this.host = host;
    this.#server = server;
    this.#blobs = blobs;
  }

  static async listen(options: EmbeddedRegistryOptions = {}): Promise<EmbeddedRegistry> {
    const { directory, bytesPerSecondMax } = options;
    const vault =
      directory === undefined ? new MemoryVault() : await DirectoryVault.open(directory);
    const shelf = new RepositoryShelf();
    const rate = bytesPerSecondMax === undefined ? undefined : new LinkRate(bytesPerSecondMax);
    const blobs = new BlobRoutes(vault, shelf);
    const manifests = new ManifestRoutes(shelf);
    const server = createServer((request, response) => {
      const context = new RequestContext(request, response, rate);
      response.once('close', () => options.accessLog?.(recordOf(context)));
      void route(context, blobs, manifests, shelf).catch((error: unknown) => fail(context, error));
    });
    const port = await listenOn(server, options.port ?? 0);
    return new EmbeddedRegistry(`127.0.0.1:${port}`, server, blobs);
  }

  /** Uploads that were begun and neither finished nor cancelled. */
  get openUploads(): number {
    return this.#blobs.openUploads;
  }

  /** Cuts every connection; idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#server.closeAllConnections();
    await promise;
    await this.#blobs.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function listenOn(server: Server, port: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.once('error', reject);
  server.listen(port, '127.0.0.1', () => {
    const address = server.address();
    resolve(typeof address === 'object' && address !== null ? address.port : port);
  });
  return promise;
}

async function route(
  context: RequestContext,
  blobs: BlobRoutes,
  manifests: ManifestRoutes,
  shelf: RepositoryShelf,
): Promise<void> {
  const path = decodeURIComponent(context.url.pathname);
  if (path === '/v2/' || path === '/v2') return context.sendJson(200, {}, {});
  if (path === '/v2/_catalog') return context.sendJson(200, {}, { repositories: shelf.names() });
  const [, repository, collection, rest] = ROUTE.exec(path) ?? [];
  if (repository === undefined || rest === undefined || !NAME.test(repository)) {
    return context.sendError(404, 'NAME_UNKNOWN', 'repository name not known to registry');
  }
  if (collection === 'manifests') return manifests.handle(context, repository, rest);
  if (collection === 'tags') return manifests.listTags(context, repository);
  if (collection === 'referrers') return manifests.listReferrers(context, repository, rest);
  const upload = /^uploads\/([\w-]*)$/.exec(rest);
  if (upload === null) return blobs.read(context, repository, rest);
  if (context.method === 'POST') return blobs.startUpload(context, repository);
  return blobs.upload(context, repository, upload[1] ?? '');
}

function fail(context: RequestContext, _error: unknown): void {
  const { response } = context;
  if (response.headersSent) response.destroy();
  else context.sendError(500, 'UNKNOWN', 'the registry failed');
}

function recordOf(context: RequestContext): AccessRecord {
  return {
    method: context.method,
    path: context.request.url ?? '',
    status: context.response.statusCode,
    range: context.request.headers.range,
    bytesIn: context.bytesIn,
    bytesOut: context.bytesOut,
  };
}
