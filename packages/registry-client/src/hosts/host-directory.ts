/**
 * Directories as containerd's `/etc/containerd/certs.d`: one subdirectory per registry, with a
 * `hosts.toml` or, without one, certificate files as Docker has them. Read again after a moment, so
 * that a change counts without a restart.
 */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '@shoal/errors';
import { HostsFileError } from '../errors.ts';
import { HOSTS_FILE_BYTES_MAX, HOSTS_LIFETIME_MS } from '../limits.ts';
import { readBoundedFile } from '../local/regular-file.ts';
import { PLAIN_HOST, type RegistryHost, type TlsFiles } from './registry-host.ts';

type Kept = { readonly hosts: Promise<readonly RegistryHost[]>; readonly endsAtMs: number };

export class HostDirectories {
  readonly #roots: readonly string[];
  readonly #lifetimeMs: number;
  readonly #kept = new Map<string, Kept>();
  /** What was read last without an error. */
  readonly #sound = new Map<string, readonly RegistryHost[]>();

  constructor(roots: readonly string[], lifetimeMs = HOSTS_LIFETIME_MS) {
    this.#roots = roots;
    this.#lifetimeMs = lifetimeMs;
  }

  /**
   * The hosts of a registry in the order in which they are asked; at least one, unless the file
   * says so. A file that became malformed while the daemon runs is passed over for what it said
   * before.
   *
   * @throws HostsFileError
   */
  async hostsOf(registry: string): Promise<readonly RegistryHost[]> {
    const nowMs = performance.now();
    let kept = this.#kept.get(registry);
    if (kept === undefined || nowMs >= kept.endsAtMs) {
      kept = { hosts: this.#read(registry), endsAtMs: nowMs + this.#lifetimeMs };
      this.#kept.set(registry, kept);
    }
    try {
      const hosts = await kept.hosts;
      this.#sound.set(registry, hosts);
      return hosts;
    } catch (error) {
      const sound = this.#sound.get(registry);
      if (sound !== undefined) return sound;
      throw error;
    }
  }

  async #read(registry: string): Promise<readonly RegistryHost[]> {
    for (const root of this.#roots) {
      for (const name of directoryNames(registry)) {
        const directory = join(root, name);
        if (await isThere(directory)) return readDirectory(directory);
      }
    }
    return [PLAIN_HOST];
  }
}

/** `host_5000_` goes before `host:5000`, then comes what is for all. */
export function directoryNames(registry: string): string[] {
  const port = /^(.+):(\d+)$/.exec(registry);
  return [...(port === null ? [] : [`${port[1]}_${port[2]}_`]), registry, '_default'];
}

async function isThere(directory: string): Promise<boolean> {
  try {
    await stat(directory);
    return true;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) return false;
    throw unreadable(directory, error);
  }
}

async function readDirectory(directory: string): Promise<readonly RegistryHost[]> {
  const file = join(directory, 'hosts.toml');
  if (!(await isThere(file))) return [{ ...PLAIN_HOST, tls: await certificateFiles(directory) }];
  const bytes = await readBoundedFile(file, 'hosts file', HOSTS_FILE_BYTES_MAX);
  if (bytes.byteLength === 0) return [{ ...PLAIN_HOST, tls: await certificateFiles(directory) }];
  const { parseHostsFile } = await import('./hosts-file.ts');
  return parseHostsFile(bytes.toString('utf8'), file, directory);
}

/** `*.crt` are authorities, `*.cert` certificates of the client, `*.key` their keys. */
async function certificateFiles(directory: string): Promise<TlsFiles> {
  let names: string[];
  try {
    names = (await readdir(directory)).toSorted();
  } catch (error) {
    throw unreadable(directory, error);
  }
  const path = (name: string) => join(directory, name);
  return {
    caFiles: names.filter((name) => name.endsWith('.crt')).map(path),
    clientPairs: names
      .filter((name) => name.endsWith('.cert'))
      .map((name) => {
        const key = name.replace(/cert$/, 'key');
        return { certificate: path(name), key: path(names.includes(key) ? key : name) };
      }),
    insecure: undefined,
  };
}

function unreadable(directory: string, error: unknown): HostsFileError {
  return new HostsFileError(directory, `it cannot be read (${errorCode(error) ?? String(error)})`, {
    cause: error,
  });
}
