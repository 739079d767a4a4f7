/**
 * containerd's configuration as containerd itself understands it: `containerd config dump`, which
 * merges imports, brings old files up and fills in defaults. Asked of the program that runs.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { parse } from 'smol-toml';
import { CONFIG_BYTES_MAX, CONTAINERD_DUMP_MS_MAX } from '../limits.ts';
import { type ContainerdConfig, decodeContainerdConfig } from './containerd-config.ts';
import { isTwoOrNewer, readFileVersion } from './containerd-files.ts';

const run = promisify(execFile);

export type DumpRequest = {
  readonly configFile: string;
  /** Of the containerd that runs; a program of another version would read the file otherwise. */
  readonly version: string | undefined;
  /** @default containerd in PATH */
  readonly program?: string | undefined;
};

/** Undefined when there is no such program, or the file cannot be read by it. */
export async function dumpContainerdConfig(
  request: DumpRequest,
): Promise<ContainerdConfig | undefined> {
  const { configFile, version, program = 'containerd' } = request;
  const stated = await outputOf(program, ['--version']);
  const own = /\b\d+\.\d+\.\d+/.exec(stated ?? '')?.[0];
  if (own === undefined || (version !== undefined && !own.startsWith(version))) return undefined;
  const dump = await outputOf(program, ['--config', configFile, 'config', 'dump']);
  if (dump === undefined) return undefined;
  try {
    const table = parse(dump);
    const fileVersion = readFileVersion(configFile);
    return { ...decodeContainerdConfig(table, isTwoOrNewer(own, 2)), version: fileVersion };
  } catch {
    return undefined;
  }
}

async function outputOf(program: string, args: readonly string[]): Promise<string | undefined> {
  try {
    const { stdout } = await run(program, [...args], {
      timeout: CONTAINERD_DUMP_MS_MAX,
      maxBuffer: CONFIG_BYTES_MAX,
      env: { PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin' },
    });
    return stdout;
  } catch {
    return undefined;
  }
}
