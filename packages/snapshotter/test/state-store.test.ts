/** The database: what was written is there again, one opener at a time, damage is named. */
import { chmod, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseDigest } from '@shoal/oci';
import { requireMounts, runChecked, temporaryDirectory } from '@shoal/test-kit';
import { Level } from 'level';
import t from 'tap';
import { orDiskFull } from '../src/state/disk-full.ts';
import {
  decodeMountRecord,
  encodeMountRecord,
  type MountRecord,
} from '../src/state/mount-record.ts';
import { StateStore } from '../src/state/state-store.ts';

const DIGEST = parseDigest(`sha256:${'ab'.repeat(32)}`);

function record(id: string): MountRecord {
  return {
    version: 1,
    id,
    state: 'mounted',
    reference: 'registry.example/name:tag',
    manifestDigest: DIGEST,
    bootstrapDigest: DIGEST,
    mountpoint: `/mnt/${id}`,
    driver: 'blobfs',
    driverReason: 'asked for',
    allowSuid: false,
    allowDevices: false,
    source: { plainHttp: true, dockerConfigDirectory: '/home/me/.docker' },
    missPolicy: { kind: 'deadline', timeoutMs: 5000 },
    cacheDirectory: '/var/lib/shoal/cache',
    layers: [{ mediaType: 'application/octet-stream', digest: DIGEST, size: 10 }],
    bootId: 'a-boot',
    mountedAt: '2026-11-28T12:00:00.000Z',
  };
}

t.test('records survive', async (t) => {
  const root = temporaryDirectory(t);
  const first = record('0123456789abcdef');
  const second = record('fedcba9876543210');
  {
    await using state = await StateStore.open(root);
    await state.putMount(first);
    await state.putMount(second);
    await state.deleteMount(second.id);
    await state.putVerified(DIGEST, {
      walkVersion: 1,
      sizeBytes: 4096,
      inodes: 1,
      blobIds: ['ab'.repeat(32)],
      fileDigest: 'ab'.repeat(32),
    });
  }
  await using state = await StateStore.open(root);
  t.same(await state.readMounts(), { records: [first], damaged: [] });
  t.match(await state.readVerified(DIGEST), { sizeBytes: 4096, inodes: 1 });
  t.equal(await state.readVerified(`sha256:${'00'.repeat(32)}`), undefined);
});

t.test('a second opener is refused', async (t) => {
  const root = temporaryDirectory(t);
  await using state = await StateStore.open(root);
  await t.rejects(StateStore.open(root), {
    code: 'ERR_SNAPSHOTTER_STATE_LOCKED',
    message: /another daemon uses/,
  });
  t.same((await state.readMounts()).records, []);
});

t.test('a damaged record harms no other', async (t) => {
  const root = temporaryDirectory(t);
  await using state = await StateStore.open(root);
  await state.putMount(record('0123456789abcdef'));
  await state.close();
  const raw = new Level<string, string>(join(root, 'state'));
  await raw.put('mount/ffffffffffffffff', '{"version":1,"id":"../../etc"');
  await raw.put('mount/eeeeeeeeeeeeeeee', '{"version":9}');
  await raw.put('verified/x', 'rubbish');
  await raw.close();
  await using again = await StateStore.open(root);
  const { records, damaged } = await again.readMounts();
  t.equal(records.length, 1);
  t.same(damaged.map(({ key }) => key).sort(), [
    'mount/eeeeeeeeeeeeeeee',
    'mount/ffffffffffffffff',
  ]);
  t.ok(damaged.every(({ error }) => error.code === 'ERR_SNAPSHOTTER_STATE_DAMAGED'));
  t.equal(await again.readVerified('x'), undefined);
});

t.test('an unknown version and a broken database are refused with a remedy', async (t) => {
  const root = temporaryDirectory(t);
  const raw = new Level<string, string>(join(root, 'state'));
  await raw.put('meta/schema', '99');
  await raw.close();
  await chmod(join(root, 'state'), 0o700);
  await t.rejects(StateStore.open(root), {
    code: 'ERR_SNAPSHOTTER_STATE_NEWER',
    message: /version 99, this one knows 1/,
  });
  const directory = join(root, 'state');
  for (const name of await readdir(directory)) {
    if (name.startsWith('MANIFEST') || name === 'CURRENT') {
      await writeFile(join(directory, name), 'rubbish\n');
    }
  }
  await t.rejects(StateStore.open(root), { code: 'ERR_SNAPSHOTTER_STATE_DAMAGED' });
});

t.test('records decode to what was encoded, and nothing else decodes', (t) => {
  const value = record('0123456789abcdef');
  t.same(decodeMountRecord(encodeMountRecord(value), 'here'), value);
  const broken = [
    '',
    '[]',
    'null',
    '{}',
    JSON.stringify({ ...value, mountpoint: 'relative' }),
    JSON.stringify({ ...value, surplus: 1 }),
    JSON.stringify({ ...value, missPolicy: { kind: 'deadline', timeoutMs: -1 } }),
    JSON.stringify({ ...value, reference: 'x'.repeat(2 << 20) }),
  ];
  for (const text of broken) {
    t.throws(() => decodeMountRecord(text, 'here'), { code: 'ERR_SNAPSHOTTER_STATE_DAMAGED' });
  }
  t.end();
});

t.test('a full disk has its own error, in whatever words it comes', (t) => {
  const raw = Object.assign(new Error('ENOSPC: no space left on device, write'), {
    code: 'ENOSPC',
  });
  const level = new Error('Database failed', {
    cause: new Error('IO error: 000005.log: No space left on device'),
  });
  for (const error of [raw, level]) {
    t.match(orDiskFull(error, '/place'), {
      code: 'ERR_SNAPSHOTTER_DISK_FULL',
      message: /\/place/,
      retryable: true,
    });
  }
  const other = new Error('something else');
  t.equal(orDiskFull(other, '/place'), other);
  t.end();
});

t.test('a full disk: an error of its own, and all is well when there is space again', async (t) => {
  if (!requireMounts(t)) return;
  const directory = temporaryDirectory(t);
  await runChecked('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'small', directory]);
  t.teardown(() => runChecked('umount', [directory]));
  const state = await StateStore.open(directory);
  t.teardown(() => state.close());
  const first = record('0123456789abcdef');
  await state.putMount(first);
  const fill = join(directory, 'fill');
  await t.rejects(writeFile(fill, Buffer.alloc(1 << 20)), { code: 'ENOSPC' });
  const large = { ...first, id: 'f'.repeat(16), driverReason: 'x'.repeat(1000) };
  const fails = async () => {
    for (;;) await state.putMount(large);
  };
  await t.rejects(fails(), { code: 'ERR_SNAPSHOTTER_DISK_FULL', message: new RegExp(directory) });
  await rm(fill);
  await state.deleteMount(large.id);
  t.same((await state.readMounts()).records, [first]);
  t.equal(await state.readVerified('x'), undefined);
});
