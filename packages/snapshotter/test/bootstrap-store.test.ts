/** Bootstraps: walked before they are stored, remembered by digest, refused when they are broken. */
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { type Descriptor, MediaType, sha256Digest } from '@shoal/oci';
import { encodeBootstrapLayerTar } from '@shoal/rafs';
import type { ImageStore } from '@shoal/registry-client';
import { temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { BootstrapStore } from '../src/bootstraps/bootstrap-store.ts';
import { walkBootstrap } from '../src/bootstraps/bootstrap-walk.ts';
import { WALK_INLINE_BYTES_MAX } from '../src/limits.ts';
import { writeDurably } from '../src/state/durable-file.ts';
import { StateStore } from '../src/state/state-store.ts';
import { emptyBootstrap } from './support/tiny-bootstrap.ts';

const { signal } = new AbortController();

/** A store with one blob. */
function storeOf(bytes: Buffer) {
  const layer: Descriptor = {
    mediaType: MediaType.ociLayerTarGzip,
    digest: sha256Digest(bytes),
    size: bytes.length,
  };
  const calls = { reads: 0 };
  const unused = () => Promise.reject(new Error('not used'));
  const store: ImageStore = {
    description: 'test',
    resolve: unused,
    readManifest: unused,
    readBlob: () => {
      calls.reads += 1;
      return Promise.resolve(Readable.from([bytes.subarray(0, 10), bytes.subarray(10)]));
    },
    readBlobRange: unused,
    listReferrers: () => Promise.resolve([]),
    close: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  return { store, layer, calls };
}

function layerTar(bootstrap: Buffer): Buffer {
  const metaFiles = new Map([['ab'.repeat(32), Buffer.from('of a blob that is not in it')]]);
  return Buffer.concat(encodeBootstrapLayerTar({ bootstrap, metaFiles }));
}

t.test('fetched once, stored read-only, found again', async (t) => {
  const root = temporaryDirectory(t);
  await using state = await StateStore.open(root);
  const bootstraps = new BootstrapStore(root, state);
  const bootstrap = emptyBootstrap();
  for (const packed of [gzipSync, zstdCompressSync, (bytes: Buffer) => bytes]) {
    const { store, layer, calls } = storeOf(packed(layerTar(bootstrap)));
    t.equal(await bootstraps.find(layer.digest), undefined);
    const [one, other] = await Promise.all([
      bootstraps.fetch(store, layer, signal),
      bootstraps.fetch(store, layer, signal),
    ]);
    t.equal(calls.reads, 1, 'two mounts at once fetch once');
    t.equal(one.file, other.file);
    t.equal(statSync(one.file).mode & 0o777, 0o400);
    t.same(
      readdirSync(dirname(one.file)),
      ['image.boot', 'layer.diffid'],
      'foreign tables are left out',
    );
    const found = await bootstraps.find(layer.digest);
    t.same(found, one);
    t.ok((await bootstraps.read(one)).equals(bootstrap));
    chmodSync(one.file, 0o600);
    writeFileSync(
      one.file,
      bootstrap.map((byte, at) => (at === 3000 ? byte ^ 1 : byte)),
    );
    t.equal(await bootstraps.find(layer.digest), undefined, 'other bytes than were walked');
    rmSync(one.file);
    t.equal(await bootstraps.find(layer.digest), undefined, 'what was deleted is fetched again');
  }
});

t.test('what a killed daemon was writing is gone with the next start, nothing else', async (t) => {
  const root = temporaryDirectory(t);
  await using state = await StateStore.open(root);
  const { store, layer } = storeOf(gzipSync(layerTar(emptyBootstrap())));
  const one = await new BootstrapStore(root, state).fetch(store, layer, signal);
  const directory = dirname(one.file);
  const kept = [...readdirSync(directory), '.hidden', 'x.0123456789abcdef'].toSorted();
  for (const name of ['.hidden', 'x.0123456789abcdef', '.image.boot.0123456789abcdef']) {
    writeFileSync(join(directory, name), 'half');
  }
  // Of another image, whose first file it was to be; and something that is no directory.
  const other = join(dirname(directory), 'ab'.repeat(32));
  mkdirSync(other);
  writeFileSync(join(other, `.${'cd'.repeat(32)}.blob.meta.fedcba9876543210`), 'half');
  writeFileSync(join(dirname(directory), 'file'), '');
  const next = new BootstrapStore(root, state);
  t.same(readdirSync(directory).toSorted(), kept);
  t.same(readdirSync(other), []);
  t.same(await next.find(layer.digest), one);
});

t.test('when the one who fetches fails, one of those who waited fetches for all', async (t) => {
  const root = temporaryDirectory(t);
  await using state = await StateStore.open(root);
  const bootstraps = new BootstrapStore(root, state);
  const { store, layer, calls } = storeOf(gzipSync(layerTar(emptyBootstrap())));
  const failing: ImageStore = { ...store, readBlob: () => Promise.reject(new Error('gone')) };
  const first = bootstraps.fetch(failing, layer, signal);
  const others = [1, 2, 3].map(() => bootstraps.fetch(store, layer, signal));
  await t.rejects(first, { message: 'gone' });
  const [stored] = await Promise.all(others);
  t.equal(calls.reads, 1);
  t.same(await bootstraps.find(layer.digest), stored);
  t.same(readdirSync(dirname(stored?.file ?? '')), ['image.boot', 'layer.diffid']);
});

t.test('two who write the same file at once leave a whole one, and nothing else', async (t) => {
  const directory = temporaryDirectory(t);
  const contents = Array.from({ length: 8 }, (_, at) => Buffer.alloc(1 << 20, at));
  const paths = await Promise.all(contents.map((bytes) => writeDurably(directory, 'f', bytes)));
  const there = readFileSync(paths[0] ?? '');
  t.ok(contents.some((bytes) => bytes.equals(there)));
  t.same(readdirSync(directory), ['f']);
});

t.test('what breaks a rule is never stored', async (t) => {
  const root = temporaryDirectory(t);
  await using state = await StateStore.open(root);
  const bootstraps = new BootstrapStore(root, state);
  const broken = emptyBootstrap();
  broken.fill(0xff, 1024, 1028);
  const cases = [
    [gzipSync(layerTar(broken)), /^ERR_RAFS_/],
    [gzipSync(Buffer.alloc(2048)), /^ERR_RAFS_/],
    [Buffer.from([0x1f, 0x8b, 8, 0, 1, 2, 3, 4, 5, 6]), /^ERR_BLOB_STORE_BOOTSTRAP_LAYER/],
    [Buffer.from('neither'), /^ERR_RAFS_/],
  ] as const;
  for (const [bytes, code] of cases) {
    const { store, layer } = storeOf(bytes);
    await t.rejects(bootstraps.fetch(store, layer, signal), { code });
    t.equal(await bootstraps.find(layer.digest), undefined);
  }
  t.same(readdirSync(`${root}/images`), []);
});

t.test('a large one is walked in a thread, with the same errors', async (t) => {
  const small = emptyBootstrap();
  const large = Buffer.concat([small, Buffer.alloc(WALK_INLINE_BYTES_MAX)]);
  const walked = { inodes: 1, blobIds: [], overlayBytes: undefined };
  t.same(await walkBootstrap(small), walked);
  t.same(await walkBootstrap(large), walked);
  for (const bytes of [small, large]) {
    bytes.fill(0xff, 1024, 1028);
    await t.rejects(walkBootstrap(bytes), {
      code: 'ERR_RAFS_NOT_RAFS',
      message: /no RAFS v6 superblock/,
      remedy: 'give a converted image',
    });
  }
});

t.test('tables of blobs are kept beside it', async (t) => {
  const root = temporaryDirectory(t);
  await using state = await StateStore.open(root);
  const bootstraps = new BootstrapStore(root, state);
  const { store, layer } = storeOf(gzipSync(layerTar(emptyBootstrap())));
  await bootstraps.fetch(store, layer, signal);
  const blobId = 'cd'.repeat(32);
  const none = { blobMeta: undefined, digestSection: undefined };
  t.same(await bootstraps.readBlobTables(layer.digest, blobId), none);
  const tables = { blobMeta: Buffer.from('meta'), digestSection: Buffer.from('digests') };
  await bootstraps.writeBlobTables(layer.digest, blobId, tables);
  t.same(await bootstraps.readBlobTables(layer.digest, blobId), tables);
  const { file } = (await bootstraps.find(layer.digest)) ?? {};
  const path = join(dirname(file ?? ''), `${blobId}.blob.meta`);
  chmodSync(path, 0o600);
  for (const damaged of ['', 'meta', Buffer.concat([readFileSync(path), Buffer.from('x')])]) {
    writeFileSync(path, damaged);
    const { blobMeta } = await bootstraps.readBlobTables(layer.digest, blobId);
    t.equal(blobMeta, undefined, 'damaged ones are fetched again');
  }
});
