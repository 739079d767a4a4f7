/**
 * The one interface over registries, OCI layout directories and archives. A store is opened for one
 * reference; a target can also be written. Whatever is read is bounded and checked against its
 * descriptor before the last byte is handed over.
 */
import type { Readable } from 'node:stream';
import type { Descriptor, Digest, RegistryReference } from '@shoal/oci';

export type CallOptions = {
  readonly signal?: AbortSignal | undefined;
  /** Of reads that wait for the same server, the lowest goes first; may change meanwhile. @default 0 */
  readonly rank?: (() => number) | undefined;
};

/**
 * Told of bytes as they come, by their place in what is read: in ascending order, and from the start again
 * where another server is asked. They are there during the call only. It must not throw.
 */
export type BytesListener = (offset: number, bytes: Buffer) => void;

export type RangeOptions = CallOptions & {
  /** A wish: a store that has all of them at once, or lays out no memory before, tells nothing. */
  readonly onBytes?: BytesListener | undefined;
  /** As long as the range. A wish: the bytes are put here, and this is returned. */
  readonly memory?: Buffer | undefined;
  /** Told how many bytes the whole blob has, as whoever answers says; not where nobody says it. */
  readonly onSize?: ((sizeBytes: number) => void) | undefined;
};

export interface ImageStore extends AsyncDisposable {
  /** For messages: the reference, no secrets. */
  readonly description: string;
  /** What the reference points at: a manifest or an index. */
  resolve(options?: CallOptions): Promise<Descriptor>;
  /** The bytes of a manifest or an index, verified; at most `MANIFEST_BYTES_MAX`. */
  readManifest(descriptor: Descriptor, options?: CallOptions): Promise<Buffer>;
  /**
   * A blob as a stream. Digest and size are verified at the end: a stream that does not fit its
   * descriptor ends with an error instead of its end. Broken transfers are resumed.
   */
  readBlob(descriptor: Descriptor, options?: CallOptions): Promise<Readable>;
  /**
   * The same in pieces of the store's own memory, each valid until the next is asked for: a large
   * blob passes without garbage. Only where that is possible.
   */
  readBlobPieces?(descriptor: Descriptor, options?: CallOptions): Promise<AsyncIterable<Buffer>>;
  /**
   * From `offset` to the end in one transfer, which goes on where it breaks; not verified. Only where
   * that is more than ranges one after the other.
   */
  readBlobFrom?(
    descriptor: Descriptor,
    offset: number,
    options?: CallOptions,
  ): AsyncIterable<Buffer>;
  /** Exactly `length` bytes from `offset`, or an error. The bytes are not verified. */
  readBlobRange(
    descriptor: Descriptor,
    offset: number,
    length: number,
    options?: RangeOptions,
  ): Promise<Buffer>;
  /** Manifests whose `subject` is `digest`; empty when there are none. */
  listReferrers(
    digest: Digest,
    options?: CallOptions & { readonly artifactType?: string | undefined },
  ): Promise<readonly Descriptor[]>;
  /** Lets running calls end; idempotent. */
  close(): Promise<void>;
}

export type WriteManifestOptions = CallOptions & {
  /** Tag to set. Default: the reference's own; `false`: none, reachable by digest only. */
  readonly tag?: string | false | undefined;
  /**
   * What it is to be known by: a sha512 digest, for a copy. Registries that know manifests by sha256
   * only keep it under that; the descriptor that is returned says so. @default its sha256 digest
   */
  readonly digest?: Digest | undefined;
};

export interface ImageTarget extends ImageStore {
  hasBlob(descriptor: Descriptor, options?: CallOptions): Promise<boolean>;
  /** Takes a blob from a repository of the same registry; false when that cannot be done. */
  mountBlob(
    descriptor: Descriptor,
    fromRepository: string,
    options?: CallOptions,
  ): Promise<boolean>;
  /** Starts a blob whose digest is known only at its end. Memory stays bounded. */
  openBlobWriter(options?: BlobWriterOptions): Promise<BlobWriter>;
  /** Stores a manifest or index and points the tag at it. */
  writeManifest(
    bytes: Buffer,
    mediaType: string,
    options?: WriteManifestOptions,
  ): Promise<Descriptor>;
}

export type BlobIdentity = Pick<Descriptor, 'digest' | 'size' | 'mediaType'>;

export type BlobWriterOptions = CallOptions & {
  /** The caller hashes what it writes, with sha256; nobody does it a second time. @default false */
  readonly isHashed?: boolean;
};

export interface BlobWriter {
  /** The bytes may be reused once the promise settles. One call at a time. */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends the blob. Fails when what was written does not fit; the writer is then done for. */
  commit(descriptor: BlobIdentity): Promise<Descriptor>;
  /** Gives up and leaves nothing behind; idempotent, harmless after `commit`. */
  abort(): Promise<void>;
}

/** Connections, credentials and tokens that several stores share. */
export interface RegistryClient extends AsyncDisposable {
  openSource(reference: RegistryReference): Promise<ImageStore>;
  openTarget(reference: RegistryReference): Promise<ImageTarget>;
  /** Lets running exchanges end, then closes every connection; idempotent. */
  close(): Promise<void>;
}
