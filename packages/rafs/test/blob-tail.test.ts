/** What follows a blob's data: written, found again from the end, and read by the blob table. */
import { createHash } from 'node:crypto';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import {
  BlobFeature,
  chunkInfoRange,
  decodeBlobMetaFile,
  decodeBlobTail,
  decodeStoredChunkInfo,
  digestSectionRange,
  encodeBlobTail,
  encodeSectionHeader,
  findToc,
  imageBlobHeader,
  SectionName,
  type TocEntry,
} from '@shoal/rafs';
import t from 'tap';
import { decodeSectionHeader } from '../src/blob/section-header.ts';
import { sha256, TEST_BLOB_ID, TestBlob } from './support/build-image.ts';

function sampleBlob(): TestBlob {
  const blob = new TestBlob(4096, (bytes) => zstdCompressSync(bytes));
  blob.add(Buffer.alloc(10_000, 'abc'));
  blob.add(Buffer.from('tiny'));
  return blob;
}

function section(entries: readonly TocEntry[], name: string): TocEntry {
  const entry = entries.find((candidate) => candidate.name === name);
  if (entry === undefined) throw new Error(`no section ${name}`);
  return entry;
}

t.test('section header: GNU tar, byte for byte', async (t) => {
  const header = encodeSectionHeader(SectionName.data, 7802);
  const expected = Buffer.alloc(512);
  expected.write('image.blob', 0);
  expected.write('00000017172\0', 124);
  expected.write('00000000000\0', 136);
  expected.write('007101\0 ', 148);
  expected.write('0', 156);
  expected.write('ustar  \0', 257);
  let sum = 0;
  for (const [index, byte] of expected.entries()) sum += index >= 148 && index < 156 ? 32 : byte;
  expected.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  t.same(header, expected);
  t.same(decodeSectionHeader(header), { name: 'image.blob', size: 7802 });
});

t.test('section header: sizes from 8 GiB on are base-256', async (t) => {
  for (const size of [0, 8 ** 11 - 1, 8 ** 11, 2 ** 40]) {
    t.equal(decodeSectionHeader(encodeSectionHeader('image.blob', size)).size, size);
  }
});

t.test('section header: a wrong checksum is refused', async (t) => {
  const header = encodeSectionHeader(SectionName.data, 1);
  header.writeUInt8(0x41, 0);
  t.throws(() => decodeSectionHeader(header), { code: 'ERR_RAFS_CORRUPT' });
});

t.test('the sections lie where the table of contents says', async (t) => {
  const blob = sampleBlob();
  const file = blob.file();
  const tail = decodeBlobTail(file.subarray(-4608), file.length);
  if (tail.kind !== 'toc') throw new Error(tail.kind);
  t.same(
    tail.entries.map(({ name }) => name),
    ['image.blob', 'blob.meta', 'blob.meta.header', 'blob.digest'],
  );
  const data = section(tail.entries, 'image.blob');
  t.equal(data.storedSize, blob.dataSize);
  t.equal(data.uncompressedSize, blob.uncompressedSize);
  t.same(data.digest, sha256(file.subarray(0, blob.dataSize + 512)), 'header counts too');
  for (const name of ['blob.meta', 'blob.meta.header', 'blob.digest']) {
    const { offset, storedSize, uncompressedSize, digest, compressor } = section(
      tail.entries,
      name,
    );
    const stored = file.subarray(offset, offset + storedSize);
    const content = compressor === 'zstd' ? zstdDecompressSync(stored) : stored;
    t.equal(content.length, uncompressedSize, name);
    t.same(sha256(content), digest, name);
  }
  const digests = section(tail.entries, 'blob.digest');
  const stored = file.subarray(digests.offset, digests.offset + digests.storedSize);
  t.same(stored, Buffer.concat(blob.chunks.map(({ digest }) => digest)));
});

t.test('each section is followed by its tar header', async (t) => {
  const blob = sampleBlob();
  const { entry } = blob.tail();
  const file = blob.file();
  let end = file.length;
  const sections: string[] = [];
  while (end > 0) {
    const { name, size } = decodeSectionHeader(file.subarray(end - 512, end));
    sections.unshift(name);
    end -= 512 + size;
  }
  t.equal(end, 0);
  t.same(sections, ['image.blob', 'blob.meta', 'blob.digest', 'rafs.blob.toc']);
  const toc = file.subarray(file.length - entry.tocSize);
  t.same(createHash('sha256').update(toc).digest(), entry.tocDigest);
});

t.test('chunk-info is read back from the blob and from its file', async (t) => {
  const blob = sampleBlob();
  const file = blob.file();
  const { entry: partial, metaFile } = blob.tail();
  const entry = { ...partial, blobId: TEST_BLOB_ID, blobIndex: 0 };
  const range = chunkInfoRange(entry);
  const digestRange = digestSectionRange(entry);
  if (digestRange === undefined) throw new Error('no digests');
  const digests = file.subarray(digestRange.offset, digestRange.offset + digestRange.size);
  const fromBlob = decodeStoredChunkInfo(
    file.subarray(range.offset, range.offset + range.size),
    entry,
    { digests },
  );
  const fromFile = decodeBlobMetaFile(metaFile, entry);
  for (const [index, chunk] of blob.chunks.entries()) {
    t.same(fromBlob.unit(index), {
      compressedOffset: chunk.storedOffset,
      compressedSize: chunk.stored.length,
      uncompressedSize: chunk.bytes.length,
      isCompressed: chunk.stored.length !== chunk.bytes.length,
      isEncrypted: false,
      offsetInUnit: 0,
      batch: undefined,
    });
    t.equal(fromBlob.uncompressedOffset(index), chunk.offset);
    t.same(fromBlob.chunk(index), fromFile.chunk(index));
    t.same(fromBlob.digest(index), chunk.digest);
    t.equal(fromFile.digest(index), undefined);
    t.equal(fromBlob.crc32c(index), undefined);
  }
  t.same(fromBlob.toFile(), metaFile);
  t.throws(() => fromBlob.chunk(4), RangeError);
});

