/** The socket as containerd sees it: all RPCs, their status codes, bounds, health, closing. */
import { existsSync, linkSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { credentials, makeGenericClientConstructor, status } from '@grpc/grpc-js';
import { temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { ContainerdEndpoint } from '../src/grpc/containerd-endpoint.ts';
import { HealthCheckResponse_ServingStatus as ServingStatus } from '../src/grpc/gen/health.ts';
import { Kind, PrepareSnapshotRequest, SnapshotsService } from '../src/grpc/gen/snapshots.ts';
import { silentLog } from '../src/service-log.ts';
import type { LazyLayers, LazyMark } from '../src/snapshots/lazy-layers.ts';
import { noLazyImages } from './support/no-lazy-images.ts';
import { answer, TestClient } from './support/snapshots-client.ts';

type Tap = Parameters<typeof temporaryDirectory>[0];

async function serve(t: Tap, lazy: LazyLayers = noLazyImages, directory = temporaryDirectory(t)) {
  const address = join(directory, 's.sock');
  const options = { root: join(directory, 'root'), address, lazy, log: silentLog };
  const endpoint = await ContainerdEndpoint.open(options);
  const client = new TestClient(address);
  let isClosed = false;
  const close = async () => {
    client.close();
    if (!isClosed) await endpoint.close();
    isClosed = true;
  };
  t.teardown(close);
  return { client, endpoint, address, directory, close };
}

const labels = (fields: Record<string, string>) => new Map(Object.entries(fields));
const code = (value: status) => ({ code: value });

t.test('all RPCs', async (t) => {
  const { client, address } = await serve(t);
  t.equal(statSync(address).mode & 0o777, 0o600);
  const [mount] = await client.prepare({ key: 'a', labels: labels({ x: 'y' }) });
  t.match(mount, { type: 'bind', options: ['rw', 'rbind'], target: '' });
  t.same(await client.mounts('a'), [mount]);
  await client.commit({ key: 'a', name: 'A', labels: labels({ 'l.m/n': 'z' }) });
  t.match(await client.view({ key: 'v', parent: 'A' }), [{ type: 'bind', options: ['ro'] }]);
  const info = await client.stat('A');
  t.match(info, { name: 'A', parent: '', kind: Kind.COMMITTED });
  t.same([...(info?.labels ?? [])], [['l.m/n', 'z']]);
  const seconds = info?.createdAt?.seconds ?? 0;
  t.ok(Math.abs(seconds - Date.now() / 1000) < 600, `${seconds} is now`);
  t.equal((await client.stat('v'))?.kind, Kind.VIEW);
  const updated = await client.update({
    info: { name: 'A', labels: labels({ q: '1', r: '2' }) },
    updateMask: ['labels.q'],
  });
  t.same([...(updated?.labels ?? [])].toSorted(), [
    ['l.m/n', 'z'],
    ['q', '1'],
  ]);
  t.match(await client.usage('A'), { inodes: 1 });
  t.same(
    (await client.list('kind==view')).map(({ name }) => name),
    ['v'],
  );
  await client.prepare({ key: 'r' });
  await client.commit({ key: 'r', name: 'R', parent: 'A' });
  t.equal((await client.stat('R'))?.parent, 'A', 'field 5 of Commit');
  await client.remove('R');
  await client.cleanup();
  t.same(
    (await client.list()).map(({ name }) => name),
    ['A', 'v'],
  );
});

t.test('status codes are those of the Go snapshotters', async (t) => {
  const { client } = await serve(t);
  await client.prepare({ key: 'a' });
  await client.commit({ key: 'a', name: 'A' });
  await client.prepare({ key: 'b', parent: 'A' });
  await t.rejects(client.prepare({ key: 'b', parent: 'A' }), code(status.ALREADY_EXISTS));
  await t.rejects(client.prepare({ key: 'c', parent: 'none' }), code(status.NOT_FOUND));
  await t.rejects(client.prepare({ key: 'c', parent: 'b' }), code(status.INVALID_ARGUMENT));
  await t.rejects(client.mounts('A'), code(status.FAILED_PRECONDITION));
  await t.rejects(client.remove('A'), code(status.FAILED_PRECONDITION));
  await t.rejects(client.stat('none'), code(status.NOT_FOUND));
  await t.rejects(client.update({ updateMask: ['labels'] }), code(status.INVALID_ARGUMENT));
  await t.rejects(
    client.update({ info: { name: 'A' }, updateMask: ['name'] }),
    code(status.INVALID_ARGUMENT),
  );
  await t.rejects(client.list('name='), code(status.INVALID_ARGUMENT));
  const Unknown = makeGenericClientConstructor(
    { nothing: { ...SnapshotsService.stat, path: `${SnapshotsService.stat.path}Nothing` } },
    'x',
  );
  const unknown = new Unknown(client.raw.getChannel().getTarget(), credentials.createInsecure());
  t.teardown(() => unknown.close());
  const asked = answer((done) => unknown['nothing']?.({ snapshotter: '', key: 'A' }, done));
  await t.rejects(asked, code(status.UNIMPLEMENTED));
});

t.test('what is too large is refused, and the next request is answered', async (t) => {
  const { client } = await serve(t);
  const huge = labels({ x: 'y'.repeat(5 << 20) });
  await t.rejects(client.prepare({ key: 'a', labels: huge }), code(status.RESOURCE_EXHAUSTED));
  const wide = labels({ x: 'y'.repeat(5000) });
  await t.rejects(client.prepare({ key: 'a', labels: wide }), code(status.INVALID_ARGUMENT));
  const long = 'k'.repeat(1 << 20);
  await t.rejects(client.prepare({ key: long }), code(status.INVALID_ARGUMENT));
  await t.rejects(client.stat(long), code(status.NOT_FOUND));
  await t.rejects(client.list(`name=="${long}"`), code(status.INVALID_ARGUMENT));
  t.same(await client.list(), []);
});

t.test('a long listing comes in messages a client takes', async (t) => {
  const { client } = await serve(t);
  await client.prepare({ key: 'a' });
  await client.commit({ key: 'a', name: 'A' });
  const fat = labels(
    Object.fromEntries([...Array(50).keys()].map((n) => [`l${n}`, 'x'.repeat(4000)])),
  );
  await Promise.all([...Array(250).keys()].map((n) => client.view({ key: `v${n}`, parent: 'A' })));
  const batches = await client.batches();
  t.same(
    batches.map((batch) => batch.length),
    [100, 100, 51],
  );
  for (let n = 0; n < 20; n += 1) await client.view({ key: `w${n}`, parent: 'A', labels: fat });
  const sizes = (await client.batches('name~=^w')).map((batch) => batch.length);
  t.equal(
    sizes.reduce((a, b) => a + b),
    20,
  );
  t.ok(
    sizes.every((size) => size <= 6),
    `${sizes}`,
  );
});

t.test('a client that leaves ends what it asked for, and nothing else', async (t) => {
  const asked = Promise.withResolvers<void>();
  const aborted = Promise.withResolvers<void>();
  const lazy: LazyLayers = {
    ...noLazyImages,
    decide: async ({ signal }) => {
      asked.resolve();
      signal.addEventListener('abort', () => aborted.resolve(), { once: true });
      await aborted.promise;
      throw signal.reason;
    },
  };
  const errors = t.capture(silentLog, 'error');
  const { client } = await serve(t, lazy);
  const request = PrepareSnapshotRequest.fromPartial({ key: 'default/1/extract-1 sha256:1' });
  const refused = answer((done) => {
    const call = client.raw.prepare(request, done);
    void asked.promise.then(() => call.cancel());
  });
  await t.rejects(refused, code(status.CANCELLED));
  await aborted.promise;
  t.same(await client.list(), []);
  await client.prepare({ key: 'a' });
  await client.commit({ key: 'a', name: 'A' });
  const fat = labels(
    Object.fromEntries([...Array(60).keys()].map((n) => [`l${n}`, 'x'.repeat(4000)])),
  );
  for (let n = 0; n < 30; n += 1) await client.view({ key: `v${n}`, parent: 'A', labels: fat });
  const listing = client.raw.list({ snapshotter: '', filters: [] });
  const ended = new Promise((resolve) => listing.once('error', resolve));
  listing.once('data', () => listing.cancel());
  t.match(await ended, code(status.CANCELLED));
  t.equal((await client.list()).length, 31);
  t.same(errors(), [], 'nor is it an error of the daemon');
});

t.test('a layer that is not fetched: the exact handshake', async (t) => {
  const asked: string[] = [];
  const done: string[] = [];
  const lazy: LazyLayers = {
    ...noLazyImages,
    decide: async ({ key, parents }) => {
      asked.push(`${key} on ${parents[0]?.name ?? 'nothing'}`);
      return { kind: 'skip', mark: 'M' as LazyMark };
    },
    committed: ({ labels }) => void done.push(labels['containerd.io/snapshot.ref'] ?? ''),
    usage: async () => ({ size: 5, inodes: 6 }),
    lower: async (chain) => ({ path: '/image', above: chain.length - 1 }),
  };
  const { client, directory, close } = await serve(t, lazy);
  const layer = (chainId: string, parent: string) => {
    const target = labels({ 'containerd.io/snapshot.ref': chainId, other: 'label' });
    return client.prepare({ key: `default/1/extract-1 ${chainId}`, parent, labels: target });
  };
  const find = (chainId: string, parent: string) =>
    client.list(`labels."containerd.io/snapshot.ref"==${chainId},parent=="${parent}"`);
  await t.rejects(layer('sha256:1', ''), code(status.ALREADY_EXISTS));
  const [first] = await find('sha256:1', '');
  t.match(first, { kind: Kind.COMMITTED, parent: '' });
  t.equal(first?.labels.get('other'), 'label');
  await t.rejects(layer('sha256:2', first?.name ?? ''), code(status.ALREADY_EXISTS));
  const found = await find('sha256:2', first?.name ?? '');
  t.equal(found.length, 1);
  t.same(await find('sha256:2', ''), []);
  await t.rejects(layer('sha256:2', first?.name ?? ''), code(status.ALREADY_EXISTS));
  t.same(await find('sha256:2', first?.name ?? ''), found, 'once is enough');
  t.same(done, ['sha256:1', 'sha256:2']);
  t.equal(asked.length, 2);
  t.same(await client.usage(first?.name ?? ''), { size: 5, inodes: 6 });
  const [mount] = await client.prepare({ key: 'c', parent: found[0]?.name ?? '' });
  t.match(
    mount?.options.find((option) => option.startsWith('lowerdir=')),
    /fs:\/image$/,
  );
  await close();
  const restored: string[] = [];
  const next: LazyLayers = {
    ...lazy,
    restored: async (all) => void restored.push(...all.map(({ mark }) => mark ?? '')),
  };
  const again = await serve(t, next, directory);
  t.same(restored, ['M', 'M']);
  t.same(await again.client.mounts('c'), [mount]);
});

t.test('health: whether it serves, and that it stops', async (t) => {
  const { client, endpoint } = await serve(t);
  const check = (service: string) =>
    answer<{ status: ServingStatus }>((done) => client.health.check({ service }, done));
  for (const service of ['', 'containerd.services.snapshots.v1.Snapshots']) {
    t.same(await check(service), { status: ServingStatus.SERVING });
  }
  await t.rejects(check('other'), code(status.NOT_FOUND));
  const seen: ServingStatus[] = [];
  const watch = client.health.watch({ service: '' });
  const first = Promise.withResolvers<void>();
  watch.on('data', (message: { status: ServingStatus }) => {
    seen.push(message.status);
    first.resolve();
  });
  const ended = new Promise((resolve) => watch.once('end', resolve));
  await first.promise;
  await endpoint.close();
  await ended;
  t.same(seen, [ServingStatus.SERVING, ServingStatus.NOT_SERVING]);
});

t.test('the path of the socket: stale ones go, all else stays', async (t) => {
  const first = await serve(t);
  const { address, directory } = first;
  const open = (root: string, at = address) =>
    ContainerdEndpoint.open({ root, address: at, lazy: noLazyImages, log: silentLog });
  const socketError = { code: 'ERR_SNAPSHOTTER_SOCKET' };
  await t.rejects(open(join(directory, 'other')), socketError, 'somebody listens');
  await t.rejects(open(join(directory, 'root')), { code: 'ERR_SNAPSHOTTER_STATE_LOCKED' });
  t.ok(existsSync(address), 'the refused ones have not taken the socket away');
  const file = join(directory, 'file');
  writeFileSync(file, 'precious');
  await t.rejects(open(join(directory, 'other'), file), socketError, 'a file is not removed');
  await t.rejects(open(join(directory, 'other'), join(directory, 'none', 's')), socketError);
  await t.rejects(open(join(directory, 'other'), `/${'x'.repeat(120)}`), socketError);
  await first.close();
  t.notOk(existsSync(address));
  const stale = createServer();
  await new Promise<void>((resolve) => stale.listen(`${address}.tmp`, resolve));
  linkSync(`${address}.tmp`, address);
  await new Promise((resolve) => stale.close(resolve));
  t.ok(existsSync(address), 'nobody listens there');
  const second = await open(join(directory, 'other'));
  await second.close();
});
