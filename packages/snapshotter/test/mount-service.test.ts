/**
 * The order of things around a mount: records before replies, nothing left of what failed, and what
 * a start makes of every state a crash can leave. Kernel and images are stood in for.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { isMountpoint, unmount } from '@shoal/linux';
import { parseDigest } from '@shoal/oci';
import { requireMounts, runChecked, temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import type { DriverName, MountDriver } from '../src/driver/index.ts';
import type { MountPlan, MountPlans } from '../src/mounts/mount-plan.ts';
import { MountService } from '../src/mounts/mount-service.ts';
import { silentLog } from '../src/service-log.ts';
import { currentBootId } from '../src/state/boot-id.ts';
import type { MountRecord } from '../src/state/mount-record.ts';
import { StateStore } from '../src/state/state-store.ts';

const DIGEST = parseDigest(`sha256:${'ab'.repeat(32)}`);
const { signal } = new AbortController();

/** A driver that only keeps the books. */
class BookDriver implements MountDriver {
  readonly name = 'blobfs';
  readonly events: string[] = [];
  failing: 'mount' | 'unmount' | 'restore' | undefined;
  onMount: (() => Promise<void>) | undefined;
  unread: Promise<void> = Promise.resolve();

  async mount({ mountId, mountpoint }: { mountId: string; mountpoint: string }) {
    await this.onMount?.();
    if (this.failing === 'mount') throw new Error('the kernel refuses');
    this.events.push(`mount ${mountId}`);
    return { mountId, driver: this.name, mountpoint, directIo: true, origin: 'mounted' } as const;
  }

  async unmount(mountId: string) {
    if (this.failing === 'unmount') throw new Error('busy');
    this.events.push(`unmount ${mountId}`);
  }

  whenUnread() {
    return this.unread;
  }

  async restore(requests: readonly { mountId: string }[]) {
    this.events.push(`restore ${requests.map(({ mountId }) => mountId).join(' ')}`);
    const error = new Error('no such device');
    const failures = requests.map(({ mountId }) => ({ mountId, error }));
    return { mounts: [], failures: this.failing === 'restore' ? failures : [] };
  }

  stats() {
    return undefined;
  }

  async close() {
    this.events.push('close');
  }

  async shutDown() {
    this.events.push('shutDown');
  }

  async [Symbol.asyncDispose]() {}
}

function recordOf(id: string, mountpoint: string, changes: Partial<MountRecord> = {}): MountRecord {
  return {
    version: 1,
    id,
    state: 'mounting',
    reference: 'host/name:tag',
    manifestDigest: DIGEST,
    bootstrapDigest: DIGEST,
    mountpoint,
    driver: 'blobfs',
    driverReason: 'a test',
    allowSuid: false,
    allowDevices: false,
    source: {},
    missPolicy: { kind: 'wait' },
    cacheDirectory: '/nowhere',
    layers: [],
    bootId: currentBootId(),
    mountedAt: '2026-11-28T12:00:00.000Z',
    ...changes,
  };
}

async function makeService(t: Tap, state?: StateStore) {
  const directory = temporaryDirectory(t);
  const driver = new BookDriver();
  const released: string[] = [];
  let nextId = 1;
  const planOf = (record: MountRecord): MountPlan => ({
    record,
    blobs: [],
    driverRequest: {
      mountId: record.id,
      metadataFile: '/nowhere',
      blobs: [],
      mountpoint: record.mountpoint,
      flags: {},
    },
    startPrefetch: () => undefined,
    release: async () => {
      released.push(record.id);
    },
  });
  const planner: MountPlans = {
    fromRequest: async (_request, mountpoint) =>
      planOf(recordOf(String(nextId++).padStart(16, '0'), mountpoint)),
    fromRecord: async (record) => {
      if (record.reference === 'broken') throw new Error('no bootstrap');
      return planOf(record);
    },
  };
  const opened = state ?? (await StateStore.open(directory));
  const service = new MountService(
    { root: directory, reserved: [] },
    {
      state: opened,
      planner,
      collector: { collectSometimes: () => undefined },
      drivers: new Map<DriverName, MountDriver>([['blobfs', driver]]),
      log: silentLog,
      owned: [],
    },
  );
  t.teardown(() => service.close());
  const place = (name: string) => {
    const path = join(directory, name);
    mkdirSync(path, { recursive: true });
    return path;
  };
  return { service, driver, state: opened, released, place };
}
type Tap = Parameters<typeof temporaryDirectory>[0];

t.test('the record is there before the mount and before the reply', async (t) => {
  const { service, driver, state, place } = await makeService(t);
  const mountpoint = place('m');
  driver.onMount = async () => {
    const [record] = (await state.readMounts()).records;
    t.equal(record?.state, 'mounting');
  };
  const answer = await service.mount({ reference: 'host/name:tag', mountpoint }, { signal });
  t.match(answer, { mountpoint, driver: 'blobfs', manifestDigest: DIGEST });
  t.equal((await state.readMounts()).records[0]?.state, 'mounted');
  t.equal(service.status().mounts.length, 1);
});

