/**
 * Reads one image of a registry. Spec: OCI distribution, "Pull".
 */
import { Readable } from 'node:stream';
import { RunningTasks } from '@shoal/concurrency';
import {
  type Descriptor,
  type Digest,
  digestLike,
  formatReference,
  MANIFEST_BYTES_MAX,
  MANIFEST_MEDIA_TYPES,
  parseManifest,
  type RegistryReference,
  sha256Digest,
} from '@shoal/oci';
import { ClosedError, DigestMismatchError, NotFoundError } from '../errors.ts';
import type { CallOptions, ImageStore, RangeOptions } from '../image-store.ts';
import { checkRange } from '../layout/blob-place.ts';
import { CLOSE_GRACE_MS, RANGE_BYTES_PREPARED_MAX } from '../limits.ts';
import { collectBounded, verifiedPieces, verifyBytes, verifyDigest } from '../verify.ts';
import { BlobOpener } from './blob-opener.ts';
import { BlobReader } from './blob-reader.ts';
import type { Document, Endpoint } from './endpoint.ts';
import { listReferrers } from './referrers.ts';

export type RegistryParts = {
  readonly endpoint: Endpoint;
  /** Ends everything; undefined: only the calls' own signals do. */
  readonly signal: AbortSignal | undefined;
  /** Closes the client when the store owns it. */
  readonly onClose: () => Promise<void>;
};

export class RegistryStore implements ImageStore {
  readonly description: string;
  protected readonly reference: RegistryReference;
  protected readonly endpoint: Endpoint;
  protected readonly calls = new RunningTasks();
  readonly #parts: RegistryParts;
  readonly #reader: BlobReader;
  #resolved: Buffer | undefined;
  #closing: Promise<void> | undefined;

  constructor(reference: RegistryReference, parts: RegistryParts) {
    this.reference = reference;
    this.description = formatReference(reference);
    this.endpoint = parts.endpoint;
    this.#parts = parts;
    const opener = new BlobOpener(parts.endpoint, reference.repository);
    const nameOf = ({ digest }: Descriptor) => `blob ${digest}`;
    this.#reader = new BlobReader(opener, parts.endpoint.policy, this.where, nameOf);
  }

  /** Registry and repository, for errors. */
  protected get where(): string {
    return `${this.reference.registry}/${this.reference.repository}`;
  }

