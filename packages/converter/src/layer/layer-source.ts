/**
 * Where a layer's entries and content come from: a stored archive of an image, or a directory.
 */
import { createHash } from 'node:crypto';
import type { Descriptor, Digest } from '@shoal/oci';
import { digestAlgorithm, digestHex } from '@shoal/oci';
import type { ImageStore } from '@shoal/registry-client';
import type { ChunkCutter } from '../chunk/chunk-cutter.ts';
import { LayerDiffIdError } from '../errors.ts';
import { TarDecoder } from '../tar/tar-decoder.ts';
import type { ReadXattrs } from './directory-layer.ts';
import { readDirectoryLayer } from './directory-layer.ts';
import type { EntryWriter } from './entry-codec.ts';
import type { FirstReads } from './first-reads.ts';
import { readLayer, readStoredLayer } from './layer-stream.ts';
import type { LayerCounts } from './tar-layer.ts';
import { TarLayerHandler } from './tar-layer.ts';

/** Where a layer source puts what it reads, and how it learns to wait. */
export type LayerSink = {
  readonly entries: EntryWriter;
  readonly cutter: ChunkCutter;
  readonly firstReads: FirstReads;
  readonly isFull: () => boolean;
  /** Resolves when more may be cut; throws what went wrong further down. */
  readonly whenReady: () => Promise<void>;
  /** Told the stored bytes as they are read. */
  readonly onBytes: (bytes: number) => void;
};

export type LayerSource = {
  /** Digest of the stored layer, or the path of a directory: for messages and reports. */
  readonly name: string;
  /** Stored bytes; undefined when nobody knows before. */
  readonly storedBytes: number | undefined;
  /** True when names like `.wh.x` are ordinary names. */
  readonly isLiteral: boolean;
  read(sink: LayerSink, signal: AbortSignal): Promise<LayerCounts>;
};

/** A layer of an image: digest and size are checked by the store, the diff id here. */
export function archiveLayer(store: ImageStore, layer: Descriptor, diffId: Digest): LayerSource {
  return {
    name: layer.digest,
    storedBytes: layer.size,
    isLiteral: false,
    async read(sink, signal) {
      const stored = await readStoredLayer(store, layer, signal);
      // The store checks the digest of what is stored: for an uncompressed layer that is the diff id.
      const hash = diffId === layer.digest ? undefined : createHash(digestAlgorithm(diffId));
      let rawBytes = 0;
      const handler = new TarLayerHandler(sink.entries, sink.cutter, sink.firstReads);
      const decoder = new TarDecoder(handler, `layer ${layer.digest}`);
      for await (const bytes of readLayer(stored, layer.digest, sink.onBytes)) {
        signal.throwIfAborted();
        hash?.update(bytes);
        rawBytes += bytes.length;
        for (let at = 0; at < bytes.length; ) {
          at += decoder.write(at === 0 ? bytes : bytes.subarray(at), sink.isFull);
          if (sink.isFull()) await sink.whenReady();
        }
      }
      decoder.end();
      const isStoredRaw = hash === undefined && rawBytes === layer.size;
      const found = isStoredRaw ? digestHex(diffId) : (hash?.digest('hex') ?? 'something else');
      if (found !== digestHex(diffId)) {
        throw new LayerDiffIdError(layer.digest, diffId, `${digestAlgorithm(diffId)}:${found}`);
      }
      return handler.counts;
    },
  };
}

/** A directory tree as the only layer of an image. */
export function directoryLayer(path: string, readXattrs: ReadXattrs): LayerSource {
  return {
    name: path,
    storedBytes: undefined,
    isLiteral: true,
    read(sink, signal) {
      return readDirectoryLayer(Buffer.from(path), { ...sink, readXattrs }, signal);
    },
  };
}