t.test('a mount that fails leaves nothing', async (t) => {
  const { service, driver, state, released, place } = await makeService(t);
  driver.failing = 'mount';
  const request = { reference: 'host/name:tag', mountpoint: place('m') };
  await t.rejects(service.mount(request, { signal }), /the kernel refuses/);
  t.same((await state.readMounts()).records, []);
  t.equal(released.length, 1);
  driver.failing = undefined;
  await service.mount(request, { signal });
});

t.test('why a mount failed is said also when its record cannot be taken away', async (t) => {
  const { service, driver, state, released, place } = await makeService(t);
  driver.failing = 'mount';
  t.intercept(state, 'deleteMount', { value: () => Promise.reject(new Error('disk full')) });
  const request = { reference: 'host/name:tag', mountpoint: place('m') };
  await t.rejects(service.mount(request, { signal }), /the kernel refuses/);
  t.equal(released.length, 1);
});

t.test('who gave up meanwhile gets no mount', async (t) => {
  const { service, driver, state, place } = await makeService(t);
  const controller = new AbortController();
  driver.onMount = async () => controller.abort();
  const request = { reference: 'host/name:tag', mountpoint: place('m') };
  await t.rejects(service.mount(request, { signal: controller.signal }), { name: 'AbortError' });
  t.same((await state.readMounts()).records, []);
  t.match(driver.events, ['mount 0000000000000001', 'unmount 0000000000000001']);
});

