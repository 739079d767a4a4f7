/** How a get reaches bytes, and what it consists of once it is opened. */
import type { BlobSource } from '@shoal/blob-store';
import type { Digest, ImageReference, Platform } from '@shoal/oci';
import type { CallOptions, ImageStore, WebReadOptions } from '@shoal/registry-client';
import type { FileSource } from './file-source.ts';
import type { Subject } from './subject/parse-subject.ts';

/** How bytes are reached. */
export type GetAccess = {
  /** Closed with the get. */
  readonly openStore: (reference: ImageReference) => Promise<ImageStore>;
  /** Blobs of the reference's repository from other hosts, too; undefined: there are none. */
  readonly share?:
    | ((reference: ImageReference, store: ImageStore) => BlobSource | undefined)
    | undefined;
  readonly web: WebAccess;
};

export type WebAccess = {
  readonly open: (url: URL, signal: AbortSignal | undefined) => Promise<OpenedWebFile>;
  /** The same from other hosts, too; undefined: there are none. */
  readonly share?: ((url: URL, origin: BlobSource) => BlobSource | undefined) | undefined;
};

/** A file at a URL, after the first look. */
export type OpenedWebFile = {
  /** Without what is after `?`, which may be a secret. */
  readonly description: string;
  readonly size: number | undefined;
  /** Its ETag or date, when the server says one that can be relied on. */
  readonly validator: string | undefined;
  readonly hasRanges: boolean;
  read(offset: number, length: number, options?: CallOptions): Promise<Buffer>;
  readFrom(offset: number, options?: WebReadOptions): AsyncIterable<Buffer>;
  close(): Promise<void>;
};

export type GetRequest = {
  readonly subject: Subject;
  /** Of a URL. */
  readonly digest?: Digest | undefined;
  readonly platform?: Platform | undefined;
  readonly signal?: AbortSignal | undefined;
};

export type GetFile = {
  /** A path below the directory, checked by whoever makes it; undefined: the caller has to say one. */
  readonly name: string | undefined;
  readonly source: FileSource;
};

export type OpenedGet = {
  readonly files: readonly GetFile[];
  /** All files of an artifact: they go into a directory. */
  readonly isTree: boolean;
  readonly close: () => Promise<void>;
};
