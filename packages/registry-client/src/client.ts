/**
 * A client of registries: connections, credentials and tokens shared by the stores opened with it.
 */
import type { RegistryReference } from '@shoal/oci';
import { ClosedError } from './errors.ts';
import { anonymousHost } from './hosts/anonymous-host.ts';
import { HostDirectories } from './hosts/host-directory.ts';
import { PLAIN_HOST, type RegistryHost } from './hosts/registry-host.ts';
import type { ImageStore, ImageTarget, RegistryClient } from './image-store.ts';
import type { ClientOptions } from './options.ts';
import { EndpointPool } from './registry/endpoint-pool.ts';
import { MirrorRest } from './registry/mirror-rest.ts';
import { MirroredStore } from './registry/mirrored-store.ts';
import { type RegistryParts, RegistryStore } from './registry/registry-store.ts';
import { RegistryTarget } from './registry/registry-target.ts';

/** Nothing is read or opened before the first request. */
export function createRegistryClient(options: ClientOptions = {}): RegistryClient {
  return new UndiciRegistryClient(options);
}

/** Opens a registry's image with a client of its own, closed with the store. */
export async function openOwned<Store extends ImageStore>(
  options: ClientOptions,
  open: (client: UndiciRegistryClient, onClose: () => Promise<void>) => Promise<Store>,
): Promise<Store> {
  const client = new UndiciRegistryClient(options);
  return open(client, () => client.close());
}

export class UndiciRegistryClient implements RegistryClient {
  readonly #options: ClientOptions;
  readonly #endpoints: EndpointPool;
  readonly #hosts: HostDirectories | undefined;
  readonly #rest = new MirrorRest();
  #isClosed = false;

  constructor(options: ClientOptions) {
    this.#options = options.isAnonymous === true ? withoutCredentials(options) : options;
    this.#endpoints = new EndpointPool(this.#options);
    const { hostsDirectories = [] } = options;
    this.#hosts = hostsDirectories.length === 0 ? undefined : new HostDirectories(hostsDirectories);
  }

  /** `onClose` runs when the store is closed; a shared client stays open. */
  async openSource(
    reference: RegistryReference,
    onClose: () => Promise<void> = nothing,
  ): Promise<ImageStore> {
    const hosts = this.#hosts;
    if (hosts === undefined) return new RegistryStore(reference, this.partsFor(reference, onClose));
    this.#checkOpen();
    await hosts.hostsOf(reference.registry);
    return new MirroredStore(reference, {
      hosts: async () => this.#asked(reference.registry, await hosts.hostsOf(reference.registry)),
      endpoints: this.#endpoints,
      rest: this.#rest,
      signal: this.#options.signal,
      onClose,
    });
  }

  /** Mirrors are not written to. */
  async openTarget(
    reference: RegistryReference,
    onClose: () => Promise<void> = nothing,
  ): Promise<ImageTarget> {
    return new RegistryTarget(reference, this.partsFor(reference, onClose));
  }

  partsFor(reference: RegistryReference, onClose: () => Promise<void> = nothing): RegistryParts {
    this.#checkOpen();
    const { registry, repository } = reference;
    const [host] = this.#asked(registry, [PLAIN_HOST]);
    const endpoint = this.#endpoints.endpoint({ registry, repository, host });
    return { endpoint, signal: this.#options.signal, onClose };
  }

  #asked(registry: string, hosts: readonly RegistryHost[]): readonly RegistryHost[] {
    return this.#options.isAnonymous === true ? [anonymousHost(registry, hosts)] : hosts;
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new ClosedError('the registry client');
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#endpoints.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

async function nothing(): Promise<void> {}

function withoutCredentials(options: ClientOptions): ClientOptions {
  const nobodys = { clientCertificateFile: undefined, clientKeyFile: undefined };
  return { ...options, ...nobodys, credentialSources: [] };
}
