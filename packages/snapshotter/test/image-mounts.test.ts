/**
 * One mount per image, for as long as a snapshot stands for it: shared, found again after a restart,
 * mounted again when somebody took it away, and gone when nobody needs it.
 */
import { once } from 'node:events';
import { existsSync, readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { mock } from 'node:test';
import { parseDigest } from '@shoal/oci';
import { temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { StateDamagedError } from '../src/errors.ts';
import { ImageMounts, type LowerMounts } from '../src/images/image-mounts.ts';
import type { ImageMark } from '../src/images/lazy-mark.ts';
import { CLAIM_MS_MAX, CLAIMS_CHECK_MS } from '../src/images/limits.ts';
import type { LowerMountRequest } from '../src/mounts/mount-types.ts';
import { silentLog } from '../src/service-log.ts';

const { signal } = new AbortController();

function markOf(pair: string): ImageMark {
  const manifestDigest = parseDigest(`sha256:${pair.repeat(32)}`);
  return {
    kind: 'image',
    repository: 'r.example/app',
    manifestDigest,
    imageRef: 'r.example/app:1',
  };
}

/** Keeps the books instead of mounting. */
class BookService implements LowerMounts {
  readonly mounted = new Set<string>();
  readonly events: string[] = [];
  onMount: (request: LowerMountRequest, options: { signal: AbortSignal }) => Promise<void> =
    async () => {};

  async mountLower(request: LowerMountRequest, options: { signal: AbortSignal }) {
    const { mountpoint, reference } = request;
    this.events.push(`mount ${reference}`);
    await this.onMount(request, options);
    this.mounted.add(mountpoint);
    return { mountpoint, reference, manifestDigest: '', driver: '', driverReason: '' };
  }

  async unmount({ mountpoint }: { mountpoint: string }) {
    this.events.push('unmount');
    this.mounted.delete(mountpoint);
    return { mountpoint };
  }

  isMounted(mountpoint: string) {
    return this.mounted.has(mountpoint);
  }

  isKnown(mountpoint: string) {
    return this.mounted.has(mountpoint);
  }

  bootstrapOf() {
    return undefined;
  }

  usageOf(mountpoint: string) {
    return this.mounted.has(mountpoint) ? { size: 4096, inodes: 2 } : undefined;
  }
}

function open(t: Tap, service = new BookService(), directory = temporaryDirectory(t)) {
  // A directory of a test is on the same device as what is "mounted" in it.
  const isThere = async (path: string) => service.isMounted(path) && existsSync(path);
  const mounts = ImageMounts.open(directory, { service, log: silentLog, isThere });
  t.teardown(() => mounts.close());
  return { mounts, service, directory };
}
type Tap = Parameters<typeof temporaryDirectory>[0];

t.test('mounted once for all who ask at once, and shared', async (t) => {
  const { mounts, service } = open(t);
  const paths = await Promise.all(
    Array.from({ length: 10 }, () => mounts.ensure(markOf('aa'), signal)),
  );
  t.equal(new Set(paths).size, 1);
  t.equal(service.events.length, 1);
  t.not(await mounts.ensure(markOf('bb'), signal), paths[0]);
  t.same(mounts.usageOf(markOf('aa')), { size: 4096, inodes: 2 });
});

t.test('goes with its last snapshot', async (t) => {
  const { mounts, service, directory } = open(t);
  const mark = markOf('aa');
  await mounts.ensure(mark, signal);
  mounts.use(mark, 1);
  mounts.use(mark, 2);
  await mounts.release(mark, 1);
  t.equal(service.mounted.size, 1);
  await mounts.release(mark, 2);
  t.equal(service.mounted.size, 0);
  t.same(readdirSync(directory), []);
});

t.test('stays for a pull that has asked and has no snapshot yet', async (t) => {
  const { mounts, service } = open(t);
  const mark = markOf('aa');
  await mounts.claim(mark, signal);
  await mounts.removeUnused();
  t.equal(service.mounted.size, 1, 'claimed');
  mounts.use(mark, 1);
  await mounts.ensure(mark, signal);
  await mounts.release(mark, 1);
  t.equal(service.mounted.size, 0);
});

t.test('goes when the pull had given it up and unpacked the metadata itself', async (t) => {
  const { mounts, service } = open(t);
  const mark = markOf('aa');
  await mounts.claim(mark, signal);
  const unpacked = { ...mark, bootstrapDigest: parseDigest(`sha256:${'cc'.repeat(32)}`) };
  const path = await mounts.ensure(unpacked, signal);
  mounts.use(unpacked, 1);
  await mounts.close();
  t.same([...service.mounted], [path]);
});

t.test('goes after a while when the snapshot it was mounted for never comes', async (t) => {
  let now = performance.now();
  t.intercept(performance, 'now', { value: () => now });
  mock.timers.enable({ apis: ['setInterval'] });
  t.teardown(() => mock.timers.reset());
  const { mounts, service } = open(t);
  const [used, gone, late] = [markOf('aa'), markOf('bb'), markOf('cc')];
  mounts.use(used, 1);
  for (const mark of [used, gone, late]) await mounts.ensure(mark, signal);
  mounts.use(late, 2);
  mock.timers.tick(CLAIMS_CHECK_MS);
  await new Promise((resolve) => setImmediate(resolve));
  t.equal(service.mounted.size, 3, 'not at once: its commit may be under way');
  now += CLAIM_MS_MAX + 1;
  mock.timers.tick(CLAIMS_CHECK_MS);
  await mounts.close();
  t.same([...service.mounted], [mounts.pathOf(used), mounts.pathOf(late)]);
});

t.test('a snapshot that goes while its image is mounted takes it along', async (t) => {
  const { mounts, service } = open(t);
  const mark = markOf('aa');
  const begun = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  service.onMount = () => {
    begun.resolve();
    return finish.promise;
  };
  const ensured = mounts.ensure(mark, signal);
  await begun.promise;
  mounts.use(mark, 1);
  const released = mounts.release(mark, 1);
  finish.resolve();
  await ensured;
  await released;
  t.equal(service.mounted.size, 0);
});

t.test('a restart keeps what snapshots stand for, and nothing else', async (t) => {
  const service = new BookService();
  const directory = temporaryDirectory(t);
  const before = open(t, service, directory);
  for (const pair of ['aa', 'bb']) await before.mounts.ensure(markOf(pair), signal);
  const { mounts } = open(t, service, directory);
  mounts.use(markOf('bb'), 7);
  await mounts.removeUnused();
  t.same([...service.mounted], [mounts.pathOf(markOf('bb'))]);
});

t.test('mounted again when somebody has unmounted it', async (t) => {
  const { mounts, service } = open(t);
  const path = await mounts.ensure(markOf('aa'), signal);
  service.mounted.delete(path);
  t.equal(await mounts.ensure(markOf('aa'), signal), path);
  t.equal(service.events.filter((event) => event.startsWith('mount')).length, 2);
});

t.test('mounted again also when the directory has gone with it', async (t) => {
  const service = new BookService();
  const directory = temporaryDirectory(t);
  const mounts = ImageMounts.open(directory, { service, log: silentLog });
  t.teardown(() => mounts.close());
  const path = await mounts.ensure(markOf('aa'), signal);
  rmdirSync(path);
  t.equal(await mounts.ensure(markOf('aa'), signal), path);
  t.ok(existsSync(path));
  t.equal(service.events.filter((event) => event.startsWith('mount')).length, 2);
});

t.test('closing waits for no registry', async (t) => {
  const { mounts, service } = open(t);
  const begun = Promise.withResolvers<void>();
  service.onMount = (_request, options) => {
    begun.resolve();
    return once(options.signal, 'abort').then(() => options.signal.throwIfAborted());
  };
  const gaveUp = t.rejects(mounts.ensure(markOf('aa'), signal), { name: 'AbortError' });
  await begun.promise;
  await Promise.all([gaveUp, mounts.close(), mounts.close()]);
  await t.rejects(mounts.ensure(markOf('bb'), signal), { name: 'AbortError' });
  t.equal(service.events.length, 1);
});

t.test('a mount that fails is tried again by the next', async (t) => {
  const { mounts, service, directory } = open(t);
  service.onMount = async () => {
    throw new Error('no network');
  };
  await t.rejects(mounts.ensure(markOf('aa'), signal), { message: 'no network' });
  service.onMount = async () => {};
  const path = await mounts.ensure(markOf('aa'), signal);
  t.equal(join(path, '..'), directory);
});

t.test(
  'metadata that containerd unpacked has been deleted: the manifest has its own',
  async (t) => {
    const { mounts, service } = open(t);
    service.onMount = async ({ bootstrapDigest }) => {
      if (bootstrapDigest !== undefined) throw new StateDamagedError('here', 'it is missing');
    };
    const mark = { ...markOf('aa'), bootstrapDigest: markOf('bb').manifestDigest };
    await mounts.ensure(mark, signal);
    t.equal(service.events.length, 2);
  },
);
