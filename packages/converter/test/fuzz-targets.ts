/** What strangers give the converter: archives, their records, and what a build cache holds. */
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

function record(): Buffer {
  const unit = {
    entries: Buffer.from('entries'),
    entryCount: 1,
    fileBytes: 0,
    chunkNumbers: new Uint32Array(0),
    dedupedChunks: 0,
    dedupedBytes: 0,
    dictBytes: 0,
    blob: undefined,
  };
  return encodeLayerRecord(unit, new ChunkIndex()) ?? Buffer.alloc(0);
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
    samples: () => [record()],
    run: (input) => {
      const index = new ChunkIndex();
      const format = { compressor: 'zstd', digester: 'sha256', chunkSizeBytes: 4096 } as const;
      return decodeLayerRecord(input, index, new BlobLayout(index, format, 0), async () => false);
    },
  },
];
