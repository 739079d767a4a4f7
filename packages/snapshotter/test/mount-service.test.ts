/**
 * The order of things around a mount: records before replies, nothing left of what failed, and an end
 * that leaves what is mounted. Kernel and images are stood in for.
 */
import { temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { StateStore } from '../src/state/state-store.ts';
import { DIGEST, makeService } from './support/mount-service-fixture.ts';

const { signal } = new AbortController();

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

t.test('the record of a mount that failed and stays is kept for the next start', async (t) => {
  const { service, driver, state, place } = await makeService(t);
  driver.onMount = async () => {
    driver.failing = 'unmount';
    throw new Error('the kernel refuses');
  };
  const request = { reference: 'host/name:tag', mountpoint: place('m') };
  await t.rejects(service.mount(request, { signal }), /the kernel refuses/);
  t.match((await state.readMounts()).records, [{ state: 'mounting' }]);
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
