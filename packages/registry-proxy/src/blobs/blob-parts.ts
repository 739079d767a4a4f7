/** The parts of a span of a blob in their order, one read ahead of the one that is being sent. */
import type { ByteSpan } from '../request/byte-range.ts';
import type { ProxyRequest } from '../request/proxy-request.ts';
import type { Blob, BlobPart, BlobReads } from './blob-reads.ts';
import type { ReadSizes } from './read-sizes.ts';

/** How parts are read: by whom, and how long each is. */
export type PartReading = { readonly reads: BlobReads; readonly sizes: ReadSizes };

export async function* blobParts(
  { reads, sizes }: PartReading,
  request: ProxyRequest,
  blob: Blob,
  { start, end }: ByteSpan,
  signal: AbortSignal,
): AsyncGenerator<BlobPart, undefined, void> {
  const startRead = (offset: number): Promise<BlobPart> => {
    const length = sizes.next(offset, end, offset - start);
    const span = { offset, length, isFirst: offset === start };
    const part = reads.read(request, blob, span, signal);
    // It may fail while the part before it is being sent, or after everybody has gone.
    part.catch(() => undefined);
    return part;
  };
  const leave = reads.enter(request, blob);
  sizes.enter();
  try {
    let next = startRead(start);
    for (let position = start; position < end; ) {
      const part = await next;
      position += part.bytes.byteLength;
      if (
        position < end &&
        end === blob.size &&
        reads.isBetterInOne(request, blob, position - start)
      ) {
        yield part;
        yield* reads.inOne(request, blob, position, signal);
        return undefined;
      }
      if (position < end) next = startRead(position);
      yield part;
    }
    return undefined;
  } finally {
    sizes.leave();
    leave();
  }
}
