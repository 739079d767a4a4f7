/**
 * A client of registries: connections, credentials and tokens shared by the stores opened with it.
 */
import type { RegistryReference } from '@shoal/oci';
import { DockerCredentials } from './auth/docker-config.ts';
import { ClosedError } from './errors.ts';
import { Connections } from './http/connections.ts';
import { Endpoint } from './http/endpoint.ts';
import { Exchange } from './http/exchange.ts';
import { resolveRetryOptions } from './http/retry.ts';
import type { ImageStore, ImageTarget, RegistryClient } from './image-store.ts';
import type { ClientOptions } from './options.ts';
import { type RegistryParts, RegistryStore } from './registry/registry-store.ts';
import { RegistryTarget } from './registry/registry-target.ts';

/** Nothing is read or opened before the first request. */
export function createRegistryClient(options: ClientOptions = {}): RegistryClient {
  return new UndiciRegistryClient(options);
}

/** Opens a registry's image with a client of its own, closed with the store. */
export async function openOwned<Store extends ImageStore>(
  options: ClientOptions,
  open: (client: UndiciRegistryClient, onClose: () => Promise<void>) => Store,
): Promise<Store> {
  const client = new UndiciRegistryClient(options);
  return open(client, () => client.close());
}

export class UndiciRegistryClient implements RegistryClient {
  readonly #options: ClientOptions;
  readonly #connections: Connections;
  readonly #exchange: Exchange;
  readonly #credentials: DockerCredentials;
  readonly #endpoints = new Map<string, Endpoint>();
  #isClosed = false;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#connections = new Connections(options);
    this.#exchange = new Exchange(this.#connections, options);
    this.#credentials = new DockerCredentials(options);
  }

  async openSource(reference: RegistryReference): Promise<ImageStore> {
    return new RegistryStore(reference, this.partsFor(reference));
  }

  async openTarget(reference: RegistryReference): Promise<ImageTarget> {
    return new RegistryTarget(reference, this.partsFor(reference));
  }

  /** `onClose` runs when the store is closed; a shared client stays open. */
  partsFor(
    { registry }: RegistryReference,
    onClose: () => Promise<void> = async () => undefined,
  ): RegistryParts {
    if (this.#isClosed) throw new ClosedError('the registry client');
    const known = this.#endpoints.get(registry);
    const endpoint = known ?? this.#makeEndpoint(registry);
    this.#endpoints.set(registry, endpoint);
    return { endpoint, signal: this.#options.signal, onClose };
  }

  #makeEndpoint(registry: string): Endpoint {
    const parts = {
      exchange: this.#exchange,
      credentials: this.#credentials,
      policy: resolveRetryOptions(this.#options.retry),
    };
    return new Endpoint(registry, parts, this.#options);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#connections.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
