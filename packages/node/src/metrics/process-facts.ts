/**
 * Numbers of this process, read when somebody asks: a sampler that runs all the time would keep an
 * idle daemon from sleeping.
 */
import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';

export type ProcessFacts = {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly heapBytes: number;
  readonly threads: number;
  readonly openFiles: number;
  /** Soft limit; infinite without one. */
  readonly openFilesMax: number;
};

export async function readProcessFacts(): Promise<ProcessFacts> {
  const { user, system } = process.cpuUsage();
  const limits = readFileSync('/proc/self/limits', 'utf8');
  const filesMax = /^Max open files\s+(\S+)/m.exec(limits)?.[1];
  return {
    cpuSeconds: (user + system) / 1e6,
    residentBytes: process.memoryUsage.rss(),
    heapBytes: process.memoryUsage().heapUsed,
    threads: Number(/^Threads:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0),
    openFiles: (await readdir('/proc/self/fd')).length,
    openFilesMax: filesMax === 'unlimited' ? Number.POSITIVE_INFINITY : Number(filesMax ?? 0),
  };
}
