/**
 * What the records of a store tell, compared with its files, when it is opened. A blob whose record does
 * not decode or whose file is another one is dropped; so are files that no record tells of.
 */
import { errorCode } from '@shoal/errors';
import { type BlobId, parseBlobId } from '@shoal/oci';
import { StoreFileError } from '../errors.ts';
import type { BlobFiles } from './blob-files.ts';
import { STORED_BLOBS_MAX } from './limits.ts';
import type { StoreEventSink } from './store-event.ts';
import { blobKey, isDamaged, type StoreIndex } from './store-index.ts';
import type { StoreCounters } from './store-parts.ts';
import { type BlobRecord, decodeBlobRecord } from './store-record.ts';

export type RestoredBlob = { readonly record: BlobRecord; readonly diskBytes: number };

export type RestoreInit = {
  readonly index: StoreIndex;
  readonly files: BlobFiles;
  readonly counters: StoreCounters;
  readonly onEvent: StoreEventSink;
};

/** What of the index cannot be read is not known any more. */
export async function restoreBlobs(init: RestoreInit): Promise<Map<BlobId, RestoredBlob>> {
  const { index, files, counters, onEvent } = init;
  const known = await readRecords(init).catch(async (error: unknown) => {
    if (!isDamaged(error)) throw error;
    counters.recordsDamaged++;
    onEvent({ kind: 'damaged-record', message: 'the index of the store is damaged', error });
    await index.clear();
    return new Map<BlobId, RestoredBlob>();
  });
  for (const name of await files.list()) {
    const blobId = parseBlobId(name);
    if (known.has(blobId)) continue;
    try {
      await files.remove(blobId);
      counters.filesRemoved++;
    } catch (error) {
      onEvent({ kind: 'evict-failed', message: `blob ${blobId} cannot be removed`, error });
    }
  }
  return known;
}

async function readRecords(init: RestoreInit): Promise<Map<BlobId, RestoredBlob>> {
  const { index } = init;
  const known = new Map<BlobId, RestoredBlob>();
  const dropped: BlobId[] = [];
  for await (const [blobId, bytes] of index.blobs()) {
    const record = decodeRecord(init, blobId, bytes);
    const blob = record === undefined ? undefined : await checkFile(init, blobId, record);
    if (blob === undefined || known.size >= STORED_BLOBS_MAX) dropped.push(blobId);
    else known.set(blobId, blob);
  }
  // First the records: a cut in between must not leave records of bytes that are gone.
  if (dropped.length > 0) await index.delete(dropped);
  return known;
}

function decodeRecord(
  { counters, onEvent }: RestoreInit,
  blobId: BlobId,
  bytes: Buffer,
): BlobRecord | undefined {
  try {
    return decodeBlobRecord(blobKey(blobId), bytes);
  } catch (error) {
    counters.recordsDamaged++;
    onEvent({ kind: 'damaged-record', message: `blob ${blobId}: its record is damaged`, error });
    return undefined;
  }
}

async function checkFile(
  { files, counters, onEvent }: RestoreInit,
  blobId: BlobId,
  record: BlobRecord,
): Promise<RestoredBlob | undefined> {
  try {
    const diskBytes = await files.check(blobId, record);
    if (diskBytes < record.heldBytes) {
      // Somebody punched holes into it, or cut it off and stretched it: holes read as zeros.
      throw new StoreFileError(files.pathOf(blobId), 'it has holes where bytes were');
    }
    return { record, diskBytes };
  } catch (error) {
    if (errorCode(error) === 'ENOENT') {
      counters.filesMissing++;
      return undefined;
    }
    counters.filesDamaged++;
    onEvent({ kind: 'damaged-file', message: `blob ${blobId}: its file is not usable`, error });
    return undefined;
  }
}
