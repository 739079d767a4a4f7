/**
 * One registry as whoever passes requests on to it sees it: every answer is an answer, and requests
 * carry somebody else's authorization or our own credentials.
 */
import type { Descriptor } from '@shoal/oci';
import { HOST_CAPABILITIES, type RegistryHost } from '../hosts/registry-host.ts';
import type { HttpAnswer } from '../http/messages.ts';
import type { RangeOptions } from '../image-store.ts';
import { ACCESS_STORES_MAX } from '../limits.ts';
import type { ClientOptions } from '../options.ts';
import type { Endpoint } from '../registry/endpoint.ts';
import { EndpointPool } from '../registry/endpoint-pool.ts';
import { RegistryStore } from '../registry/registry-store.ts';

/** For whom a registry is asked. */
export type Caller =
  | { readonly kind: 'own' }
  /** Somebody whose header is passed on, or who sent none. */
  | { readonly kind: 'client'; readonly authorization: string | undefined };

export type AccessRequest = {
  readonly method: 'GET' | 'HEAD';
  /** Below the registry's `/v2/`: `NAME/manifests/v1`, empty for the API itself; may have a query. */
  readonly path: string;
  /** Undefined where no repository is meant. */
  readonly repository: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly attempt: number;
};

export type RegistryAccessSettings = {
  /** What credentials are looked up for: `docker.io`, `registry.example:5000`. */
  readonly registry: string;
  /** Where it is; a path goes before `/v2`. */
  readonly address: URL;
  /** Sent with every request to it. */
  readonly headers: Readonly<Record<string, string>>;
  readonly options: ClientOptions;
};

export class RegistryAccess {
  readonly #registry: string;
  readonly #host: RegistryHost;
  readonly #endpoints: EndpointPool;
  readonly #stores = new Map<string, RegistryStore>();

  constructor({ registry, address, headers, options }: RegistryAccessSettings) {
    const url = new URL(address);
    url.pathname = `${url.pathname.replace(/\/+$/, '')}/v2`;
    this.#registry = registry;
    this.#endpoints = new EndpointPool(options);
    this.#host = {
      url,
      capabilities: new Set(HOST_CAPABILITIES),
      headers,
      tls: { caFiles: [], clientPairs: [], insecure: undefined },
      connectTimeoutMs: undefined,
    };
  }

  /** One try; redirects are the caller's to follow. Throws coded errors when no answer came. */
  ask(request: AccessRequest, caller: Caller): Promise<HttpAnswer> {
    const { method, path, repository, headers, signal, attempt } = request;
    const scopes = scopesOf(repository);
    return this.#endpoint(repository, caller).ask(
      { method, target: `/v2/${path}`, scopes, headers, signal },
      attempt,
    );
  }

  /** Goes where a redirect leads, which may redirect again. */
  follow(url: URL, request: AccessRequest, caller: Caller): Promise<HttpAnswer> {
    const { method, repository, headers, signal, attempt } = request;
    return this.#endpoint(repository, caller).follow(
      url,
      { method, headers, signal, scopes: scopesOf(repository) },
      attempt,
    );
  }

  /** Exactly these bytes of a blob. Redirects are remembered, broken transfers go on. */
  readBlobRange(
    repository: string,
    descriptor: Descriptor,
    span: { readonly offset: number; readonly length: number },
    caller: Caller,
    options: RangeOptions,
  ): Promise<Buffer> {
    const store = this.#store(repository, caller);
    return store.readBlobRange(descriptor, span.offset, span.length, options);
  }

  /** A blob from `offset` to its end, in one transfer unless that breaks; not verified. */
  readBlobFrom(
    repository: string,
    descriptor: Descriptor,
    offset: number,
    caller: Caller,
    signal: AbortSignal,
  ): AsyncGenerator<Buffer, void, void> {
    return this.#store(repository, caller).readBlobFrom(descriptor, offset, { signal });
  }

  #store(repository: string, caller: Caller): RegistryStore {
    const key = JSON.stringify([repository, caller]);
    const known = this.#stores.get(key);
    if (known !== undefined) this.#stores.delete(key);
    const store = known ?? this.#openStore(repository, caller);
    this.#stores.set(key, store);
    const [oldest] = this.#stores.keys();
    // Nothing is to be closed: connections belong to the pool.
    if (this.#stores.size > ACCESS_STORES_MAX && oldest !== undefined) this.#stores.delete(oldest);
    return store;
  }

  #openStore(repository: string, caller: Caller): RegistryStore {
    return new RegistryStore(
      { kind: 'registry', registry: this.#registry, repository },
      {
        endpoint: this.#endpoint(repository, caller),
        signal: undefined,
        onClose: async () => undefined,
      },
    );
  }

  #endpoint(repository: string | undefined, caller: Caller): Endpoint {
    return this.#endpoints.endpoint({
      registry: this.#registry,
      repository: repository ?? '',
      host: this.#host,
      onBehalf: caller.kind === 'own' ? undefined : { authorization: caller.authorization },
    });
  }

  /** Lets running exchanges end for a while, then closes every connection; idempotent. */
  async close(): Promise<void> {
    await this.#endpoints.close();
  }
}

function scopesOf(repository: string | undefined): readonly string[] {
  return repository === undefined ? [] : [`repository:${repository}:pull`];
}
