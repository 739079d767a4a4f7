/**
 * Runs a program (or a shell pipeline) as a whole and tells what the kernel counted for it: elapsed
 * time, processor time of it and all its children, and the largest memory of any one of them.
 * GNU time reads these from wait4(2) and getrusage(2), so short programs are counted too.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runChecked } from './run-command.ts';

export type ProcessFigures = {
  readonly wallSeconds: number;
  /** User and system time together. */
  readonly cpuSeconds: number;
  /** Peak resident memory of the largest process. */
  readonly peakBytes: number;
};

const TIMEOUT_MS = 1_800_000;

export async function timeCommand(
  command: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): Promise<ProcessFigures> {
  const directory = mkdtempSync(join(tmpdir(), 'shoal-bench-'));
  const report = join(directory, 'figures');
  try {
    await runChecked(
      '/usr/bin/time',
      ['--format', '%e %U %S %M', '--output', report, '--', command, ...args],
      { env: { ...process.env, ...environment }, timeoutMs: TIMEOUT_MS },
    );
    const [wall, user, system, kibibytes] = readFileSync(report, 'utf8').trim().split(/\s+/);
    return {
      wallSeconds: Number(wall),
      cpuSeconds: Number(user) + Number(system),
      peakBytes: Number(kibibytes) * 1024,
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
