/** The layer with the bootstrap: any compression, checked before it is unpacked, bounded. */
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { type Descriptor, MediaType, parseReference, sha256Digest } from '@shoal/oci';
import { encodeBootstrapLayerTar } from '@shoal/rafs';
import { openTarget } from '@shoal/registry-client';
import { temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { readBootstrapLayer } from '../src/index.ts';
import { BOOTSTRAP_LAYER_BYTES_MAX } from '../src/limits.ts';

const CODE = 'ERR_BLOB_STORE_BOOTSTRAP_LAYER';
const mediaType = MediaType.ociLayerTarGzip;
const blobId = 'ab'.repeat(32);
const bootstrap = Buffer.alloc(10_000, 'boot');
const metaFiles = new Map([[blobId, Buffer.from('chunks')]]);
const archive = Buffer.concat(encodeBootstrapLayerTar({ bootstrap, metaFiles }));

t.test('what is read', async (t) => {
  await using store = await openTarget(parseReference(`oci:${temporaryDirectory(t)}/image`));
  const put = async (bytes: Buffer): Promise<Descriptor> => {
    const writer = await store.openBlobWriter();
    await writer.write(bytes);
    return writer.commit({ digest: sha256Digest(bytes), size: bytes.length, mediaType });
  };
  const packings: readonly (readonly [string, (bytes: Buffer) => Buffer])[] = [
    ['gzip', gzipSync],
    ['zstd', zstdCompressSync],
    ['none', (bytes) => bytes],
  ];
  for (const [name, pack] of packings) {
    const layer = await readBootstrapLayer(store, await put(pack(archive)));
    t.ok(layer.bootstrap.equals(bootstrap), name);
    t.equal(layer.metaFiles.get(blobId)?.toString(), 'chunks', name);
  }
  const damaged = gzipSync(archive).fill(0xee, 40);
  const message = /bootstrap layer sha256:.*does not decompress/;
  await t.rejects(readBootstrapLayer(store, await put(damaged)), { code: CODE, message });
  const foreign = await put(Buffer.from('neither a tar nor compressed'));
  await t.rejects(readBootstrapLayer(store, foreign), { code: /^ERR_RAFS_/ });
  const huge = { ...foreign, size: BOOTSTRAP_LAYER_BYTES_MAX + 1 };
  await t.rejects(readBootstrapLayer(store, huge), { code: CODE, message: /more than are read/ });
  const lying = { ...foreign, size: foreign.size - 1 };
  await t.rejects(readBootstrapLayer(store, lying), { code: 'ERR_REGISTRY_CLIENT_SIZE' });
  const aborted = AbortSignal.abort(new Error('enough'));
  const again = await put(gzipSync(archive));
  await t.rejects(readBootstrapLayer(store, again, aborted), { message: 'enough' });
});
