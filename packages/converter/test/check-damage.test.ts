/** Damage anywhere in a stored blob is found by `check`, and the blob is named. */
import { cpSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { parseReference } from '@shoal/oci';
import { buildLayout, noise, temporaryDirectory, writeTar } from '@shoal/test-kit';
import t from 'tap';
import { checkImages, convertImage, openConvertedImage } from '../src/index.ts';

t.setTimeout(200_000);
const directory = temporaryDirectory(t);
const layout = (name: string) => parseReference(`oci:${directory}/${name}:latest`);
const source = parseReference(
  `oci:${buildLayout({
    directory: `${directory}/source`,
    layers: [
      { tar: writeTar([{ name: 'noise', content: noise(300_000, 'noise') }]) },
      { tar: writeTar([{ name: 'text', content: 'text\n'.repeat(50_000) }]) },
    ],
  })}`,
);
await convertImage({ source, target: layout('sound'), chunkSizeBytes: 65536 });

/** Where the parts of the first blob lie. */
async function parts() {
  await using image = await openConvertedImage(layout('sound'));
  const [blob] = await image.blobs(new AbortController().signal);
  const [entry] = image.bootstrap.blobs;
  if (blob === undefined || entry === undefined) throw new Error('no blob');
  const { storedOffset, storedSize, count } = blob.chunks;
  const end = (storedOffset[count - 1] ?? 0) + (storedSize[count - 1] ?? 0);
  const chunkInfo = entry.ciOffset;
  return { blobId: blob.blobId, size: blob.storedBytes, end, chunkInfo };
}

/** A copy of the image whose blob is changed, and what a check says about that. */
async function checkChanged(name: string, blobId: string, change: (bytes: Buffer) => Buffer) {
  cpSync(`${directory}/sound`, `${directory}/${name}`, { recursive: true });
  const path = `${directory}/${name}/blobs/sha256/${blobId}`;
  writeFileSync(path, change(readFileSync(path)));
  return await checkImages({ source, target: layout(name) });
}

function flip(at: number) {
  return (bytes: Buffer) => {
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    return bytes;
  };
}

t.test('a sound image: every blob is read whole', async (t) => {
  let read = 0;
  const onBytes = (bytes: number) => {
    read += bytes;
  };
  const report = await checkImages({ source: layout('sound'), target: layout('sound'), onBytes });
  t.same(report.differences, []);
  t.equal(report.blobsVerified, 4, 'two on each side');
  const blobs = `${directory}/sound/blobs/sha256`;
  const stored = readdirSync(blobs).map((name) => statSync(`${blobs}/${name}`).size);
  t.ok(read > 600_000 && read <= 2 * stored.reduce((sum, size) => sum + size, 0), `${read} bytes`);
});

t.test('one flipped byte', async (t) => {
  const { blobId, size, end, chunkInfo } = await parts();
  const whole = { scope: 'content', path: `blob ${blobId}`, attribute: 'stored bytes' };
  const places = {
    'the last byte, in a tar header': size - 1,
    'the table of contents': size - 600,
    'the digest section': size - 1500,
    'the chunk-info': chunkInfo,
    'what follows the last chunk': end,
    'the padding before the chunk-info': chunkInfo - 1,
  };
  for (const [name, at] of Object.entries(places)) {
    const report = await checkChanged(`flip-${at}`, blobId, flip(at));
    t.notOk(report.isEqual, name);
    t.match(report.differences, [{ ...whole, target: /the bytes have digest/ }], name);
    t.equal(report.differenceCount, 1, name);
  }
  const report = await checkChanged('flip-chunk', blobId, flip(70_000));
  t.match(report.differences, [
    { scope: 'content', path: `blob ${blobId}`, attribute: 'chunk 1' },
    { ...whole, target: /the bytes have digest/ },
  ]);
});

t.test('a blob that is longer or shorter', async (t) => {
  const { blobId, size } = await parts();
  const longer = await checkChanged('longer', blobId, (bytes) =>
    Buffer.concat([bytes, Buffer.alloc(512)]),
  );
  t.match(longer.differences, [{ path: `blob ${blobId}`, target: /bytes instead of/ }]);
  const shorter = await checkChanged('shorter', blobId, (bytes) => bytes.subarray(0, size - 512));
  t.match(shorter.differences, [{ path: `blob ${blobId}`, target: /bytes instead of/ }]);
});
