/** Real Nydus 2.2: it accepts what we write, we read what it writes. */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import {
  type BlobMeta,
  type Bootstrap,
  blobDataSize,
  byteStringFromText,
  chunkInfoRange,
  decodeBlobTail,
  decodeLz4Block,
  decodeStoredChunkInfo,
  digestSectionRange,
  encodeBootstrap,
  openBootstrap,
  type RafsInode,
  SELF_BLOB_ID,
  SectionName,
  type TocEntry,
  verifyBootstrap,
} from '@shoal/rafs';
import { requireNydus, runChecked, runCommand, temporaryDirectory } from '@shoal/test-kit';
import t, { type Test } from 'tap';
import { inputOf, sha256 } from './support/build-image.ts';
import { datalessImage, everythingInput } from './support/sample-images.ts';

t.test('nydus-image checks and unpacks our image', async (t) => {
  const nydus = requireNydus(t);
  if (nydus === undefined) return;
  const directory = temporaryDirectory(t);
  const { root, blob } = everythingInput({ withAcl: false });
  const blobFile = blob.file();
  const blobId = createHash('sha256').update(blobFile).digest('hex');
  const { entry } = blob.tail('zstd');
  const bootstrap = encodeBootstrap({
    ...inputOf(root, blob),
    compressor: 'zstd',
    blobs: [{ ...entry, blobId, blobIndex: 0 }],
  });
  writeFileSync(join(directory, 'image.boot'), bootstrap);
  writeFileSync(join(directory, blobId), blobFile);
  const check = await runChecked(nydus.image, ['check', '--bootstrap', 'image.boot'], {
    cwd: directory,
  });
  t.match(check.stdout, 'RAFS filesystem metadata is valid');
  const options = ['--bootstrap', 'image.boot', '--blob', blobId, '--output', 'out.tar'];
  await runChecked(nydus.image, ['unpack', ...options], { cwd: directory });
  // tar complains about the time before 1970, which nydus-image writes as a huge number.
  const large = await runCommand('tar', ['-xOf', 'out.tar', 'large'], { cwd: directory });
  t.equal(large.stdout, Buffer.alloc(10_000, 'large ').toString());
  writeFileSync(join(directory, 'dataless.boot'), datalessImage().bootstrap);
  await runChecked(nydus.image, ['check', '--bootstrap', 'dataless.boot'], { cwd: directory });
});

const CONTENT = new Map([
  ['small', Buffer.from('small file\n')],
  ['numbers', Buffer.from(Array.from({ length: 60_000 }, (_, index) => `${index}\n`).join(''))],
  ['empty', Buffer.alloc(0)],
]);

t.test('we read the images of nydus-image', async (t) => {
  const nydus = requireNydus(t);
  if (nydus === undefined) return;
  const directory = temporaryDirectory(t);
  mkdirSync(join(directory, 'source', 'sub'), { recursive: true });
  for (const [path, bytes] of CONTENT) writeFileSync(join(directory, 'source', path), bytes);
  await runChecked('ln', ['-s', 'small', join(directory, 'source', 'link')]);
  for (const compressor of ['none', 'lz4_block', 'zstd']) {
    for (const digester of ['sha256', 'blake3']) {
      await t.test(`${compressor}, ${digester}`, async (t) => {
        const options = ['--compressor', compressor, '--digester', digester];
        const image = await createImage(nydus.image, directory, options);
        const bootstrap = openBootstrap(image.bootstrap);
        t.match(verifyBootstrap(bootstrap), { files: 3, symlinks: 1, directories: 2, blobs: 1 });
        t.equal(bootstrap.digester, digester);
        checkContent(t, bootstrap, image.blob);
      });
    }
  }
});

