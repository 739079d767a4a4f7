/**
 * Why the last daemon did not start, for whoever waits for one that a service manager starts. In the
 * run directory, so that it is gone after a reboot; best effort.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { VERSION } from '@shoal/errors/version';
import * as z from 'zod';

const FILE = 'start-failure.json';

const failureSchema = z.object({ version: z.string(), reason: z.string().max(10_000) });
export type StartFailure = z.infer<typeof failureSchema>;

export function leaveStartFailure(run: string, reason: string): void {
  try {
    const failure: StartFailure = { version: VERSION, reason: reason.slice(0, 4096) };
    writeFileSync(join(run, FILE), JSON.stringify(failure), { mode: 0o600 });
  } catch {
    // The log has it, too.
  }
}

/** Undefined when there is none, or none that can be read. */
export function readStartFailure(run: string): StartFailure | undefined {
  try {
    return failureSchema.parse(JSON.parse(readFileSync(join(run, FILE), 'utf8')));
  } catch {
    return undefined;
  }
}

export function forgetStartFailure(run: string): void {
  rmSync(join(run, FILE), { force: true });
}
