/**
 * Opens images at their registries (or layouts and archives). Images that are reached the same way
 * share one client: its connections, tokens and redirects. Credentials are read by the client from
 * the Docker configuration whose path came with the request; they are never stored here.
 */
import type { BlobSource } from '@shoal/blob-store';
import { registryBlobSource } from '@shoal/blob-store';
import type { Descriptor, Digest, ImageReference } from '@shoal/oci';
import { parseReference } from '@shoal/oci';
import type {
  ClientOptions,
  CredentialSource,
  ImageStore,
  RegistryClient,
} from '@shoal/registry-client';
import { createRegistryClient, DockerCredentials, openSource } from '@shoal/registry-client';
import { ImageUnusableError } from '../errors.ts';
import type { MissPolicy, SourceOptions } from './blob-types.ts';
import { LazySource } from './lazy-source.ts';

export type ImageAccessOptions = {
  /** Wraps what fetches the blobs of an image: peers that may have them, bandwidth limits. */
  readonly wrapSource?: ((source: BlobSource, reference: ImageReference) => BlobSource) | undefined;
  /** Told of each image whose blobs are about to be used. */
  readonly onImage?: ((image: UsedImage) => void) | undefined;
  /** Used for requests that bring none. */
  readonly dockerConfigDirectory?: string | undefined;
  readonly caFile?: string | undefined;
  /** Asked for credentials before the Docker configuration, unless a request brings its own. */
  readonly credentialSources?: readonly CredentialSource[] | undefined;
  readonly hostsDirectories?: ClientOptions['hostsDirectories'];
  /** What anybody gets: without credentials of any kind, and without mirrors. @default false */
  readonly isAnonymous?: boolean | undefined;
  readonly onAuthentication?: ClientOptions['onAuthentication'];
};

export type UsedImage = {
  readonly reference: ImageReference;
  readonly manifestDigest: Digest | undefined;
  readonly layers: readonly Descriptor[];
};

export type AccessTarget = {
  readonly reference: string;
  /** Of the image's own manifest, where it is known. */
  readonly manifestDigest?: Digest | undefined;
  readonly source: SourceOptions;
  readonly missPolicy: MissPolicy;
};

/** Under `fail` a reader wants its error now: one more try, no long pauses. */
const IMPATIENT_RETRY = { attemptsMax: 2, delayMs: 50, delayMaxMs: 200, retryAfterMaxMs: 500 };
/** Otherwise the served blob tries again by itself, and its status says meanwhile why it waits. */
const PATIENT_RETRY = { attemptsMax: 3, delayMs: 100, delayMaxMs: 1000, retryAfterMaxMs: 10_000 };
/** A connection that says nothing, or nearly nothing, for so long is given up: a program may be waiting for it. */
const TIMEOUTS = {
  connectTimeoutMs: 10_000,
  headersTimeoutMs: 20_000,
  bodyTimeoutMs: 8_000,
  rateWindowMs: 10_000,
};

export class ImageAccess {
  readonly #options: ImageAccessOptions;
  readonly #clients = new Map<string, RegistryClient>();

  constructor(options: ImageAccessOptions = {}) {
    this.#options = options;
  }

  /** @throws ImageUnusableError for a plain directory, and what the client reports */
  async open(target: AccessTarget): Promise<ImageStore> {
    const reference = parseReference(target.reference);
    if (reference.kind === 'directory') {
      throw new ImageUnusableError(target.reference, 'a directory is not an image', {
        remedy: 'convert it first, or use the directory itself',
      });
    }
    return openSource(reference, this.#clientOptions(reference, target));
  }

  /** A source of the image's blobs that touches the network at its first read. */
  lazySource(target: AccessTarget, layers: readonly Descriptor[]): BlobSource {
    const { manifestDigest } = target;
    const reference = parseReference(target.reference);
    this.#options.onImage?.({ reference, manifestDigest, layers });
    return new LazySource('registry', async () => {
      const source = registryBlobSource(await this.open(target), { descriptors: layers });
      return this.#options.wrapSource?.(source, reference) ?? source;
    });
  }

  async close(): Promise<void> {
    const clients = [...this.#clients.values()];
    this.#clients.clear();
    for (const client of clients) await client.close();
  }

  #clientOptions(reference: ImageReference, target: AccessTarget): ClientOptions {
    const { source, missPolicy } = target;
    const options: ClientOptions = {
      plainHttp: source.plainHttp,
      insecure: source.insecure,
      caFile: source.caFile ?? this.#options.caFile,
      clientCertificateFile: source.clientCertificateFile,
      clientKeyFile: source.clientKeyFile,
      dockerConfigDir: source.dockerConfigDirectory ?? this.#options.dockerConfigDirectory,
      retry: missPolicy.kind === 'fail' ? IMPATIENT_RETRY : PATIENT_RETRY,
      timeouts: TIMEOUTS,
      hostsDirectories: this.#options.hostsDirectories,
      onAuthentication: this.#options.onAuthentication,
      isAnonymous: this.#options.isAnonymous,
    };
    if (reference.kind !== 'registry') return options;
    return { ...options, client: this.#client(options) };
  }

  #client(options: ClientOptions): RegistryClient {
    const key = JSON.stringify(options);
    const known = this.#clients.get(key);
    if (known !== undefined) return known;
    const credentialSources = this.#credentialSources(options);
    const client = createRegistryClient({ ...options, credentialSources });
    this.#clients.set(key, client);
    return client;
  }

  /** A caller's own login goes first, the daemon's own last. */
  #credentialSources(options: ClientOptions): CredentialSource[] {
    const shared = this.#options.credentialSources ?? [];
    const docker = new DockerCredentials(options);
    const isCallers = options.dockerConfigDir !== this.#options.dockerConfigDirectory;
    return isCallers ? [docker, ...shared] : [...shared, docker];
  }
}
