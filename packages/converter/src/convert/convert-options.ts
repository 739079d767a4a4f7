/**
 * What a conversion is asked for and what it tells back. Everything here is plain data: the
 * command line fills it, the report goes to JSON as it is.
 */
import type { Digest, ImageReference, Platform } from '@shoal/oci';
import type { Digester } from '@shoal/rafs';
import type { ClientOptions } from '@shoal/registry-client';
import type { Compressor } from '../blob/image-format.ts';
import type { CodecThreads } from '../chunk/codec-threads.ts';
import type { PrefetchPattern } from '../layer/first-reads.ts';

/** Which manifests of an index are converted. */
export type PlatformChoice =
  | { readonly kind: 'host' }
  | { readonly kind: 'one'; readonly platform: Platform }
  | { readonly kind: 'all' };

/** Where records of converted layers are kept between conversions. */
export type BuildCacheLocation =
  | { readonly kind: 'directory'; readonly path: string }
  | { readonly kind: 'image'; readonly reference: ImageReference };

export type ConvertOptions = {
  readonly source: ImageReference;
  readonly target: ImageReference;
  readonly client?: ClientOptions | undefined;
  /** @default { kind: 'host' } */
  readonly platforms?: PlatformChoice | undefined;
  /** @default 'zstd' */
  readonly compressor?: Compressor | undefined;
  /** Bytes; a power of two from 4 KiB to 16 MiB. @default 1 MiB */
  readonly chunkSizeBytes?: number | undefined;
  /** @default 'sha256' */
  readonly digester?: Digester | undefined;
  /** Converted images whose chunks are referred to instead of stored again. */
  readonly chunkDicts?: readonly ImageReference[] | undefined;
  /** One index with the original and the converted manifests. @default false */
  readonly mergePlatform?: boolean | undefined;
  /** The converted manifest names the original as its subject. @default false */
  readonly withReferrer?: boolean | undefined;
  /**
   * A torrent of each data blob beside the image, its infohash on the blob. 'if-possible': a blob may have
   * none, and a target that takes none costs a warning. @default false
   */
  readonly torrent?: boolean | 'if-possible' | undefined;
  /** What is read first, in that order; a directory stands for all below it. */
  readonly prefetchPatterns?: readonly PrefetchPattern[] | undefined;
  readonly buildCache?: BuildCacheLocation | undefined;
  /** Threads that run already, taken over. @default started when the first layer needs them */
  readonly threads?: CodecThreads | undefined;
  readonly onProgress?: ((event: ConvertProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
};

/** One layer on its way; `layer` counts from 0 in the source manifest. */
export type ConvertProgress =
  | {
      readonly kind: 'manifest';
      readonly platform: string;
      readonly layers: number;
      readonly bytes: number;
    }
  | {
      readonly kind: 'layer-start';
      readonly layer: number;
      readonly digest: string;
      /** Stored bytes of the layer; undefined for a directory. */
      readonly bytesTotal: number | undefined;
    }
  | { readonly kind: 'layer-bytes'; readonly layer: number; readonly bytes: number }
  | { readonly kind: 'layer-done'; readonly layer: number; readonly report: LayerReport }
  | { readonly kind: 'step'; readonly text: string }
  | { readonly kind: 'warning'; readonly text: string };

export type LayerReport = {
  readonly sourceDigest: string;
  /** How the layer came about: read and converted, or known from the build cache. */
  readonly origin: 'converted' | 'build-cache';
  /** Data blob, absent when the layer brought no new file data. */
  readonly blobDigest?: Digest | undefined;
  readonly sourceBytes: number;
  readonly entries: number;
  readonly fileBytes: number;
  readonly chunks: number;
  /** Chunks and bytes found in lower layers, earlier in the layer, or in a dictionary. */
  readonly dedupedChunks: number;
  readonly dedupedBytes: number;
  readonly dictBytes: number;
  readonly blobBytes: number;
  /** Of the data blob, when torrents are asked for. */
  readonly infohash?: string | undefined;
  readonly durationMs: number;
};

export type ManifestReport = {
  readonly platform: string;
  readonly sourceManifest: string;
  readonly targetManifest: Digest;
  readonly layers: readonly LayerReport[];
  readonly bootstrapBytes: number;
  readonly bootstrapLayerBytes: number;
  readonly inodes: number;
};

export type ConvertReport = {
  readonly shoal: string;
  readonly zstd: string;
  readonly source: string;
  readonly target: string;
  /** Digest of what the target's tag points at now. */
  readonly digest: Digest;
  readonly mediaType: string;
  readonly manifests: readonly ManifestReport[];
  readonly sourceBytes: number;
  readonly targetBytes: number;
  /** Target bytes by source bytes. */
  readonly ratio: number;
  readonly warnings: readonly string[];
  readonly durationMs: number;
};
