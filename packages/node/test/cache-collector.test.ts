/** Collecting from real caches: what goes wrong with one is its own affair. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { CodecPool } from '@shoal/blob-store';
import { temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { CacheCollector } from '../src/cache/cache-collector.ts';
import { policyOf } from '../src/cache/configured-policy.ts';
import { Caches } from '../src/caches.ts';
import { decodeConfig } from '../src/config/config.ts';
import { openLog } from '../src/log/log.ts';

t.test(
  'a cache whose directory is gone does not keep the others from being collected',
  async (t) => {
    const directory = temporaryDirectory(t);
    const config = decodeConfig('');
    const log = openLog('error');
    log.level = 'silent';
    const codecs = new CodecPool({ threads: 1 });
    t.teardown(() => codecs.close());
    const caches = new Caches({
      ...{ defaultDirectory: join(directory, 'default'), config, codecs, log },
      onFetched: () => undefined,
      onEvent: () => undefined,
    });
    const gone = await caches.open(join(directory, 'gone'));
    const other = await caches.open(join(directory, 'default'));
    t.teardown(() => Promise.all([gone.close(), other.close()]));
    await using collector = new CacheCollector(caches, policyOf(config), log);
    t.match(await collector.collect(), { length: 2 });
    const looked = t.capture(other.upkeep, 'unused', () => []);
    rmSync(gone.directory, { recursive: true });
    await t.rejects(collector.collect(), {
      code: 'ERR_SNAPSHOTTER_DIRECTORY',
      message: /gone: ENOENT/,
      remedy: /put it back/,
    });
    t.equal(looked().length, 1);
  },
);
