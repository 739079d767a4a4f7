/** What the mirror reads of registries counts against the limit of all that the daemon fetches. */
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { RateLimit } from '@shoal/blob-store';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import { noise, pushArtifact, temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { openLog } from '../src/log/log.ts';
import { serveProxy } from '../src/proxy/serve-proxy.ts';

const CONTENT = noise(3_000_000, 'content');

/** Counts what it admits. */
class CountedLimit extends RateLimit {
  bytes = 0;

  override async enter(...call: Parameters<RateLimit['enter']>): Promise<void> {
    this.bytes += call[1];
    await super.enter(...call);
  }
}

t.test('with peers, and without', async (t) => {
  const registry = await EmbeddedRegistry.listen();
  t.teardown(() => registry.close());
  const [layer] = await pushArtifact(`${registry.host}/team/model:1`, [
    { title: 'big', content: CONTENT },
  ]);
  const root = temporaryDirectory(t);
  const fd = openSync(join(root, 'log'), 'a');
  t.teardown(() => closeSync(fd));
  const asked: string[] = [];
  const peer: Parameters<typeof serveProxy>[0]['peer'] = {
    source: (origin, repository) => {
      asked.push(repository);
      return origin;
    },
  };
  for (const beside of [undefined, peer]) {
    const limit = new CountedLimit({ bytesPerSecond: 1 << 30 });
    await using proxy = await serveProxy({
      config: {
        listen: '127.0.0.1:0',
        standard: undefined,
        upstreams: [{ name: 'registry.test', address: `http://${registry.host}` }],
      },
      ...{
        root,
        dockerConfigDirectory: undefined,
        caFile: undefined,
        peer: beside,
        limit,
        log: openLog('error', fd),
      },
      onRequest: () => undefined,
    });
    const answer = await fetch(`http://${proxy?.host}/v2/team/model/blobs/${layer?.digest}`);
    t.ok(Buffer.from(await answer.arrayBuffer()).equals(CONTENT));
    t.equal(limit.bytes, CONTENT.length);
  }
  t.same(asked, ['registry.test/team/model']);
});
