/**
 * Requests that no sound client makes, one by one at the socket: each gets the code that tells its
 * client what is wrong, and not a byte of records or directories has changed.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { credentials, makeGenericClientConstructor, status } from '@grpc/grpc-js';
import { temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { ContainerdEndpoint } from '../src/grpc/containerd-endpoint.ts';
import { SnapshotsService } from '../src/grpc/gen/snapshots.ts';
import { silentLog } from '../src/service-log.ts';
import type { LazyLayers, LazyMark } from '../src/snapshots/lazy-layers.ts';
import { noLazyImages } from './support/no-lazy-images.ts';
import { answer, TestClient } from './support/snapshots-client.ts';

type Tap = Parameters<typeof temporaryDirectory>[0];
type Ask = (client: TestClient) => Promise<unknown>;

const labels = (fields: Readonly<Record<string, string>>) => new Map(Object.entries(fields));
const many = (count: number, bytes: number) =>
  labels(Object.fromEntries([...Array(count).keys()].map((n) => [`l${n}`, 'x'.repeat(bytes)])));
const UID = 'containerd.io/snapshot/uidmapping';
const TARGET = 'containerd.io/snapshot.ref';
const LONG = 'k'.repeat(5000);
const HUGE = 'h'.repeat(5 << 20);

/** Snapshots: `A` and `B` over it are committed, `a` (over `B`) is active, `v` a view, `top` active. */
const CASES: Readonly<Record<string, readonly [status, Ask]>> = {
  'Prepare: a parent that is not there': [
    status.NOT_FOUND,
    (client) => client.prepare({ key: 'x', parent: 'none' }),
  ],
  'Prepare: an active parent': [
    status.INVALID_ARGUMENT,
    (client) => client.prepare({ key: 'x', parent: 'a' }),
  ],
  'Prepare: a view as parent': [
    status.INVALID_ARGUMENT,
    (client) => client.prepare({ key: 'x', parent: 'v' }),
  ],
  'Prepare: itself as parent': [
    status.NOT_FOUND,
    (client) => client.prepare({ key: 'x', parent: 'x' }),
  ],
  'Prepare: a key that is taken': [status.ALREADY_EXISTS, (client) => client.prepare({ key: 'a' })],
  'Prepare: the name of a committed one': [
    status.ALREADY_EXISTS,
    (client) => client.prepare({ key: 'A' }),
  ],
  'Prepare: no key': [status.INVALID_ARGUMENT, (client) => client.prepare({ key: '' })],
  'Prepare: a zero byte in the key': [
    status.INVALID_ARGUMENT,
    (client) => client.prepare({ key: '../\0/x' }),
  ],
  'Prepare: a key too long': [status.INVALID_ARGUMENT, (client) => client.prepare({ key: LONG })],
  'Prepare: a parent too long': [
    status.INVALID_ARGUMENT,
    (client) => client.prepare({ key: 'x', parent: LONG }),
  ],
  'Prepare: too many labels': [
    status.INVALID_ARGUMENT,
    (client) => client.prepare({ key: 'x', labels: many(600, 1) }),
  ],
  'Prepare: too long a label': [
    status.INVALID_ARGUMENT,
    (client) => client.prepare({ key: 'x', labels: many(1, 5000) }),
  ],
  'Prepare: too long labels together': [
    status.INVALID_ARGUMENT,
    (client) => client.prepare({ key: 'x', labels: many(100, 4000) }),
  ],
  'Prepare: a label without a key': [
    status.INVALID_ARGUMENT,
    (client) => client.prepare({ key: 'x', labels: labels({ '': 'y' }) }),
  ],
  'Prepare: an id mapping that is none': [
    status.INVALID_ARGUMENT,
    (client) => client.prepare({ key: 'x', labels: labels({ [UID]: '0:../../etc:1' }) }),
  ],
  'Prepare: an id mapping beyond all ids': [
    status.INVALID_ARGUMENT,
    (client) => client.prepare({ key: 'x', labels: labels({ [UID]: '0:4294967295:1' }) }),
  ],
  'Prepare: an id mapping that ends the mount option': [
    status.INVALID_ARGUMENT,
    (client) => client.prepare({ key: 'x', labels: labels({ [UID]: '0:0:1,lowerdir=/etc' }) }),
  ],
  'Prepare: a layer that would be named by a whole label': [
    status.INVALID_ARGUMENT,
    (client) =>
      client.prepare({ key: 'extract-1 y', labels: labels({ [TARGET]: 't'.repeat(4000) }) }),
  ],
  'Prepare: a layer named with a zero byte': [
    status.INVALID_ARGUMENT,
    (client) => client.prepare({ key: 'extract-1 y', labels: labels({ [TARGET]: 'sha256:\0' }) }),
  ],
  'Prepare: a message too large': [
    status.RESOURCE_EXHAUSTED,
    (client) => client.prepare({ key: HUGE }),
  ],
  'View: a parent that is not there': [
    status.NOT_FOUND,
    (client) => client.view({ key: 'x', parent: '../A' }),
  ],
  'View: an active parent': [
    status.INVALID_ARGUMENT,
    (client) => client.view({ key: 'x', parent: 'a' }),
  ],
  'View: a key that is taken': [
    status.ALREADY_EXISTS,
    (client) => client.view({ key: 'v', parent: 'A' }),
  ],
  'View: no key': [status.INVALID_ARGUMENT, (client) => client.view({ key: '', parent: 'A' })],
  'View: a message too large': [
    status.RESOURCE_EXHAUSTED,
    (client) => client.view({ key: 'x', labels: labels({ y: HUGE }) }),
  ],
  'Mounts: nothing of that key': [status.NOT_FOUND, (client) => client.mounts('none')],
  'Mounts: a committed one': [status.FAILED_PRECONDITION, (client) => client.mounts('A')],
  'Mounts: a path': [status.NOT_FOUND, (client) => client.mounts('../../../../etc')],
  'Mounts: no key': [status.NOT_FOUND, (client) => client.mounts('')],
  'Commit: nothing of that key': [
    status.NOT_FOUND,
    (client) => client.commit({ key: 'none', name: 'X' }),
  ],
  'Commit: a committed one': [
    status.FAILED_PRECONDITION,
    (client) => client.commit({ key: 'A', name: 'X' }),
  ],
  'Commit: a view': [
    status.FAILED_PRECONDITION,
    (client) => client.commit({ key: 'v', name: 'X' }),
  ],
  'Commit: a name that is taken': [
    status.ALREADY_EXISTS,
    (client) => client.commit({ key: 'a', name: 'A' }),
  ],
  'Commit: its own key as name': [
    status.ALREADY_EXISTS,
    (client) => client.commit({ key: 'a', name: 'a' }),
  ],
  'Commit: no name': [status.INVALID_ARGUMENT, (client) => client.commit({ key: 'a', name: '' })],
  'Commit: a name too long': [
    status.INVALID_ARGUMENT,
    (client) => client.commit({ key: 'a', name: LONG }),
  ],
  'Commit: another parent': [
    status.INVALID_ARGUMENT,
    (client) => client.commit({ key: 'a', name: 'X', parent: 'A' }),
  ],
  'Commit: a parent that is not there': [
    status.NOT_FOUND,
    (client) => client.commit({ key: 'top', name: 'X', parent: 'none' }),
  ],
  'Commit: an active parent': [
    status.FAILED_PRECONDITION,
    (client) => client.commit({ key: 'top', name: 'X', parent: 'a' }),
  ],
  'Commit: absurd labels': [
    status.INVALID_ARGUMENT,
    (client) => client.commit({ key: 'a', name: 'X', labels: many(600, 1) }),
  ],
  'Remove: nothing of that key': [status.NOT_FOUND, (client) => client.remove('none')],
  'Remove: one with children': [status.FAILED_PRECONDITION, (client) => client.remove('A')],
  'Remove: all of them': [status.NOT_FOUND, (client) => client.remove('*')],
  'Remove: the directory of another': [status.NOT_FOUND, (client) => client.remove('../1')],
  'Remove: no key': [status.NOT_FOUND, (client) => client.remove('')],
  'Stat: nothing of that key': [status.NOT_FOUND, (client) => client.stat('none')],
  'Stat: a message too large': [status.RESOURCE_EXHAUSTED, (client) => client.stat(HUGE)],
  'Update: nothing of that name': [
    status.NOT_FOUND,
    (client) => client.update({ info: { name: 'none', labels: labels({ x: 'y' }) } }),
  ],
  'Update: no info': [
    status.INVALID_ARGUMENT,
    (client) => client.update({ updateMask: ['labels'] }),
  ],
  'Update: no name': [
    status.INVALID_ARGUMENT,
    (client) => client.update({ info: { name: '', labels: labels({ x: 'y' }) } }),
  ],
  'Update: the parent': [
    status.INVALID_ARGUMENT,
    (client) => client.update({ info: { name: 'B', parent: '' }, updateMask: ['parent'] }),
  ],
  'Update: the kind': [
    status.INVALID_ARGUMENT,
    (client) => client.update({ info: { name: 'A' }, updateMask: ['labels.x', 'kind'] }),
  ],
  'Update: absurd labels': [
    status.INVALID_ARGUMENT,
    (client) => client.update({ info: { name: 'A', labels: many(600, 1) } }),
  ],
  'Update: one label too many': [
    status.INVALID_ARGUMENT,
    (client) =>
      client.update({ info: { name: 'A', labels: labels({ '': 'y' }) }, updateMask: ['labels.'] }),
  ],
  'Update: too many fields': [
    status.INVALID_ARGUMENT,
    (client) =>
      client.update({ info: { name: 'A' }, updateMask: Array(600).fill('labels.x') as string[] }),
  ],
  'List: a filter that is none': [status.INVALID_ARGUMENT, (client) => client.list('name=')],
  'List: a filter without an end': [status.INVALID_ARGUMENT, (client) => client.list('name=="')],
  'List: a filter too long': [
    status.INVALID_ARGUMENT,
    (client) => client.list(`name==${HUGE.slice(0, 1 << 20)}`),
  ],
  'List: too many filters': [
    status.INVALID_ARGUMENT,
    (client) => client.list(...(Array(300).fill('name==A') as string[])),
  ],
  'Usage: nothing of that key': [status.NOT_FOUND, (client) => client.usage('none')],
  'Usage: a path': [status.NOT_FOUND, (client) => client.usage('/etc')],
  'a method that is not there': [status.UNIMPLEMENTED, (client) => rawCall(client, 'Purge', 'key')],
  'Stat: bytes that are no message': [
    status.INTERNAL,
    (client) => rawCall(client, 'Stat', Buffer.from('ffffffffffffffffff', 'hex')),
  ],
  'Prepare: a key that is not UTF-8': [
    status.INVALID_ARGUMENT,
    (client) => rawCall(client, 'Prepare', Buffer.from('1202c328', 'hex')),
  ],
};

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

function rawCall(client: TestClient, method: string, message: string | Buffer): Promise<unknown> {
  const path = SnapshotsService.stat.path.replace('Stat', method);
  const bytes = (value: Buffer) => value;
  const definition = { path, requestStream: false, responseStream: false } as const;
  const Raw = makeGenericClientConstructor(
    {
      call: {
        ...definition,
        ...{ requestSerialize: bytes, requestDeserialize: bytes },
        ...{ responseSerialize: bytes, responseDeserialize: bytes },
      },
    },
    'raw',
  );
  const raw = new Raw(client.raw.getChannel().getTarget(), credentials.createInsecure());
  const asked = answer((done) => raw['call']?.(Buffer.from(message), done));
  return asked.finally(() => raw.close());
}

t.test('each has its code, and changes nothing', async (t) => {
  const { client, directory, close } = await serve(t);
  const before = await stateOf(client, directory);
  for (const [name, [code, ask]] of Object.entries(CASES)) {
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
