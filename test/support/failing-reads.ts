/**
 * Reads that all fail because the registry does: no descriptor or thread of the daemon stays behind,
 * its memory does not grow with their number, and the first read after a repair is right.
 */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import type { Test } from 'tap';
import { type FaultGate, type GateMode, openFaultGate } from './fault-gate.ts';
import { footprint } from './footprint.ts';
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
  const before = footprint(pid);
  const failed = await failReads(path, gate, requestCount);
  const after = footprint(pid);
  t.comment(JSON.stringify({ requests: requestCount, failed, before, after }));
  t.ok(failed > 0);
  t.ok(after.descriptors <= before.descriptors + 8, `${after.descriptors} descriptors`);
  t.ok(after.threads <= before.threads, `${after.threads} threads`);
  t.ok(after.residentBytes <= before.residentBytes + GROWTH_BYTES_MAX, 'memory');
  gate.mode = 'pass';
  t.equal(await digestBySha256sum(path), digestOfFile(join(source, 'file')));
  await world.client.unmount({ mountpoint });
}

/** Until so many requests have failed; the answer is how many reads did. */
async function failReads(path: string, gate: FaultGate, requestCount: number): Promise<number> {
  const end = gate.blobReads + requestCount;
  const file = await open(path);
  let failed = 0;
  try {
    const bytes = Buffer.alloc(4096);
    for (let at = 0; gate.blobReads < end; at += 1) {
      gate.mode = MODES[at % MODES.length] ?? 'error';
      const position = (at * 5 * CHUNK_BYTES) % FILE_BYTES;
      await file.read(bytes, 0, bytes.length, position).catch(() => {
        failed += 1;
      });
    }
  } finally {
    await file.close();
  }
  return failed;
}
