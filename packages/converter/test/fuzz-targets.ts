/** What strangers give the converter: archives, their records, and what a build cache holds. */
import { sha256Digest } from '@shoal/oci';
import type { FuzzTarget } from '@shoal/test-kit';
import { tortureLayers } from '@shoal/test-kit';
import { BlobLayout } from '../src/blob/blob-layout.ts';
import { ChunkIndex } from '../src/chunk/chunk-index.ts';
import { decodeLayerRecord, encodeLayerRecord } from '../src/convert/layer-record.ts';
import { EntryWriter, readEntries } from '../src/layer/entry-codec.ts';
import { detectCompression } from '../src/layer/layer-stream.ts';
import { TarLayerHandler } from '../src/layer/tar-layer.ts';
import { parsePaxRecords, parsePaxTime } from '../src/tar/pax.ts';
import { TarDecoder } from '../src/tar/tar-decoder.ts';
import { ChunkIndexOfContent } from './support/replay.ts';

/** The layer's entries; content is dropped. */
function entriesOf(archive: Buffer): Buffer {
  const entries = new EntryWriter('#');
  const contents = new ChunkIndexOfContent();
  contents.write = () => {};
  contents.writeHole = () => {};
  const decoder = new TarDecoder(new TarLayerHandler(entries, contents as never));
  decoder.write(archive);
  decoder.end();
  return entries.finish();
}

/** Small archives are mutated more often in the same time. */
const LARGE = ['big', 'zeros', 'exactly-one-chunk', 'same-content-1', 'same-content-2'];
const archives = () => tortureLayers({ leaveOut: LARGE }).filter(({ length }) => length < 1 << 20);

const FORMAT = { compressor: 'zstd', digester: 'sha256', chunkSizeBytes: 4096 } as const;

/** With a blob and the hashes of its pieces. */
function recordOfBlob(): Buffer {
  const index = new ChunkIndex();
  const layout = new BlobLayout(index, FORMAT, 0);
  layout.add(Buffer.alloc(32, 1), 0, 100, 50);
  const descriptor = { digest: sha256Digest(Buffer.alloc(0)), size: 50, mediaType: 'a/b' };
  const blob = layout.toBlob(descriptor, layout.encodeEnd(Buffer.alloc(32)));
  const pieces = { pieceBytes: 256 << 10, hashes: Buffer.alloc(20, 7) };
  const unit = { ...emptyUnit(), blob: { ...blob, pieces }, chunkNumbers: Uint32Array.of(0) };
  return encodeLayerRecord(unit, index) ?? Buffer.alloc(0);
}

function record(): Buffer {
  return encodeLayerRecord(emptyUnit(), new ChunkIndex()) ?? Buffer.alloc(0);
}

function emptyUnit() {
  return {
    entries: Buffer.from('entries'),
    entryCount: 1,
    fileBytes: 0,
    chunkNumbers: new Uint32Array(0),
    dedupedChunks: 0,
    dedupedBytes: 0,
    dictBytes: 0,
    blob: undefined,
  };
}

export const fuzzTargets: readonly FuzzTarget[] = [
  { name: 'tar', samples: archives, run: (input) => entriesOf(input) },
  {
    name: 'layer-entries',
    samples: () => archives().map(entriesOf),
    run: (input) => Array.from(readEntries(input)).length,
  },
  {
    name: 'pax-records',
    samples: () => [Buffer.from('20 path=some/name/x\n18 mtime=-12.25000\n')],
    run: (input) => [parsePaxRecords(input), parsePaxTime(input.toString('latin1'))],
  },
  {
    name: 'layer-compression',
    samples: () => ['1f8b', '28b52ffd', '502a4d18', '00'].map((hex) => Buffer.from(hex, 'hex')),
    run: (input) => detectCompression(input, 'fuzzed'),
  },
  {
    name: 'layer-record',
    samples: () => [record(), recordOfBlob()],
    run: (input) => {
      const index = new ChunkIndex();
      const layout = new BlobLayout(index, FORMAT, 0);
      return decodeLayerRecord(input, index, layout, async () => true);
    },
  },
];