t.test('findChunk: by any byte of the device file', async (t) => {
  const blob = sampleBlob();
  const { entry, metaFile } = blob.tail();
  const meta = decodeBlobMetaFile(metaFile, { ...entry, blobId: TEST_BLOB_ID, blobIndex: 0 });
  t.equal(meta.findChunk(0), 0);
  t.equal(meta.findChunk(4095), 0);
  t.equal(meta.findChunk(4096), 1);
  t.equal(meta.findChunk(8192 + 1808), 3, 'padding belongs to what follows');
  t.equal(meta.findChunk(12_288 + 4), 4, 'behind the last chunk');
});

t.test('a large chunk-info array is stored as zstd, a small one as it is', async (t) => {
  const small = new TestBlob();
  small.add(Buffer.from('one chunk'));
  t.equal(small.tail().entry.ciCompressor, 'none');
  const blob = new TestBlob(4096);
  for (let index = 0; index < 500; index++) blob.add(Buffer.from(`chunk ${index}`));
  const { entry: partial } = blob.tail();
  t.equal(partial.ciCompressor, 'zstd');
  const entry = { ...partial, blobId: TEST_BLOB_ID, blobIndex: 0 };
  const file = blob.file();
  const { offset, size } = chunkInfoRange(entry);
  const meta = decodeStoredChunkInfo(file.subarray(offset, offset + size), entry);
  t.equal(meta.uncompressedOffset(499), 499 * 4096);
  const toc = findToc(file);
  t.equal(toc?.[1]?.compressor, 'zstd');
});

t.test('older blobs: no table of contents, or nothing but chunk-info', async (t) => {
  const withBoot = Buffer.concat([Buffer.alloc(100), encodeSectionHeader('image.boot', 60)]);
  t.same(decodeBlobTail(withBoot, withBoot.length), {
    kind: 'section',
    name: 'image.boot',
    offset: 40,
    size: 60,
  });
  const { metaFile } = sampleBlob().tail();
  t.equal(decodeBlobTail(metaFile, metaFile.length).kind, 'chunk-info');
  t.same(decodeBlobTail(Buffer.alloc(5000, 1), 5000), { kind: 'unknown' });
  t.same(decodeBlobTail(Buffer.alloc(0), 0), { kind: 'unknown' });
});

t.test('a table of contents that lies is refused', async (t) => {
  const file = sampleBlob().file();
  t.throws(() => decodeBlobTail(file.subarray(-4608), 2000), { code: 'ERR_RAFS_TRUNCATED' });
  t.throws(() => decodeBlobTail(file.subarray(-600), file.length), { code: 'ERR_RAFS_TRUNCATED' });
  const tocStart = file.length - 512 - 4 * 128;
  const corrupt = (offset: number, hex: string): Buffer => {
    const copy = Buffer.from(file);
    copy.write(hex, tocStart + offset, 'hex');
    return copy.subarray(-4608);
  };
  const code = 'ERR_RAFS_CORRUPT';
  t.throws(() => decodeBlobTail(corrupt(0, '03'), file.length), { code }, 'compressor');
  t.throws(() => decodeBlobTail(corrupt(8, '2f'), file.length), { code }, 'name');
  t.throws(() => decodeBlobTail(corrupt(64, 'ffffffffffff1f'), file.length), { code }, 'size');
  const name = Buffer.from('blob.meta\0\0\0\0\0\0\0').toString('hex');
  t.throws(() => decodeBlobTail(corrupt(8, name), file.length), { code }, 'twice');
});

t.test('features: what Nydus 2.2 to 2.4 reads', async (t) => {
  const { entry } = sampleBlob().tail();
  t.equal(
    entry.features,
    BlobFeature.aligned |
      BlobFeature.inlinedChunkDigest |
      BlobFeature.hasTarHeader |
      BlobFeature.hasToc |
      BlobFeature.capTarToc,
  );
});

t.test('a blob without chunks has no tail', async (t) => {
  const input = {
    dataSize: 0,
    dataDigest: sha256(imageBlobHeader(0)),
    uncompressedSize: 0,
    chunkSize: 4096,
    compressor: 'none' as const,
    digester: 'sha256' as const,
    chunks: {
      count: 0,
      digest: () => Buffer.alloc(32),
      extent: () => ({
        uncompressedOffset: 0,
        uncompressedSize: 1,
        compressedOffset: 0,
        compressedSize: 1,
      }),
    },
  };
  t.throws(() => encodeBlobTail(input), { code: 'ERR_RAFS_INPUT' });
});
