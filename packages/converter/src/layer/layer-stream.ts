/**
 * A layer's stored bytes as uncompressed archive bytes. The compression is recognised from the
 * first bytes, not from the media type, since registries hold layers with wrong types; the number
 * of output bytes per step is large because each step costs the main thread a wake-up.
 */
import type { Transform } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import type { Descriptor } from '@shoal/oci';
import type { ImageStore } from '@shoal/registry-client';
import { LayerCompressionError } from '../errors.ts';

const STEP_BYTES = 512 * 1024;
const GZIP_MAGIC = [0x1f, 0x8b];
const ZSTD_MAGIC = [0x28, 0xb5, 0x2f, 0xfd];
/** Skippable zstd frames (0x184D2A50 to 0x184D2A5F), which zstd:chunked layers may start with. */
const ZSTD_SKIPPABLE_MAGIC = [0x2a, 0x4d, 0x18];
const BZIP2_MAGIC = [0x42, 0x5a, 0x68];
const XZ_MAGIC = [0xfd, 0x37, 0x7a, 0x58];

export type LayerCompression = 'none' | 'gzip' | 'zstd';

/** The compression the first bytes show. Throws for formats no container engine reads. */
export function detectCompression(head: Buffer, layer: string): LayerCompression {
  const starts = (magic: readonly number[], at = 0) =>
    magic.every((byte, index) => head[at + index] === byte);
  if (starts(GZIP_MAGIC)) return 'gzip';
  if (starts(ZSTD_MAGIC) || (starts(ZSTD_SKIPPABLE_MAGIC, 1) && ((head[0] ?? 0) & 0xf0) === 0x50)) {
    return 'zstd';
  }
  if (starts(BZIP2_MAGIC)) throw new LayerCompressionError(layer, 'bzip2 is not a layer format');
  if (starts(XZ_MAGIC)) throw new LayerCompressionError(layer, 'xz is not a layer format');
  return 'none';
}

/** A layer as it is stored; each piece is valid until the next is asked for. */
export async function readStoredLayer(
  store: ImageStore,
  layer: Descriptor,
  signal: AbortSignal,
): Promise<AsyncIterable<Buffer>> {
  return (await store.readBlobPieces?.(layer, { signal })) ?? store.readBlob(layer, { signal });
}

/**
 * Yields the uncompressed bytes. The stored stream is read to its end, so that its digest is
 * checked, even when the archive ends earlier. Each yielded buffer is valid until the next.
 */
export async function* readLayer(
  stored: AsyncIterable<Buffer>,
  layer: string,
  onStored: (bytes: number) => void,
): AsyncGenerator<Buffer, void> {
  const iterator = stored[Symbol.asyncIterator]();
  try {
    const head = await readHead(iterator);
    const compression = detectCompression(head, layer);
    const whole = wholeOf(head, iterator, onStored);
    if (compression === 'none') yield* whole;
    else yield* decompress(whole, compression, layer);
  } finally {
    await iterator.return?.();
  }
}

/** The first piece, or several when they are tiny. */
async function readHead(iterator: AsyncIterator<Buffer>): Promise<Buffer> {
  let head: Buffer = Buffer.alloc(0);
  while (head.length < ZSTD_MAGIC.length) {
    const { done, value } = await iterator.next();
    if (done === true) break;
    head =
      head.length === 0 && value.length >= ZSTD_MAGIC.length ? value : Buffer.concat([head, value]);
  }
  return head;
}

async function* wholeOf(
  head: Buffer,
  iterator: AsyncIterator<Buffer>,
  onStored: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  onStored(head.length);
  if (head.length > 0) yield head;
  for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
    onStored(next.value.length);
    yield next.value;
  }
}

async function* decompress(
  source: AsyncGenerator<Buffer>,
  compression: 'gzip' | 'zstd',
  layer: string,
): AsyncGenerator<Buffer, void> {
  const options = { chunkSize: STEP_BYTES };
  const transform: Transform =
    compression === 'gzip' ? createGunzip(options) : createZstdDecompress(options);
  let sourceFailure: { readonly error: unknown } | undefined;
  const feeding = feed(source, transform).catch((error: unknown) => {
    sourceFailure = { error };
    transform.destroy(error instanceof Error ? error : new Error(String(error)));
  });
  try {
    for await (const bytes of transform) yield bytes;
    await feeding;
  } catch (error) {
    await feeding;
    if (sourceFailure !== undefined) throw sourceFailure.error;
    throw new LayerCompressionError(layer, 'the compressed data is damaged', { cause: error });
  } finally {
    transform.destroy();
    await source.return(undefined);
  }
  if (sourceFailure !== undefined) throw sourceFailure.error;
}

/** Each piece is consumed before the next is asked for. */
async function feed(source: AsyncGenerator<Buffer>, transform: Transform): Promise<void> {
  for await (const bytes of source) {
    if (transform.destroyed) return;
    await new Promise<void>((resolve) => {
      transform.once('close', resolve);
      transform.write(bytes, () => {
        transform.off('close', resolve);
        resolve();
      });
    });
  }
  transform.end();
}
