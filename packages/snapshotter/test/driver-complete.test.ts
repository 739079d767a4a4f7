/** The complete driver: plain device files, no daemon; and the list of drivers. */
import { closeSync, mkdirSync, openSync, symlinkSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { unmount } from '@shoal/linux';
import { requireMounts, runChecked } from '@shoal/test-kit';
import t from 'tap';
import {
  DRIVER_NAMES,
  type DriverEvent,
  listDrivers,
  openBlobfsDriver,
  openCompleteDriver,
} from '../src/driver/index.ts';
import { blobBytes } from './support/driver-blob.ts';
import { DriverFixture } from './support/driver-fixture.ts';

t.setTimeout(120_000);

t.test('a complete image needs no session', async (t) => {
  if (!requireMounts(t)) return;
  const fixture = new DriverFixture(t);
  const { stateDirectory } = fixture;
  const blob = fixture.blob(1, 30);
  const request = fixture.request('m', [blob]);
  const driver = await openCompleteDriver({ stateDirectory });
  await t.rejects(driver.mount(request), { code: 'ERR_SNAPSHOTTER_DRIVER_REQUEST' });
  blob.complete();
  t.match(await driver.mount(request), { driver: 'complete', directIo: true, origin: 'mounted' });
  const path = join(request.mountpoint, 'file-0');
  t.ok((await readFile(path)).equals(blobBytes(1, 0, 30 * 4096)));
  t.same([blob.asked, fixture.holders()], [[], []]);
  await driver.close();
  const successor = await openCompleteDriver({ stateDirectory });
  const absent = fixture.request('n', [blob]);
  const { mounts, failures } = await successor.restore([request, absent]);
  t.match(mounts, [{ origin: 'adopted' }, { origin: 'remounted' }]);
  t.same(failures, []);
  await successor.unmount('m');
  await successor.unmount('n');
  t.same(fixture.mounts(), []);
});

t.test('what somebody else has unmounted is unmounted, whatever its path says', async (t) => {
  if (!requireMounts(t)) return;
  const fixture = new DriverFixture(t);
  const driver = await openCompleteDriver({ stateDirectory: fixture.stateDirectory });
  t.teardown(() => driver.shutDown());
  const request = fixture.request('busy', []);
  await driver.mount(request);
  const user = openSync(request.mountpoint, 'r');
  await t.rejects(driver.unmount('busy'), { code: 'ERR_LINUX_MOUNT_BUSY' });
  closeSync(user);
  unmount(request.mountpoint);
  await driver.unmount('busy');
});

t.test('a host that takes long to start a process unmounts all the same', async (t) => {
  if (!requireMounts(t)) return;
  const fixture = new DriverFixture(t);
  const driver = await openCompleteDriver({ stateDirectory: fixture.stateDirectory });
  t.teardown(() => driver.shutDown());
  await driver.mount(fixture.request('m', []));
  const path = process.env['PATH'];
  const script = `#!/bin/sh\nPATH='${path}'\nsleep 6\nexec umount "$@"\n`;
  writeFileSync(join(fixture.directory, 'umount'), script, { mode: 0o755 });
  process.env['PATH'] = `${fixture.directory}:${path}`;
  t.teardown(() => {
    process.env['PATH'] = path;
  });
  await driver.unmount('m');
  t.same(fixture.mounts(), []);
});

t.test('a mount that lies over an image is not taken away in its place', async (t) => {
  if (!requireMounts(t)) return;
  const fixture = new DriverFixture(t);
  const driver = await openCompleteDriver({ stateDirectory: fixture.stateDirectory });
  t.teardown(() => driver.shutDown());
  const request = fixture.request('m', []);
  await driver.mount(request);
  await runChecked('mount', ['-t', 'tmpfs', 'over', request.mountpoint]);
  for (const lazy of [false, true]) {
    await t.rejects(driver.unmount('m', { lazy }), {
      code: 'ERR_LINUX_MOUNT_FAILED',
      message: /tmpfs \(over\) lies over it/,
    });
  }
  t.equal(fixture.mounts().length, 2);
  unmount(request.mountpoint);
  await driver.unmount('m');
  t.same(fixture.mounts(), []);
});

t.test(
  'what cannot be taken away of a dead driver does not keep the next from starting',
  async (t) => {
    if (!requireMounts(t)) return;
    const fixture = new DriverFixture(t);
    const lower = join(fixture.stateDirectory, 'lower', 'half-made');
    mkdirSync(join(lower, 'in-the-way'), { recursive: true });
    await runChecked('mount', ['-t', 'tmpfs', 'left', lower]);
    const request = fixture.request('m', []);
    const complete = await openCompleteDriver({ stateDirectory: fixture.stateDirectory });
    t.match(await complete.restore([request]), { mounts: [{ origin: 'remounted' }], failures: [] });
    await complete.unmount('m');
    await runChecked('mount', ['-t', 'tmpfs', 'left', lower]);
    const events: DriverEvent[] = [];
    const blobfs = await openBlobfsDriver({
      stateDirectory: fixture.stateDirectory,
      onEvent: (event) => events.push(event),
    });
    t.teardown(() => blobfs.shutDown());
    t.match(await blobfs.restore([request]), { mounts: [{ origin: 'remounted' }], failures: [] });
    t.match(events, [{ level: 'warn', message: /half-made stays/, error: { code: 'ENOTEMPTY' } }]);
    await blobfs.unmount('m');
    t.same(fixture.mounts(), []);
    const another = join(fixture.stateDirectory, 'lower', 'another');
    mkdirSync(another);
    await runChecked('mount', ['-t', 'tmpfs', 'left', another]);
    const link = join(fixture.directory, 'link');
    symlinkSync(fixture.stateDirectory, link);
    await (await openCompleteDriver({ stateDirectory: link })).restore([]);
    t.same(fixture.mounts(), [], 'also when the way there leads over a link');
  },
);

t.test('the list says what works here', async (t) => {
  if (!requireMounts(t)) return;
  const fixture = new DriverFixture(t);
  const drivers = await listDrivers(fixture.directory);
  t.same(
    drivers.map(({ name }) => name),
    DRIVER_NAMES,
  );
  for (const { name, usable, reason, probes } of drivers) {
    t.ok(usable, `${name}: ${reason}`);
    t.ok(probes.length > 0);
  }
});
