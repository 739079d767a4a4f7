/** mountinfo lines and records of holders: no root needed. */
import { openSync, readdirSync } from 'node:fs';
import { until } from '@shoal/test-kit';
import koffi from 'koffi';
import t from 'tap';
import { listHolders, startHolder, stopHolder } from '../src/holder/holder.ts';
import { adoptFromHolder, isHolderAlive, watchHolder } from '../src/holder/holder-fds.ts';
import { isMountpoint, listMounts, parseMountInfo } from '../src/mount/mount-table.ts';
import { closeFd, flockExclusive, tryFlock } from '../src/syscalls.ts';

t.setTimeout(120_000);

t.test('mountinfo lines', async (t) => {
  const text =
    '36 35 98:0 /mnt1 /mnt\\0402\\134x rw,noatime master:1 shared:7 - erofs /dev/a\\011b rw,errors=continue\n';
  t.same(parseMountInfo(text), [
    {
      mountId: 36,
      parentId: 35,
      major: 98,
      minor: 0,
      root: '/mnt1',
      mountpoint: '/mnt 2\\x',
      options: ['rw', 'noatime'],
      propagation: ['master:1', 'shared:7'],
      fileSystem: 'erofs',
      source: '/dev/a\tb',
      superOptions: ['rw', 'errors=continue'],
    },
  ]);
  const [overlay] = parseMountInfo(
    '1 2 0:1 / / rw - overlay o rw,lowerdir=/a\\040b:/c\\054d,upperdir=/e\\134f',
  );
  t.same(overlay?.superOptions, ['rw', 'lowerdir=/a b:/c,d', 'upperdir=/e\\f']);
  t.same(parseMountInfo('1 2 0:1 / / rw - tmpfs  rw')[0]?.source, '', 'an empty source');
  for (const line of ['', '1 2 3', '1 2 x:0 / / rw - a b c', 'a b 0:1 / / rw - a b c']) {
    if (line === '') t.same(parseMountInfo(line), []);
    else t.throws(() => parseMountInfo(line), { code: 'ERR_LINUX_MOUNT_TABLE' });
  }
  t.ok(listMounts().length > 0);
  t.ok(isMountpoint('/proc'));
  t.notOk(isMountpoint('/proc/self'));
});

t.test('a holder keeps what it was given, until it is stopped', async (t) => {
  const fd = openSync('/dev/null', 'r');
  const purpose = `test-${process.pid}`;
  const record = await startHolder({ null: fd }, purpose);
  closeFd(fd);
  t.ok(isHolderAlive(record));
  t.same(listHolders(purpose), [record.pid]);
  const taken = adoptFromHolder(record);
  t.ok((taken['null'] ?? -1) > 2);
  closeFd(taken['null'] ?? -1);
  const impostor = { ...record, startTime: '1' };
  t.throws(() => adoptFromHolder(impostor), { code: 'ERR_LINUX_HOLDER' });
  await stopHolder(impostor);
  t.ok(isHolderAlive(record), 'another process with its number is left alone');
  let isGone = false;
  watchHolder(record, () => {
    isGone = true;
  });
  await stopHolder(record);
  await stopHolder(record);
  await until('the watcher says so', () => isGone);
  t.notOk(isHolderAlive(record));
  t.throws(() => adoptFromHolder(record), { code: 'ERR_LINUX_HOLDER' });
  t.same(listHolders(purpose), []);
  await t.rejects(startHolder({}, purpose), { code: 'ERR_LINUX_HOLDER' });
});

t.test('a holder has nothing but what it was given', async (t) => {
  // As libraries open files: without O_CLOEXEC, which Node always adds.
  const leaky: number = koffi.load(null).func('dup', 'int', ['int'])(2);
  const fd = openSync('/dev/null', 'r');
  const record = await startHolder({ null: fd }, `only-${process.pid}`);
  t.teardown(() => stopHolder(record));
  for (const one of [fd, leaky]) closeFd(one);
  const held = () => readdirSync(`/proc/${record.pid}/fd`).toSorted();
  // A shell has more before it is `sleep`.
  await until('it has six descriptors', () => held().length === 6);
  t.same(held(), [...'012345'], 'the standard ones, the one given, both ends of the life line');
});

t.test('an exclusive lock is exclusive', async (t) => {
  const path = t.testdir({ lock: '' });
  const [first, second] = [openSync(`${path}/lock`, 'r'), openSync(`${path}/lock`, 'r')];
  t.ok(flockExclusive(first));
  t.notOk(flockExclusive(second));
  t.equal(tryFlock(second), false);
  closeFd(first);
  t.ok(flockExclusive(second));
  closeFd(second);
  t.throws(() => tryFlock(-1), { code: 'ERR_LINUX_SYSCALL', errnoName: 'EBADF' });
  t.throws(() => flockExclusive(-1), { code: 'ERR_LINUX_SYSCALL', errnoName: 'EBADF' });
});