t.test('one mountpoint takes one image, also when both come at once', async (t) => {
  const { service, place } = await makeService(t);
  const request = { reference: 'host/name:tag', mountpoint: place('m') };
  const outcomes = await Promise.allSettled([
    service.mount(request, { signal }),
    service.mount(request, { signal }),
  ]);
  t.same(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  await t.rejects(service.mount(request, { signal }), {
    code: 'ERR_SNAPSHOTTER_MOUNTPOINT',
    message: /is mounted there already/,
  });
});

t.test('unmount: the record goes when the kernel has let go, not before', async (t) => {
  const { service, driver, state, released, place } = await makeService(t);
  const mountpoint = place('m');
  await service.mount({ reference: 'host/name:tag', mountpoint }, { signal });
  driver.failing = 'unmount';
  await t.rejects(service.unmount({ mountpoint }), /busy/);
  t.equal((await state.readMounts()).records.length, 1);
  driver.failing = undefined;
  await service.unmount({ mountpoint });
  t.same((await state.readMounts()).records, []);
  t.equal(released.length, 1);
  await t.rejects(service.unmount({ mountpoint }), { code: 'ERR_SNAPSHOTTER_NOT_MOUNTED' });
});

t.test('a lazy unmount keeps the blobs until nobody reads them', async (t) => {
  const { service, driver, released, place } = await makeService(t);
  const mountpoint = place('m');
  await service.mount({ reference: 'host/name:tag', mountpoint }, { signal });
  const { promise, resolve } = Promise.withResolvers<void>();
  driver.unread = promise;
  await service.unmount({ mountpoint, isLazy: true });
  t.same(service.status().mounts, []);
  t.same(released, []);
  resolve();
  await service.close();
  t.equal(released.length, 1);
});

t.test('a start sorts out what it finds', async (t) => {
  const state = await StateStore.open(temporaryDirectory(t));
  const { service, driver, released } = await makeService(t, state);
  const records = [
    recordOf('1111111111111111', '/nowhere/half', { state: 'mounting' }),
    recordOf('2222222222222222', '/nowhere/by-hand', { state: 'mounted' }),
    recordOf('3333333333333333', '/nowhere/reboot', { state: 'mounted', bootId: 'earlier' }),
    recordOf('4444444444444444', '/nowhere/broken', {
      state: 'mounted',
      bootId: 'earlier',
      reference: 'broken',
    }),
  ];
  for (const record of records) await state.putMount(record);
  await service.restore();
  t.same(driver.events, ['restore 3333333333333333']);
  const { mounts, problems } = service.status();
  t.same(
    mounts.map(({ mountpoint }) => mountpoint),
    ['/nowhere/reboot'],
  );
  t.equal(problems[0], '/nowhere/broken: no bootstrap');
  // The driver of this test mounts nothing.
  t.match(problems[1], /^\/nowhere\/reboot: somebody unmounted it/);
  t.equal(problems.length, 2);
  const left = (await state.readMounts()).records;
  t.same(left.map(({ id }) => id).sort(), ['3333333333333333', '4444444444444444']);
  t.equal(left.find(({ id }) => id === '3333333333333333')?.bootId, currentBootId());
  t.same(released, []);
});

t.test('a mount that the driver cannot restore is a problem of its own', async (t) => {
  const state = await StateStore.open(temporaryDirectory(t));
  const { service, driver, released } = await makeService(t, state);
  driver.failing = 'restore';
  await state.putMount(
    recordOf('1111111111111111', '/nowhere/m', { state: 'mounted', bootId: 'x' }),
  );
  await service.restore();
  t.match(service.status(), { mounts: [], problems: ['/nowhere/m: no such device'] });
  t.same(released, ['1111111111111111']);
  t.equal((await state.readMounts()).records.length, 1, 'the record is kept');
  await service.unmount({ mountpoint: '/nowhere/m' });
  t.match(service.status(), { mounts: [], problems: [] });
  t.same((await state.readMounts()).records, []);
});

t.test("where somebody else's file system is mounted nothing is touched", async (t) => {
  if (!requireMounts(t)) return;
  const state = await StateStore.open(temporaryDirectory(t));
  const { service, driver, place } = await makeService(t, state);
  const records = [
    recordOf('1111111111111111', place('half'), { state: 'mounting' }),
    recordOf('2222222222222222', place('whole'), { state: 'mounted' }),
    recordOf('3333333333333333', place('reboot'), { state: 'mounted', bootId: 'earlier' }),
  ];
  const mountpoints = records.map(({ mountpoint }) => mountpoint);
  for (const mountpoint of mountpoints) {
    await runChecked('mount', ['-t', 'tmpfs', 'of-others', mountpoint]);
    t.teardown(() => unmount(mountpoint, { lazy: true }));
  }
  for (const record of records) await state.putMount(record);
  await service.restore();
  t.same(driver.events, ['restore ']);
  const [, whole = '', reboot = ''] = mountpoints;
  const reason = 'tmpfs (of-others) is mounted there';
  t.same([...service.status().problems].sort(), [`${reboot}: ${reason}`, `${whole}: ${reason}`]);
  await service.unmount({ mountpoint: whole });
  t.same(service.status().problems, [`${reboot}: ${reason}`], 'the record is forgotten');
  for (const mountpoint of mountpoints) t.ok(isMountpoint(mountpoint), 'the mount stays');
});

t.test(
  'closing leaves mounts to a successor, and ends the session when there are none',
  async (t) => {
    const { service, driver, place } = await makeService(t);
    const mountpoint = place('m');
    await service.mount({ reference: 'host/name:tag', mountpoint }, { signal });
    await Promise.all([service.close(), service.close()]);
    t.equal(driver.events.at(-1), 'close');
    await t.rejects(service.mount({ reference: 'x', mountpoint }, { signal }), {
      code: 'ERR_SNAPSHOTTER_CLOSED',
    });
    const empty = await makeService(t);
    await empty.service.close();
    t.same(empty.driver.events, ['shutDown']);
  },
);

t.test('an unmount that comes with the end of the service takes no record away', async (t) => {
  const state = await StateStore.open(temporaryDirectory(t));
  const { service, driver, place } = await makeService(t, state);
  const mountpoint = place('m');
  await service.mount({ reference: 'host/name:tag', mountpoint }, { signal });
  t.intercept(state, 'close', { value: () => Promise.resolve() });
  const unmounting = service.unmount({ mountpoint });
  await Promise.all([t.rejects(unmounting, { code: 'ERR_SNAPSHOTTER_CLOSED' }), service.close()]);
  t.same(driver.events, ['mount 0000000000000001', 'close']);
  t.equal((await state.readMounts()).records.length, 1);
});

t.test('draining: no mounts meanwhile, and the service goes on when one is busy', async (t) => {
  const { service, driver, place } = await makeService(t);
  const [one, two] = [place('one'), place('two')];
  const reference = 'host/name:tag';
  for (const mountpoint of [one, two]) await service.mount({ reference, mountpoint }, { signal });
  driver.failing = 'unmount';
  t.same(await service.drain(), {
    unmounted: [],
    left: [],
    busy: [one, two].map((mountpoint) => ({ mountpoint, reason: 'busy' })),
    lingering: 0,
  });
  t.notOk(service.isIdle);
  driver.failing = undefined;
  await service.mount({ reference, mountpoint: place('three') }, { signal });
  t.match(await service.drain(), { unmounted: { length: 3 }, busy: [] });
  t.ok(service.isIdle);
  await t.rejects(service.mount({ reference, mountpoint: one }, { signal }), {
    code: 'ERR_SNAPSHOTTER_CLOSED',
  });
});

t.test('a mount request tells how far it is', async (t) => {
  const { service, driver, place } = await makeService(t);
  const mountpoint = place('m');
  driver.onMount = async () => {
    t.same(service.mounting(), [{ mountpoint, reference: 'host/name:tag', bytesFetched: 0 }]);
    t.notOk(service.isIdle);
  };
  await service.mount({ reference: 'host/name:tag', mountpoint }, { signal });
  t.same(service.mounting(), []);
});
