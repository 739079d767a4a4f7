/** A deadline holds whatever a read shares its way with: readahead that hangs, other readers. */
import { join } from 'node:path';
import { requireMounts, runCommand, until } from '@shoal/test-kit';
import t from 'tap';
import { imageWorld } from '../support/image-world.ts';
import { digestBySha256sum, digestOfFile } from '../support/mounted-image.ts';

const FILE_BYTES = 16 << 20;
const CHUNK_BYTES = 0x10000;
/** Longer than a fetch takes on the busiest of machines; each round takes as long. */
const TIMEOUT_MS = 4000;
const ROUNDS = 2;

t.test('a sequential reader whose readahead hangs has its error, and goes on after', async (t) => {
  if (!requireMounts(t)) return;
  const files = { large: FILE_BYTES };
  const { world, gate, source, reference } = await imageWorld(t, files, {
    chunkBytes: CHUNK_BYTES,
  });
  const mountpoint = world.mountpoint('m');
  await world.mount({
    reference,
    mountpoint,
    missPolicy: { kind: 'deadline', timeoutMs: TIMEOUT_MS },
  });
  const file = join(mountpoint, 'large');
  const read = (fromMiB: number, countMiB: number) =>
    runCommand('dd', [
      `if=${file}`,
      'bs=1M',
      `skip=${fromMiB}`,
      `count=${countMiB}`,
      'of=/dev/null',
      'iflag=fullblock',
    ]);
  t.equal((await read(0, 4)).exitCode, 0, 'a sequential start: from here on there is readahead');
  gate.mode = 'hang';
  const before = gate.blobReads;
  for (let round = 0; round < ROUNDS; round += 1) {
    const startedAt = performance.now();
    const { exitCode, stderr } = await read(4, 12);
    t.comment(`an error after ${Math.round(performance.now() - startedAt)} ms`);
    t.equal(exitCode, 1);
    t.match(stderr, /Input\/output error/);
  }
  t.ok(gate.blobReads > before, 'requests were on their way');
  const [blob] = (await world.status()).mounts[0]?.blobs ?? [];
  t.match(blob?.lastError?.reason, new RegExp(`no bytes within ${TIMEOUT_MS} ms`));
  gate.mode = 'pass';
  const expected = digestOfFile(join(source, 'large'));
  const startedAt = performance.now();
  await until('bytes come again', async () => (await digestBySha256sum(file)) === expected);
  t.comment(`right after ${Math.round(performance.now() - startedAt)} ms`);
  await until('nothing waits', async () => (await world.status()).drivers[0]?.waiting === 0);
});
