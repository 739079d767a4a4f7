/**
 * Reads one image of a registry for which a `hosts.toml` names servers: each is asked in turn until
 * one has what is wanted. Order and capabilities as containerd's resolver has them.
 */
import { Readable } from 'node:stream';
import { RunningTasks } from '@shoal/concurrency';
import { type Descriptor, type Digest, formatReference, type RegistryReference } from '@shoal/oci';
import { ClosedError, NoServerError, RangeRequestError } from '../errors.ts';
import { type HostCapability, hostKey, type RegistryHost } from '../hosts/registry-host.ts';
import type { CallOptions, ImageStore, RangeOptions } from '../image-store.ts';
import { CLOSE_GRACE_MS } from '../limits.ts';
import { verifiedPieces } from '../verify.ts';
import type { EndpointPool } from './endpoint-pool.ts';
import type { MirrorRest } from './mirror-rest.ts';
import { RegistryStore } from './registry-store.ts';

export type MirroredParts = {
  /** The servers as they are configured now. */
  readonly hosts: () => Promise<readonly RegistryHost[]>;
  readonly endpoints: EndpointPool;
  readonly rest: MirrorRest;
  readonly signal: AbortSignal | undefined;
  readonly onClose: () => Promise<void>;
};

type Server = { readonly host: RegistryHost; readonly isMirror: boolean };

export class MirroredStore implements ImageStore {
  readonly description: string;
  readonly #reference: RegistryReference;
  readonly #parts: MirroredParts;
  readonly #stores = new Map<string, RegistryStore>();
  readonly #calls = new RunningTasks();
  #closing: Promise<void> | undefined;

  constructor(reference: RegistryReference, parts: MirroredParts) {
    this.#reference = reference;
    this.#parts = parts;
    this.description = formatReference(reference);
  }

  /** A server that may only `pull` is not asked what a tag means. */
  resolve(options: CallOptions = {}): Promise<Descriptor> {
    const capability = this.#reference.digest === undefined ? 'resolve' : 'pull';
    return this.#ask(capability, options, (store) => store.resolve(options));
  }

  readManifest(descriptor: Descriptor, options: CallOptions = {}): Promise<Buffer> {
    return this.#ask('pull', options, (store) => store.readManifest(descriptor, options));
  }

  async readBlob(descriptor: Descriptor, options: CallOptions = {}): Promise<Readable> {
    const servers = await this.#servers('pull');
    const where = `${this.#reference.registry}/${this.#reference.repository}`;
    const pieces = verifiedPieces(this.#pieces(servers, descriptor, options), descriptor, where);
    return Readable.from(this.#noting(servers, pieces), { objectMode: false });
  }

  readBlobRange(
    descriptor: Descriptor,
    offset: number,
    length: number,
    options: RangeOptions = {},
  ): Promise<Buffer> {
    return this.#ask('pull', options, (store) =>
      store.readBlobRange(descriptor, offset, length, options),
    );
  }

  async *readBlobFrom(
    descriptor: Descriptor,
    offset: number,
    options: CallOptions = {},
  ): AsyncGenerator<Buffer, void, void> {
    yield* this.#pieces(await this.#servers('pull'), descriptor, options, offset);
  }

  /** A mirror that knows of none is no proof that there are none. */
  async listReferrers(
    digest: Digest,
    options: CallOptions & { readonly artifactType?: string | undefined } = {},
  ): Promise<readonly Descriptor[]> {
    const list = async (store: RegistryStore, isLast: boolean) => {
      const found = await store.listReferrers(digest, options);
      return found.length === 0 && !isLast ? undefined : found;
    };
    return this.#ask('referrers', options, list);
  }

  /** Undefined from `call`: the next server is asked. The error is that of the last. */
  #ask<Value>(
    capability: HostCapability,
    options: CallOptions,
    call: (store: RegistryStore, isLast: boolean) => Promise<Value | undefined>,
  ): Promise<Value> {
    return this.#calls.run(async () => {
      let failure: unknown;
      const servers = await this.#servers(capability);
      for (const [index, server] of servers.entries()) {
        try {
          const value = await call(this.#storeOf(server), index === servers.length - 1);
          if (value !== undefined) return value;
        } catch (error) {
          if (this.#isFinal(error, options)) throw error;
          if (server.isMirror) this.#parts.rest.note(server.host, error);
          failure = error;
        }
      }
      throw failure;
    });
  }

  /** A transfer that breaks goes on at the next server. */
  async *#pieces(
    servers: readonly Server[],
    descriptor: Descriptor,
    options: CallOptions,
    offset = 0,
  ): AsyncGenerator<Buffer, void, void> {
    let position = offset;
    for (const [index, server] of servers.entries()) {
      try {
        for await (const piece of this.#storeOf(server).readBlobFrom(
          descriptor,
          position,
          options,
        )) {
          position += piece.byteLength;
          yield piece;
        }
        return;
      } catch (error) {
        if (server.isMirror) this.#parts.rest.note(server.host, error);
        if (this.#isFinal(error, options) || index === servers.length - 1) throw error;
      }
    }
  }

  /** Bytes that are not the right ones came from a mirror, if there is one: the next try avoids it. */
  async *#noting(
    servers: readonly Server[],
    pieces: AsyncGenerator<Buffer, void, void>,
  ): AsyncGenerator<Buffer, void, void> {
    try {
      yield* pieces;
    } catch (error) {
      const [first] = servers;
      if (first?.isMirror === true) this.#parts.rest.note(first.host, error);
      throw error;
    }
  }

  #isFinal(error: unknown, { signal }: CallOptions): boolean {
    return (
      signal?.aborted === true ||
      this.#parts.signal?.aborted === true ||
      error instanceof ClosedError ||
      error instanceof RangeRequestError
    );
  }

  /** Who may be asked, resting mirrors left out. */
  async #servers(capability: HostCapability): Promise<readonly Server[]> {
    if (this.#closing !== undefined) throw new ClosedError(this.description);
    const hosts = await this.#parts.hosts();
    const able = (wanted: HostCapability) =>
      hosts
        .map((host, index) => ({ host, isMirror: index < hosts.length - 1 }))
        .filter(({ host }) => host.capabilities.has(wanted));
    const found = able(capability);
    // files that are older than this capability do not have it
    const servers = found.length === 0 && capability === 'referrers' ? able('resolve') : found;
    if (servers.length === 0) throw new NoServerError(this.#reference.registry, capability);
    const awake = servers.filter(
      (server, index) => index === servers.length - 1 || !this.#parts.rest.isResting(server.host),
    );
    return awake;
  }

  #storeOf({ host, isMirror }: Server): RegistryStore {
    const key = hostKey(host);
    const known = this.#stores.get(key);
    if (known !== undefined) return known;
    const { registry, repository } = this.#reference;
    const store = new RegistryStore(this.#reference, {
      endpoint: this.#parts.endpoints.endpoint({ registry, repository, host, isMirror }),
      signal: this.#parts.signal,
      onClose: async () => undefined,
    });
    this.#stores.set(key, store);
    return store;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#calls.endedWithin(CLOSE_GRACE_MS);
    await Promise.all([...this.#stores.values()].map((store) => store.close()));
    await this.#parts.onClose();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