t.test('we read the bootstrap inside a blob of nydus-image', async (t) => {
  const nydus = requireNydus(t);
  if (nydus === undefined) return;
  const directory = temporaryDirectory(t);
  mkdirSync(join(directory, 'source'));
  writeFileSync(join(directory, 'source', 'file'), 'content');
  const options = ['--blob-inline-meta', '--features', 'blob-toc', '-b', 'blob', 'source'];
  const fixed = ['-t', 'dir-rafs', '--fs-version', '6', '--compressor', 'zstd'];
  await runChecked(nydus.image, ['create', ...fixed, ...options], { cwd: directory });
  const blob = readFileSync(join(directory, 'blob'));
  const tail = decodeBlobTail(blob.subarray(-4608), blob.length);
  const found = tail.kind === 'toc' ? tail.entries.find(isBootstrap) : undefined;
  if (found === undefined) throw new Error('no bootstrap in the blob');
  const stored = blob.subarray(found.offset, found.offset + found.storedSize);
  const bootstrap = openBootstrap(
    found.compressor === 'zstd' ? zstdDecompressSync(stored) : stored,
  );
  t.equal(bootstrap.blobs[0]?.blobId, SELF_BLOB_ID);
  t.match(verifyBootstrap(bootstrap), { files: 1, chunks: 1 });
});

const isBootstrap = ({ name }: TocEntry): boolean => name === SectionName.bootstrap;

type NydusImage = { readonly bootstrap: Buffer; readonly blob: Buffer };

async function createImage(
  program: string,
  directory: string,
  options: readonly string[],
): Promise<NydusImage> {
  const output = temporaryDirectoryIn(directory);
  const fixed = ['-t', 'dir-rafs', '--fs-version', '6', '--chunk-size', '0x10000'];
  const places = ['--features', 'blob-toc', '-D', output, '-B', join(output, 'boot'), 'source'];
  await runChecked(program, ['create', ...fixed, ...options, ...places], { cwd: directory });
  const [blobId] = readdirSync(output).filter((path) => path !== 'boot');
  if (blobId === undefined) throw new Error('nydus-image made no blob');
  return {
    bootstrap: readFileSync(join(output, 'boot')),
    blob: readFileSync(join(output, blobId)),
  };
}

let outputs = 0;

function temporaryDirectoryIn(directory: string): string {
  const output = join(directory, `output-${outputs++}`);
  mkdirSync(output);
  return output;
}

function checkContent(t: Test, bootstrap: Bootstrap, blob: Buffer): void {
  const entry = bootstrap.blobs[0];
  if (entry === undefined) throw new Error('no blob');
  const range = chunkInfoRange(entry);
  const digestRange = digestSectionRange(entry);
  const digests =
    digestRange && blob.subarray(digestRange.offset, digestRange.offset + digestRange.size);
  const stored = blob.subarray(range.offset, range.offset + range.size);
  const meta = decodeStoredChunkInfo(stored, entry, { digests });
  const tail = decodeBlobTail(blob.subarray(-4608), blob.length);
  const data = tail.kind === 'toc' ? tail.entries[0] : undefined;
  t.same(data?.digest, sha256(blob.subarray(0, blobDataSize(entry) + 512)), 'digest rule');
  for (const [path, bytes] of CONTENT) {
    const found = bootstrap.lookup(bootstrap.root(), byteStringFromText(path));
    const inode = bootstrap.inode(found?.nid ?? 0);
    t.same(readFile(bootstrap, inode, meta, blob), bytes, path);
    for (const { blobIndex, chunkIndex } of bootstrap.chunkEntries(inode)) {
      t.same(bootstrap.chunkRecord(blobIndex, chunkIndex)?.digest, meta.digest(chunkIndex));
    }
  }
}

function readFile(bootstrap: Bootstrap, inode: RafsInode, meta: BlobMeta, blob: Buffer): Buffer {
  const chunks = bootstrap.chunkEntries(inode).map(({ chunkIndex }) => {
    const unit = meta.unit(chunkIndex);
    const start = unit.compressedOffset;
    const stored = blob.subarray(start, start + unit.compressedSize);
    if (!unit.isCompressed) return stored;
    return bootstrap.blobs[0]?.compressor === 'lz4_block'
      ? decodeLz4Block(stored, unit.uncompressedSize)
      : zstdDecompressSync(stored);
  });
  return Buffer.concat(chunks);
}
