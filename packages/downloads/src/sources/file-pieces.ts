/**
 * A file's bytes in order: through whoever shares its blob, or from its own place alone where nobody
 * does, and once something of what was shared was wrong.
 */
import { type BlobSource, exactSource, type SizedBlob } from '@shoal/blob-store';
import type { FileSource, PiecesOptions } from '../file-source.ts';
import { readAhead } from './read-ahead.ts';
import type { SharedVerdicts } from './shared-verdicts.ts';

export type SharedFile = {
  readonly source: BlobSource;
  readonly blob: SizedBlob;
};

export type FilePiecesInput = {
  /** Has the bytes of other hosts, too. */
  readonly shared: SharedFile | undefined;
  readonly verdicts: SharedVerdicts;
  /** The bytes from `offset` to the end, from the file's own place. */
  readonly alone: (offset: number, signal: AbortSignal | undefined) => AsyncIterable<Buffer>;
};

export function filePieces({ shared, verdicts, alone }: FilePiecesInput): FileSource['pieces'] {
  return (offset, options) => {
    if (shared === undefined || verdicts.isWrong) {
      return fromOrigin(alone(offset, options.signal), options);
    }
    const source = exactSource(shared.source);
    return readAhead({ source, blob: shared.blob, offset, ...options, onVerdict: verdicts.add });
  };
}

async function* fromOrigin(
  transfer: AsyncIterable<Buffer>,
  { onSource }: PiecesOptions,
): AsyncGenerator<Buffer, void> {
  for await (const piece of transfer) {
    onSource({ local: 0, peers: 0, origin: piece.byteLength });
    yield piece;
  }
}
