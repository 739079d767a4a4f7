/** A file of a web server as an origin of blobs: looked at once, again after it has changed, never after its close. */
import { blobIdOfDigest, sha256Digest } from '@shoal/oci';
import { noise, WebFileServer } from '@shoal/test-kit';
import t from 'tap';
import { webOriginOf } from '../src/peers/web-origin.ts';

const CONTENT = noise(100_000, 'a file of the web');
const OTHER = noise(100_000, 'another file');
const BLOB = { blobId: blobIdOfDigest(sha256Digest(CONTENT)), sizeBytes: CONTENT.length };

t.test('what has changed fails, and is looked at again by the next read', async (t) => {
  const server = await WebFileServer.open(t, CONTENT);
  const origin = webOriginOf(new URL(server.url()), { caFile: undefined });
  t.ok((await origin.read(BLOB, 1000, 500)).equals(CONTENT.subarray(1000, 1500)));
  t.ok((await origin.read(BLOB, 0, 10)).equals(CONTENT.subarray(0, 10)));
  server.state.content = OTHER;
  server.state.etag = '"two"';
  await t.rejects(origin.read(BLOB, 0, 10));
  t.ok((await origin.read(BLOB, 0, 10)).equals(OTHER.subarray(0, 10)), 'it is another file now');
  await origin.close();
});

t.test('after its close nothing is asked for', async (t) => {
  const server = await WebFileServer.open(t, CONTENT);
  const origin = webOriginOf(new URL(server.url()), { caFile: undefined });
  await origin.read(BLOB, 0, 10);
  await origin.close();
  const asked = server.ranges.length;
  await t.rejects(origin.read(BLOB, 0, 10), { code: 'ERR_BLOB_STORE_CLOSED' });
  t.equal(server.ranges.length, asked);
  await origin.close();
});
