/**
 * Requests that no sound client makes, one by one at the socket: each gets the code that tells its
 * client what is wrong, and not a byte of records or directories has changed.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { ContainerdEndpoint } from '../src/grpc/containerd-endpoint.ts';
import { silentLog } from '../src/service-log.ts';
import type { LazyLayers, LazyMark } from '../src/snapshots/lazy-layers.ts';
import { BAD_REQUESTS, labels } from './support/bad-requests.ts';
import { noLazyImages } from './support/no-lazy-images.ts';
import { TestClient } from './support/snapshots-client.ts';

type Tap = Parameters<typeof temporaryDirectory>[0];
async function serve(t: Tap) {
  const directory = temporaryDirectory(t);
  const root = join(directory, 'root');
  const address = join(directory, 's.sock');
  // Any layer with a wanted chain id would be skipped.
  const lazy: LazyLayers = {
    ...noLazyImages,
    decide: async () => ({ kind: 'skip', mark: 'M' as LazyMark }),
  };
  const endpoint = await ContainerdEndpoint.open({ root, address, lazy, log: silentLog });
  const client = new TestClient(address);
  const close = async () => {
    client.close();
    await endpoint.close();
  };
  t.teardown(close);
  await client.prepare({ key: '1', labels: labels({ kept: 'label' }) });
  await client.commit({ key: '1', name: 'A', labels: labels({ kept: 'label' }) });
  await client.prepare({ key: '2', parent: 'A' });
  await client.commit({ key: '2', name: 'B' });
  await client.prepare({ key: 'a', parent: 'B' });
  await client.view({ key: 'v', parent: 'B' });
  await client.prepare({ key: 'top' });
  return { client, root, directory, close };
}

/** All that outlives the daemon: records, and every name below its directory but the database's. */
async function stateOf(client: TestClient, directory: string) {
  await client.cleanup();
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' });
  const infos = (await client.list()).map(({ labels: all, ...info }) => ({
    ...info,
    labels: [...all],
  }));
  return { infos, names: names.filter((name) => !/snapshotter\/|\.sock$/.test(name)).toSorted() };
}

t.test('each has its code, and changes nothing', async (t) => {
  const { client, directory, close } = await serve(t);
  const before = await stateOf(client, directory);
  for (const [name, [code, ask]] of Object.entries(BAD_REQUESTS)) {
    await t.rejects(ask(client), { code }, name);
    t.same(await stateOf(client, directory), before, `${name}: nothing has changed`);
  }
  await close();
});

t.test('names that look like paths are names, and lead nowhere', async (t) => {
  const { client, root, directory } = await serve(t);
  const tricks = [
    '../../escape',
    '/etc/passwd',
    'a/../../b',
    '.',
    '..',
    '-rf',
    '~',
    '__proto__',
    'x\ny',
    '%2e%2e',
  ];
  for (const key of tricks) {
    const [mount] = await client.prepare({ key, parent: 'A' });
    const upper = mount?.options.find((option) => option.startsWith('upperdir='))?.slice(9) ?? '';
    t.match(
      upper.slice(root.length),
      /^\/snapshots\/\d+\/fs$/,
      `${key} lies in a directory of ours`,
    );
    t.equal((await client.stat(key))?.name, key);
    await client.commit({ key, name: `${key}!`, labels: labels({ ['__proto__']: 'kept' }) });
    const info = await client.stat(`${key}!`);
    t.same([...(info?.labels ?? [])], [['__proto__', 'kept']]);
    await client.remove(`${key}!`);
  }
  const names = readdirSync(directory).toSorted();
  t.same(names, ['root', 's.sock'], 'nothing lies beside the root');
});