  resolve(options: CallOptions = {}): Promise<Descriptor> {
    return this.calls.run(() => this.#resolve(options));
  }

  async #resolve(options: CallOptions): Promise<Descriptor> {
    const { tag, digest } = this.reference;
    const { answer, body } = await this.#fetchManifest(digest ?? tag ?? 'latest', options).catch(
      (error: unknown) => {
        throw isMissing(error) ? noSuchImage(this.reference, error) : error;
      },
    );
    if (digest !== undefined) verifyDigest(body, digest, this.where);
    const actual = sha256Digest(body);
    const claimed = answer.headers.get('docker-content-digest');
    if (claimed?.startsWith('sha256:') && claimed !== actual) {
      throw new DigestMismatchError(this.description, claimed.slice(0, 71), actual);
    }
    const { mediaType } = parseManifest(body, `${this.description}: manifest`);
    this.#resolved = body;
    return { mediaType, digest: digest ?? actual, size: body.byteLength };
  }

  readManifest(descriptor: Descriptor, options: CallOptions = {}): Promise<Buffer> {
    return this.calls.run(() => this.#readManifest(descriptor, options));
  }

  async #readManifest(descriptor: Descriptor, options: CallOptions): Promise<Buffer> {
    const kept = this.#resolved;
    if (kept !== undefined && digestLike(descriptor.digest, kept) === descriptor.digest) {
      this.signalOf(options)?.throwIfAborted();
      verifyBytes(kept, descriptor, this.where);
      return kept;
    }
    const { body } = await this.#fetchManifest(descriptor.digest, options).catch(
      (error: unknown) => {
        throw isMissing(error) ? manifestMissing(this.where, descriptor.digest, error) : error;
      },
    );
    verifyBytes(body, descriptor, this.where);
    return body;
  }

  #fetchManifest(name: string, options: CallOptions): Promise<Document> {
    const { repository } = this.reference;
    return this.endpoint.callForDocument(
      {
        method: 'GET',
        target: `/v2/${repository}/manifests/${name}`,
        scopes: [`repository:${repository}:pull`],
        headers: { accept: MANIFEST_MEDIA_TYPES.join(', '), 'accept-encoding': 'identity' },
        accept: [200],
        subject: `${repository}: manifest ${name}`,
        signal: this.signalOf(options),
      },
      MANIFEST_BYTES_MAX,
    );
  }

  async readBlob(descriptor: Descriptor, options: CallOptions = {}): Promise<Readable> {
    const pieces = verifiedPieces(
      this.readBlobFrom(descriptor, 0, options),
      descriptor,
      this.where,
    );
    return Readable.from(pieces, { objectMode: false });
  }

  /** The bytes of a blob from `offset` to its end, not verified. */
  readBlobFrom(
    descriptor: Descriptor,
    offset: number,
    options: CallOptions = {},
  ): AsyncGenerator<Buffer, void, void> {
    const signal = this.signalOf(options);
    const { rank } = options;
    const isWhole = offset === 0;
    return this.#reader.pieces({ descriptor, offset, end: descriptor.size, isWhole, signal, rank });
  }

  async readBlobRange(
    descriptor: Descriptor,
    offset: number,
    length: number,
    options: RangeOptions = {},
  ): Promise<Buffer> {
    checkRange(descriptor, offset, length);
    const signal = this.signalOf(options);
    const end = offset + length;
    const { onSize, rank } = options;
    const span = { descriptor, offset, end, isWhole: false, signal, rank, onSize };
    return this.calls.run(() =>
      length <= RANGE_BYTES_PREPARED_MAX
        ? this.#reader.collect(span, options)
        : collectBounded(this.#reader.pieces(span), length, this.where),
    );
  }

  async listReferrers(
    digest: Digest,
    options: CallOptions & { readonly artifactType?: string | undefined } = {},
  ): Promise<readonly Descriptor[]> {
    const query = {
      endpoint: this.endpoint,
      repository: this.reference.repository,
      digest,
      artifactType: options.artifactType,
      signal: this.signalOf(options),
    };
    return this.calls.run(() => listReferrers(query));
  }

  /** The signal of a call; throws when the store is closed. */
  protected signalOf(options: CallOptions): AbortSignal | undefined {
    if (this.#closing !== undefined) throw new ClosedError(this.description);
    const signals = [options.signal, this.#parts.signal].filter((signal) => signal !== undefined);
    return signals.length > 1 ? AbortSignal.any(signals) : signals[0];
  }

  close(): Promise<void> {
    this.#closing ??= this.calls.endedWithin(CLOSE_GRACE_MS).then(() => this.#parts.onClose());
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function isMissing(error: unknown): error is NotFoundError {
  return error instanceof NotFoundError;
}

/** What the registry said itself (`MANIFEST_UNKNOWN`, `NAME_UNKNOWN`) stays as the cause. */
function noSuchImage(
  { registry, repository, tag, digest }: RegistryReference,
  cause: NotFoundError,
): NotFoundError {
  const name =
    digest === undefined ? `${repository}:${tag ?? 'latest'}` : `${repository}@${digest}`;
  return new NotFoundError(`the registry ${registry} has no image ${name}`, {
    cause,
    remedy: `check host, name and tag; if the image is private, log in first: docker login ${registry}`,
  });
}

function manifestMissing(where: string, digest: Digest, cause: NotFoundError): NotFoundError {
  return new NotFoundError(`${where}: manifest ${digest} is missing`, {
    cause,
    remedy: 'the image is incomplete there: push it again',
  });
}
