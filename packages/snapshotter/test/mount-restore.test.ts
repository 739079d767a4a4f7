/** What the start of a mount service makes of every state a crash can leave. */
import { isMountpoint, unmount } from '@shoal/linux';
import { requireMounts, runChecked, temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { currentBootId } from '../src/state/boot-id.ts';
import { StateStore } from '../src/state/state-store.ts';
import { makeService, recordOf } from './support/mount-service-fixture.ts';

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

t.test('a start goes on when the database takes nothing', async (t) => {
  const state = await StateStore.open(temporaryDirectory(t));
  const { service } = await makeService(t, state);
  const changes = { state: 'mounted', bootId: 'earlier' } as const;
  await state.putMount(recordOf('1111111111111111', '/nowhere/half', { state: 'mounting' }));
  await state.putMount(recordOf('2222222222222222', '/nowhere/reboot', changes));
  const full = { value: () => Promise.reject(new Error('disk full')) };
  t.intercept(state, 'deleteMount', full);
  t.intercept(state, 'putMount', full);
  await service.restore();
  t.match(service.status().mounts, [{ mountpoint: '/nowhere/reboot' }]);
  t.equal((await state.readMounts()).records.length, 2);
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
