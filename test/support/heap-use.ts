/**
 * What the main thread of a daemon holds after its garbage has gone. Resident memory says little of a
 * process that has just started: V8 takes hundreds of megabytes before it collects.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { type TestScope, temporaryDirectory, until } from '@shoal/test-kit';
import { root } from './source-files.ts';

export type HeapTeller = {
  /** For the daemon that shall tell. */
  readonly env: { readonly NODE_OPTIONS: string; readonly SHOAL_TEST_HEAP: string };
  /** Heap and buffers of a daemon that was started with `env`, in bytes. */
  readonly bytesHeld: (pid: number) => Promise<number>;
  /** The same, once it is no more than that, or after a while: buffers of what is ending go late. */
  readonly bytesHeldAtMost: (pid: number, bytesMax: number) => Promise<number>;
};

/** A daemon gives back what it has spare a minute after it was last busy. */
const ENDING_MS_MAX = 120_000;
const PAUSE_MS = 1000;

export function heapTeller(t: TestScope): HeapTeller {
  const file = join(temporaryDirectory(t), 'heap');
  const preload = pathToFileURL(join(root, 'test/support/tell-heap.ts'));
  const nodeOptions = `${process.env['NODE_OPTIONS'] ?? ''} --import=${preload}`;
  const bytesHeld = async (pid: number) => {
    rmSync(file, { force: true });
    process.kill(pid, 'SIGUSR2');
    await until('the daemon tells its heap', () => existsSync(file));
    return Number(readFileSync(file, 'utf8'));
  };
  return {
    env: { NODE_OPTIONS: nodeOptions, SHOAL_TEST_HEAP: file },
    bytesHeld,
    bytesHeldAtMost: async (pid, bytesMax) => {
      const giveUpAt = performance.now() + ENDING_MS_MAX;
      for (;;) {
        const held = await bytesHeld(pid);
        if (held <= bytesMax || performance.now() > giveUpAt) return held;
        await sleep(PAUSE_MS);
      }
    },
  };
}
