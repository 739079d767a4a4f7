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
const GROWTH_BYTES_MAX = 64 << 20;

export async function testFailingReads(t: Test, requestCount: number): Promise<void> {
  const world = mountWorld(t);
  const registry = await EmbeddedRegistry.listen();
  t.teardown(() => registry.close());
  const gate = await openFaultGate(t, registry.host);
  const source = join(world.directory, 'source');
  writeFiles(source, { file: FILE_BYTES });
  await convertDirectory(source, `${registry.host}/image:latest`, CHUNK_BYTES);
  const mountpoint = world.mountpoint('m');
  const reference = `${gate.host}/image:latest`;
  await world.mount({ reference, mountpoint, missPolicy: { kind: 'fail' } });
  const { pid } = await world.client.ping();
  const path = join(mountpoint, 'file');
  // The heap is as large as it gets after some 2,500 (measured; flat from there).
  await failReads(path, gate, Math.ceil(requestCount / 3));
  const before = await quietWhileFailing(pid, gate);
  const failed = await failReads(path, gate, requestCount);
  const busy = footprint(pid);
  const after = await quietWhileFailing(pid, gate);
  const found = Object.entries({ before, busy, after });
  const lines = found.map(([name, one]) => `${name}: ${formatFootprint(one)}`);
  t.comment(`${requestCount} requests, ${failed} reads failed; ${lines.join('; ')}`);
  t.ok(failed > 0);
  const { [gate.host]: connections = 0, ...others } = busy.connections;
  t.ok(connections <= CONNECTIONS_PER_HOST_MAX, `${connections} connections to the registry`);
  t.same(others, {}, 'and none to others');
  t.same(leftBehind(before, after), {}, 'descriptors and threads');
  t.ok(after.residentBytes <= before.residentBytes + GROWTH_BYTES_MAX, 'memory');
  gate.mode = 'pass';
  t.equal(await digestBySha256sum(path), digestOfFile(join(source, 'file')));
  await world.client.unmount({ mountpoint });
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
