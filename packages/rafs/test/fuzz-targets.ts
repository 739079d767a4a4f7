/** The decoders of this package, for the fuzz runner: each returns or throws a coded error. */
import { ShoalError } from '@shoal/errors';
import type { Bootstrap, RafsInode } from '@shoal/rafs';
import {
  decodeBlobMetaFile,
  decodeBlobTail,
  decodeBootstrapLayerTar,
  decodeLz4Block,
  decodeStoredChunkInfo,
  encodeBootstrapLayerTar,
  InodeKind,
  openBootstrap,
  verifyBootstrap,
} from '@shoal/rafs';
import type { FuzzTarget } from '@shoal/test-kit';
import { decodeDirectoryBlock } from '../src/directory-block.ts';
import { decodeXattrs } from '../src/xattr-area.ts';
import { TEST_BLOB_ID } from './support/build-image.ts';
import { batchSample, type SampleChunkInfo, TEST_CIPHER } from './support/sample-chunk-info.ts';
import { datalessImage, everythingImage } from './support/sample-images.ts';

const everything = everythingImage();
const images = [everything.bootstrap, datalessImage().bootstrap];
const blobFile = everything.blob.file();
const { entry: blobEntry, metaFile } = everything.blob.tail();
const entry = { ...blobEntry, blobId: TEST_BLOB_ID, blobIndex: 0 };
const storedChunkInfo = blobFile.subarray(
  entry.ciOffset,
  entry.ciOffset + entry.ciCompressedSize + 4096,
);
const layer = { bootstrap: everything.bootstrap, metaFiles: new Map([[TEST_BLOB_ID, metaFile]]) };
/** 4096 times "a": one literal, a match of 4090 that overlaps itself, five literals. */
const LZ4_SAMPLE = Buffer.from(`1f610100${'ff'.repeat(15)}f6506161616161`, 'hex');

export const fuzzTargets: readonly FuzzTarget[] = [
  { name: 'verify-bootstrap', samples: () => images, run: (input) => verifyBootstrap(input) },
  { name: 'every-inode', samples: () => images, run: readEveryInode },
  { name: 'blob-tail', samples: () => [blobFile], run: (input) => tailOf(input) },
  {
    name: 'chunk-info-v1',
    samples: () => [storedChunkInfo],
    run: (input) => decodeStoredChunkInfo(input, entry),
  },
  chunkInfoTarget('chunk-info-batch', batchSample()),
  chunkInfoTarget('chunk-info-batch-zstd', batchSample({ compressor: 'zstd' })),
  chunkInfoTarget('chunk-info-encrypted', batchSample({ cipher: TEST_CIPHER })),
  {
    name: 'blob-meta-file',
    samples: () => [metaFile],
    run: (input) => decodeBlobMetaFile(input, entry),
  },
  {
    name: 'bootstrap-layer-tar',
    samples: () => [Buffer.concat(encodeBootstrapLayerTar(layer))],
    run: (input) => decodeBootstrapLayerTar(input),
  },
  { name: 'lz4-block', samples: () => [LZ4_SAMPLE], run: (input) => decodeLz4Block(input, 4096) },
  { name: 'xattr-area', samples: () => [xattrSample()], run: (input) => decodeXattrs(input) },
  {
    name: 'directory-block',
    samples: () => [directorySample()],
    run: (input) => decodeDirectoryBlock(input),
  },
];

function chunkInfoTarget(name: string, sample: SampleChunkInfo): FuzzTarget {
  return {
    name,
    samples: () => [sample.stored],
    run: (input) => {
      const meta = decodeStoredChunkInfo(input, sample.entry);
      for (let index = 0; index < meta.chunkCount; index++) meta.unit(index);
      return meta;
    },
  };
}

function tailOf(blob: Buffer): unknown {
  return decodeBlobTail(blob.subarray(-4608), blob.length);
}

/** Reads what can be read at every possible inode number, as a tool on a damaged image would. */
function readEveryInode(input: Buffer): number {
  const bootstrap = openBootstrap(input);
  let readable = 0;
  for (let nid = 1; nid * 32 < input.length; nid++) {
    try {
      readInode(bootstrap, bootstrap.inode(nid));
      readable++;
    } catch (error) {
      if (!(error instanceof ShoalError)) throw error;
    }
  }
  return readable;
}

function readInode(bootstrap: Bootstrap, inode: RafsInode): void {
  bootstrap.xattrs(inode);
  if (inode.kind === InodeKind.directory) Array.from(bootstrap.directory(inode));
  if (inode.kind === InodeKind.symlink) bootstrap.symlinkTarget(inode);
  if (inode.kind !== InodeKind.regular) return;
  for (const { blobIndex, chunkIndex } of bootstrap.chunkEntries(inode)) {
    bootstrap.chunkRecord(blobIndex, chunkIndex);
  }
}

function xattrSample(): Buffer {
  const bootstrap = openBootstrap(everything.bootstrap);
  const found = [...bootstrap.directory(bootstrap.root())].find((child) => child.name === 'a');
  const inode = bootstrap.inode(found?.nid ?? 0);
  return everything.bootstrap.subarray(inode.offset + 64, inode.offset + 64 + inode.xattrBytes);
}

function directorySample(): Buffer {
  const bootstrap = openBootstrap(everything.bootstrap);
  const root = bootstrap.root();
  return everything.bootstrap.subarray(root.offset + 64, root.offset + 64 + root.size);
}
