/** Where the reads of the miss scenario go: one place in a file for each chunk of an image. */
import { readBootstrapLayer } from '@shoal/blob-store';
import { parseReference } from '@shoal/oci';
import { bytesOf, type ChunkRecord, findFileRanges, openBootstrap } from '@shoal/rafs';
import { findConvertedImage, openSource } from '@shoal/registry-client';
import { randomOf } from '../scale/random.ts';

/** A chunk as it is stored: a zstd frame of its own, or its bytes as they are. */
export type StoredChunk = {
  readonly blobId: string;
  /** Bytes of the stored blob. */
  readonly offset: number;
  readonly bytes: number;
  readonly isCompressed: boolean;
  /** Where it begins in the uncompressed address space of the blob. */
  readonly rawOffset: number;
  readonly rawBytes: number;
  /** SHA-256 of the raw bytes. */
  readonly digest: Buffer;
};

export type Place = {
  readonly path: string;
  /** Where the chunk begins in the file. */
  readonly at: number;
  readonly chunk: StoredChunk;
  /** Each chunk of the image was as likely as this one, large or small. */
  readonly isDrawn: boolean;
};

const READ_BYTES = 4096;

export type PlaceOptions = {
  /** Larger chunks are left out. @default none is */
  readonly bytesMax?: number;
  /** Drawn among all chunks by this seed. @default the largest are taken */
  readonly seed?: number | undefined;
};

/** Chunks of a converted image, the largest or drawn ones, each once, in an order no readahead can guess. */
export async function placesOf(
  reference: string,
  count: number,
  { bytesMax = Number.POSITIVE_INFINITY, seed }: PlaceOptions = {},
): Promise<Place[]> {
  await using store = await openSource(parseReference(reference), { plainHttp: true });
  const image = await findConvertedImage(store);
  const layer = await readBootstrapLayer(store, image.bootstrap);
  const bootstrap = openBootstrap(layer.bootstrap);
  if (bootstrap.digester !== 'sha256')
    throw new Error('the chunks have other digests than SHA-256');
  const all = [...bootstrap.chunkRecords()].filter(
    ({ uncompressedSize }) => uncompressedSize <= bytesMax,
  );
  const isDrawn = seed !== undefined;
  const ordered = isDrawn
    ? shuffled(all, seed)
    : all.toSorted((a, b) => b.uncompressedSize - a.uncompressedSize);
  const records = ordered.slice(0, count);
  const ranges = records.map(({ blobIndex, uncompressedOffset: offset }) => ({
    blobIndex,
    offset,
    length: READ_BYTES,
  }));
  const places = findFileRanges(bootstrap, ranges).flatMap((files, index): Place[] => {
    const [file] = files;
    const record = records[index];
    const blobId = bootstrap.blobs[record?.blobIndex ?? -1]?.blobId;
    if (file === undefined || record === undefined || blobId === undefined) return [];
    const path = bytesOf(file.path).toString();
    return [{ path, at: file.offset, chunk: storedChunk(blobId, record), isDrawn }];
  });
  return scattered(places);
}

function storedChunk(blobId: string, record: ChunkRecord): StoredChunk {
  const { compressedOffset: offset, compressedSize: bytes, uncompressedSize: rawBytes } = record;
  const rawOffset = record.uncompressedOffset;
  return {
    blobId,
    offset,
    bytes,
    rawBytes,
    rawOffset,
    isCompressed: bytes !== rawBytes,
    digest: record.digest,
  };
}

/** A fixed stride that shares no factor with the number of places visits each once. */
function scattered(places: readonly Place[]): Place[] {
  const stride = [61, 67, 71].find((prime) => places.length % prime !== 0) ?? 1;
  return places.map((_, n) => places[(n * stride) % places.length]).filter((place) => !!place);
}

/** In an order that the seed names. */
export function shuffled<T>(values: readonly T[], seed: number): T[] {
  const random = randomOf(seed);
  return values
    .map((value) => ({ value, lot: random() }))
    .sort((a, b) => a.lot - b.lot)
    .map(({ value }) => value);
}
