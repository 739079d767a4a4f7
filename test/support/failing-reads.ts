/**
 * Reads that all fail because the registry does: no descriptor or thread of the daemon stays behind,
 * its memory does not grow with their number, and the first read after a repair is right.
 */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import type { Test } from 'tap';
import { CONNECTIONS_PER_HOST_MAX } from '../../packages/registry-client/src/limits.ts';
import { type FaultGate, type GateMode, openFaultGate } from './fault-gate.ts';
import {
  type Footprint,
  footprint,
  formatFootprint,
  leftBehind,
  quietFootprint,
} from './footprint.ts';
import { heapTeller } from './heap-use.ts';
import {
  convertDirectory,
  digestBySha256sum,
  digestOfFile,
  mountWorld,
  writeFiles,
} from './mounted-image.ts';

const FILE_BYTES = 16 << 20;
const CHUNK_BYTES = 1 << 16;
const MODES: readonly GateMode[] = ['error', 'down', 'truncate', 'lie'];
/** Reads at a time: most of one is waiting. A thread of libuv's four stays free for the registry. */
const LANES = 3;
/** Statistics and logs, whatever the number of requests. */
const GROWTH_BYTES_MAX = 4 << 20;

export type FailingReads = {
  readonly requests: number;
  /** For runs that are so long that the heap is as large as it gets: after some 2,500 requests. */
  readonly residentGrowthBytesMax?: number;
};

export async function testFailingReads(t: Test, options: FailingReads): Promise<void> {
  const { requests, residentGrowthBytesMax = Number.POSITIVE_INFINITY } = options;
  const { gate, heap, pid, source, path } = await mountBehindGate(t);
  await failReads(path, gate, Math.ceil(requests / 3));
  const before = await quietWhileFailing(pid, gate);
  const heldBefore = await heap.bytesHeld(pid);
  const failed = await failReads(path, gate, requests);
  const busy = footprint(pid);
  const after = await quietWhileFailing(pid, gate);
  const heldMax = heldBefore + GROWTH_BYTES_MAX;
  const heldAfter = await heap.bytesHeldAtMost(pid, heldMax);
  t.comment(`${requests} requests, ${failed} reads failed`);
  for (const [name, found] of Object.entries({ before, busy, after })) {
    t.comment(`${name}: ${formatFootprint(found)}`);
  }
  t.comment(`heap and buffers: ${heldBefore} bytes before, ${heldAfter} after`);
  t.ok(failed > 0);
  const { [gate.host]: connections = 0, ...others } = busy.connections;
  t.ok(connections <= CONNECTIONS_PER_HOST_MAX, `${connections} connections to the registry`);
  t.same(others, {}, 'and none to others');
  t.same(leftBehind(before, after), {}, 'descriptors and threads');
  t.ok(heldAfter <= heldMax, 'heap and buffers');
  t.ok(after.residentBytes <= before.residentBytes + residentGrowthBytesMax, 'resident');
  gate.mode = 'pass';
  t.equal(await digestBySha256sum(path), digestOfFile(source));
}

/** One file of an image, mounted from a registry behind a gate. */
async function mountBehindGate(t: Test) {
  const world = mountWorld(t);
  const registry = await EmbeddedRegistry.listen();
  t.teardown(() => registry.close());
  const gate = await openFaultGate(t, registry.host);
  const directory = join(world.directory, 'source');
  writeFiles(directory, { file: FILE_BYTES });
  await convertDirectory(directory, `${registry.host}/image:latest`, CHUNK_BYTES);
  const mountpoint = world.mountpoint('m');
  const heap = heapTeller(t);
  Object.assign(process.env, heap.env);
  const reference = `${gate.host}/image:latest`;
  await world.mount({ reference, mountpoint, missPolicy: { kind: 'fail' } });
  const { pid } = await world.client.ping();
  return { gate, heap, pid, source: join(directory, 'file'), path: join(mountpoint, 'file') };
}

/** What the registry refuses is not kept, so what goes on behind the reads ends soon. */
function quietWhileFailing(pid: number, gate: FaultGate): Promise<Footprint> {
  gate.mode = 'error';
  return quietFootprint(pid);
}

/** Until so many requests have failed; the answer is how many reads did. */
async function failReads(path: string, gate: FaultGate, requestCount: number): Promise<number> {
  const end = gate.blobReads + requestCount;
  const file = await open(path);
  let failed = 0;
  let at = 0;
  const lane = async () => {
    const bytes = Buffer.alloc(4096);
    while (gate.blobReads < end) {
      gate.mode = MODES[at % MODES.length] ?? 'error';
      const position = (at * 5 * CHUNK_BYTES) % FILE_BYTES;
      at += 1;
      await file.read(bytes, 0, bytes.length, position).catch(() => {
        failed += 1;
      });
    }
  };
  try {
    await Promise.all(Array.from({ length: LANES }, lane));
  } finally {
    await file.close();
  }
  return failed;
}
