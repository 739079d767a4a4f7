/**
 * Images that earlier versions wrote are read for ever. `fixtures/abi/<version>` holds a bootstrap
 * and its blob as that version wrote them (zstd around each); they are never made again.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import {
  byteStringFromText,
  chunkInfoRange,
  decodeStoredChunkInfo,
  digestSectionRange,
  openBootstrap,
  verifyBootstrap,
} from '@shoal/rafs';
import t from 'tap';

const FIXTURES = join(import.meta.dirname, 'fixtures', 'abi');

function fixture(version: string, name: string): Buffer {
  return zstdDecompressSync(readFileSync(join(FIXTURES, version, `${name}.zst`)));
}

for (const version of readdirSync(FIXTURES)) {
  t.test(`images of version ${version}`, async (t) => {
    const bootstrap = openBootstrap(fixture(version, 'image.boot'));
    const blob = fixture(version, 'image.blob');
    t.match(verifyBootstrap(bootstrap), { inodes: 16, names: 265, files: 4, xattrs: 3 });
    const [entry] = bootstrap.blobs;
    if (entry === undefined) throw new Error('no blob');
    const range = chunkInfoRange(entry);
    const digestRange = digestSectionRange(entry);
    if (digestRange === undefined) throw new Error('no digests');
    const digests = blob.subarray(digestRange.offset, digestRange.offset + digestRange.size);
    const stored = blob.subarray(range.offset, range.offset + range.size);
    const meta = decodeStoredChunkInfo(stored, entry, { digests });
    const large = bootstrap.lookup(bootstrap.root(), byteStringFromText('large'));
    const chunks = bootstrap.chunkEntries(bootstrap.inode(large?.nid ?? 0));
    const content = chunks.map(({ blobIndex, chunkIndex }) => {
      const { compressedOffset, compressedSize, isCompressed } = meta.unit(chunkIndex);
      t.same(bootstrap.chunkRecord(blobIndex, chunkIndex)?.digest, meta.digest(chunkIndex));
      const bytes = blob.subarray(compressedOffset, compressedOffset + compressedSize);
      return isCompressed ? zstdDecompressSync(bytes) : bytes;
    });
    t.same(Buffer.concat(content), Buffer.alloc(10_000, 'large '));
  });
}
