/** Converts, checks and unpacks a made-up image, and tells and bounds the memory each takes. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type TestScope, timeCommand } from '@shoal/test-kit';
import { SHOAL } from '../support/shoal-command.ts';
import { writeLargeImage } from './large-image.ts';

type Asserting = TestScope & { ok(found: unknown, message: string): unknown };

export type MemoryBound = {
  readonly directory: string;
  readonly files: number;
  /** Content of all files together. */
  readonly bytes: number;
  /** Resident memory that no command may pass, in bytes. */
  readonly peakBytesMax: number;
};

/** Figures go to the comments of the test. Throws when a command fails. */
export async function checkMemory(t: Asserting, bound: MemoryBound): Promise<void> {
  const { directory, files, bytes, peakBytesMax } = bound;
  const original = `oci:${await writeLargeImage({ directory, files, bytes })}:latest`;
  const converted = `oci:${join(directory, 'converted')}:lazy`;
  const report = join(directory, 'report.json');
  const unpacked = `oci:${join(directory, 'unpacked')}:plain`;
  const commands: readonly (readonly string[])[] = [
    ['convert', '--source', original, '--target', converted, '--output-json', report],
    ['check', '--source', original, '--target', converted],
    ['unpack', '--source', converted, '--target', unpacked, '--layer-compression', 'zstd'],
  ];
  for (const command of commands) {
    const { peakBytes, wallSeconds, cpuSeconds } = await timeCommand(SHOAL, command);
    const peak = `${Math.round(peakBytes / 2 ** 20)} MiB`;
    t.comment(
      `${command[0]}, ${files} files, ${Math.round(bytes / 1e6)} MB: peak ${peak}, ${wallSeconds} s, ` +
        `${cpuSeconds.toFixed(1)} s of processor time, ${Math.round(bytes / 1e6 / wallSeconds)} MB/s`,
    );
    t.ok(peakBytes <= peakBytesMax, `${command[0]}: ${peak}`);
  }
  t.ok(existsSync(report), 'the report is there');
}
