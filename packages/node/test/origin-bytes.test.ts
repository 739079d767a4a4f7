/** What a home reads for others tells its bytes as they come, through all that lies before a registry or web server. */
import { createServer } from 'node:http';
import { RateLimit } from '@shoal/blob-store';
import { blobIdOfDigest, sha256Digest } from '@shoal/oci';
import { ImageAccess } from '@shoal/snapshotter';
import { noise, serveOnLoopback, until } from '@shoal/test-kit';
import t from 'tap';
import { OriginSources } from '../src/peers/origin-sources.ts';
import { urlName } from '../src/peers/url-name.ts';

const CONTENT = noise(1_000_000, 'bytes as they come');
const BLOB = { blobId: blobIdOfDigest(sha256Digest(CONTENT)), sizeBytes: CONTENT.length };
const BEGUN = 100_000;

for (const kind of ['registry', 'web server'] as const) {
  t.test(`of a ${kind}`, async (t) => {
    const letGo = Promise.withResolvers<void>();
    const server = createServer(async ({ headers: { range } }, response) => {
      const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(range ?? '') ?? [];
      const [start, end] = [Number(first), Number(last) + 1];
      response.writeHead(206, { 'content-range': `bytes ${start}-${end - 1}/${CONTENT.length}` });
      response.write(CONTENT.subarray(start, Math.min(end, start + BEGUN)));
      if (end > start + BEGUN) await letGo.promise;
      response.end(CONTENT.subarray(start + BEGUN, Math.max(end, start + BEGUN)));
    });
    const host = await serveOnLoopback(t, server);
    const name = kind === 'registry' ? `${host}/app` : urlName(new URL(`http://${host}/file`));
    const access = new ImageAccess();
    const limit = new RateLimit({ bytesPerSecond: 1 << 30 });
    const shape = limit.over.bind(limit);
    const onFailed = (_: string, error: unknown) => t.fail(String(error));
    const origins = new OriginSources({
      ...{ access, shape, rules: [host], caFile: undefined, onFailed },
    });
    t.teardown(async () => {
      await origins.close();
      await access.close();
    });
    const home = origins.of(name ?? '', true);
    const told = { end: 1000 };
    const reading = home?.origin.read(BLOB, 1000, 500_000, {
      onBytes: (offset, bytes) => {
        if (offset !== told.end) t.fail('out of order');
        if (!bytes.equals(CONTENT.subarray(offset, offset + bytes.length))) t.fail('others');
        told.end = offset + bytes.length;
      },
    });
    await until('the beginning is told', () => told.end === 1000 + BEGUN);
    letGo.resolve();
    t.ok((await reading)?.equals(CONTENT.subarray(1000, 501_000)));
    t.equal(told.end, 501_000);
  });
}
