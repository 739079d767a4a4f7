/** A daemon that may open no more files: requests fail, it goes on, and its readers get their bytes. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireMounts, requireTool, runChecked, until } from '@shoal/test-kit';
import t from 'tap';
import { LOOK, lazyWorld, SEEN } from '../support/lazy-world.ts';
import { unpackImageOf } from '../support/pushed-image.ts';
import { runMounted } from '../support/unpacker.ts';

t.setTimeout(300_000);

t.test('no file more', async (t) => {
  if (!requireMounts(t) || !requireTool(t, 'prlimit')) return;
  const { world, registry, containers, connect, convert } = await lazyWorld(t);
  await convert('app:nydus', { chunkSizeBytes: 0x10000 });
  const containerd = connect();
  const { chainId } = await containerd.pull(await unpackImageOf(`${registry.host}/app:nydus`));
  const mounts = await containerd.prepare('before', chainId);
  t.equal(await runMounted(mounts, containers, 'cat etc/name'), 'top\n');
  // Not asked for: a connection takes a file, and gives it back a moment later.
  const pid = readFileSync(join(world.daemon.run, 'serving.pid'), 'latin1').trim();
  const [, soft] =
    /^Max open files\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/limits`, 'utf8')) ?? [];
  const limitTo = (limit: string) => runChecked('prlimit', ['--pid', pid, `--nofile=${limit}:`]);
  let tries = 0;
  // What the daemon had open for a moment only makes room for a file.
  await until('nothing can be opened', async () => {
    const open = new Set(readdirSync(`/proc/${pid}/fd`).map(Number));
    const free = Array.from({ length: open.size + 1 }, (_, fd) => fd).find((fd) => !open.has(fd));
    await limitTo(String(free));
    tries += 1;
    const refusal = await containerd
      .prepare(`try-${tries}`, chainId)
      .catch((error: Error) => error);
    return refusal instanceof Error && /EMFILE/.test(refusal.message);
  });
  await t.rejects(world.client.status());
  const reading = runMounted(mounts, containers, LOOK);
  await limitTo(soft ?? '');
  t.equal(await reading, SEEN);
  t.equal(String((await world.client.ping()).pid), pid, 'the same daemon');
  const after = await containerd.prepare('afterwards', chainId);
  t.equal(await runMounted(after, containers, LOOK), SEEN);
  t.same((await world.status()).problems, []);
});
