/** A daemon's world with one image in it, and the ways its daemon goes away. */
import { join } from 'node:path';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import { type TestScope, until } from '@shoal/test-kit';
import { type FaultGate, openFaultGate } from './fault-gate.ts';
import {
  convertDirectory,
  type MountWorld,
  type MountWorldOptions,
  mountWorld,
  writeFiles,
} from './mounted-image.ts';
import { isAlive } from './own-daemon.ts';

export type ImageWorld = {
  readonly world: MountWorld;
  readonly registry: EmbeddedRegistry;
  /** Stands before the registry. */
  readonly gate: FaultGate;
  /** The directory that was converted. */
  readonly source: string;
  /** The image's, through the gate. */
  readonly reference: string;
};

export type ImageWorldOptions = MountWorldOptions & {
  /** @default 64 KiB */
  readonly chunkBytes?: number;
};

/** Converts files of these lengths into a registry in this process; all ends with the test. */
export async function imageWorld(
  t: TestScope,
  files: Readonly<Record<string, number>>,
  { chunkBytes = 0x10000, ...options }: ImageWorldOptions = {},
): Promise<ImageWorld> {
  const world = mountWorld(t, options);
  const registry = await EmbeddedRegistry.listen();
  t.teardown(() => registry.close());
  const gate = await openFaultGate(t, registry.host);
  const source = join(world.directory, 'source');
  writeFiles(source, files);
  await convertDirectory(source, `${registry.host}/image:latest`, chunkBytes);
  return { world, registry, gate, source, reference: `${gate.host}/image:latest` };
}

/** Ends the daemon of a world; what it has mounted waits for the next one. */
export async function killDaemon(
  world: MountWorld,
  signal: NodeJS.Signals = 'SIGKILL',
): Promise<void> {
  const { pid } = await world.client.ping();
  process.kill(pid, signal);
  await until('the daemon has gone', () => !isAlive(pid));
}
