/** What a process has of the host now. */
import { readdirSync, readFileSync } from 'node:fs';

export type Footprint = {
  readonly descriptors: number;
  readonly threads: number;
  readonly residentBytes: number;
};

export function footprint(pid: number): Footprint {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const number = (key: string) => Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(status)?.[1]);
  return {
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    threads: number('Threads'),
    residentBytes: number('VmRSS') * 1024,
  };
}
