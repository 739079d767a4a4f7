/**
 * containerd's configuration files, with what they import, read as containerd reads them: 1.x
 * replaces the table of a plugin by a later one, 2.x merges the two and brings older files up to its
 * own version first. Semantics: `cmd/containerd/server/config` and the migrations of its CRI plugins.
 */
import { globSync, readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse } from 'smol-toml';
import { ConfigError } from '../config/errors.ts';
import { CONFIG_BYTES_MAX, CONTAINERD_IMPORTS_MAX } from '../limits.ts';
import {
  addressOf,
  type ContainerdConfig,
  CRI_TABLE_2,
  decodeContainerdConfig,
  IMAGES_TABLE_3,
  listOf,
  RUNTIME_TABLE_3,
  type Table,
  tableOf,
  versionOf,
} from './containerd-config.ts';

/** `version` is containerd's own, `1.6.20`; undefined: what the file is written for. @throws ConfigError */
export function readContainerdConfig(file: string, version?: string): ContainerdConfig {
  const [main = {}, ...imported] = readTables(file);
  const isTwo = isTwoOrNewer(version, versionOf(main));
  const merge = isTwo ? mergedDeeply : mergedByPlugin;
  const tables = [main, ...imported].map((table) => (isTwo ? migrated(table) : table));
  const table = tables.reduce((before, after) => merge(before, after));
  return { ...decodeContainerdConfig(table, isTwo), version: versionOf(main) };
}

/** By containerd's version, else by the file's. */
export function isTwoOrNewer(version: string | undefined, fileVersion: number): boolean {
  const major = Number(version?.split('.')[0] ?? Number.NaN);
  return Number.isNaN(major) ? fileVersion >= 3 : major >= 2;
}

/** The version that a file itself states. @throws ConfigError */
export function readFileVersion(file: string): number {
  return versionOf(readTable(file));
}

/** Where it has containerd listen; undefined: it says nothing of it. @throws ConfigError */
export function readContainerdAddress(file: string): string | undefined {
  return readTables(file)
    .map(addressOf)
    .findLast((address) => address !== undefined);
}

/** Each file once, in the order in which later ones win. */
function readTables(file: string): Table[] {
  const tables = new Map<string, Table>();
  const pending = [file];
  for (let path = pending.shift(); path !== undefined; path = pending.shift()) {
    if (tables.has(path)) continue;
    const table = readTable(path);
    tables.set(path, table);
    if (tables.size > CONTAINERD_IMPORTS_MAX) throw new ConfigError(file, 'imports too many files');
    const patterns = listOf(table['imports']).filter((each) => typeof each === 'string');
    for (const pattern of patterns) {
      const target = resolve(dirname(path), pattern);
      pending.push(...(pattern.includes('*') ? globSync(target).sort() : [target]));
    }
  }
  return [...tables.values()];
}

/**
 * The old table of CRI as 2.x takes it over: what is said of snapshotters only if the table has
 * runtimes, too, and then also over what the new table says.
 */
function migrated(config: Table): Table {
  const plugins = tableOf(config['plugins']);
  if (versionOf(config) >= 3 || !(CRI_TABLE_2 in plugins)) return config;
  const old = tableOf(tableOf(plugins[CRI_TABLE_2])['containerd']);
  const images: Record<string, unknown> = { ...tableOf(plugins[IMAGES_TABLE_3]) };
  if ('runtimes' in old) {
    for (const key of ['snapshotter', 'disable_snapshot_annotations', 'discard_unpacked_layers']) {
      if (key in old) images[key] = old[key];
    }
  }
  const runtime = tableOf(plugins[RUNTIME_TABLE_3]);
  const containerd: Record<string, unknown> = { ...tableOf(runtime['containerd']) };
  if ('runtimes' in old) containerd['runtimes'] = old['runtimes'];
  const added = { [IMAGES_TABLE_3]: images, [RUNTIME_TABLE_3]: { ...runtime, containerd } };
  return { ...config, plugins: { ...plugins, ...added } };
}

function mergedByPlugin(before: Table, after: Table): Table {
  const both: Record<string, unknown> = { ...mergedDeeply(before, after) };
  for (const key of ['plugins', 'proxy_plugins']) {
    both[key] = { ...tableOf(before[key]), ...tableOf(after[key]) };
  }
  return both;
}

/** Tables key by key, lists one after the other; entries of `proxy_plugins` are replaced. */
function mergedDeeply(before: Table, after: Table): Table {
  const both = deeply(before, after);
  const proxies = { ...tableOf(before['proxy_plugins']), ...tableOf(after['proxy_plugins']) };
  return { ...both, proxy_plugins: proxies };
}

function deeply(before: Table, after: Table): Table {
  const both: Record<string, unknown> = { ...before };
  for (const [key, value] of Object.entries(after)) {
    const known = before[key];
    if (Array.isArray(known) && Array.isArray(value)) both[key] = [...known, ...value];
    else if (isTable(known) && isTable(value)) both[key] = deeply(known, value);
    else both[key] = value;
  }
  return both;
}

function isTable(value: unknown): value is Table {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function readTable(file: string): Table {
  try {
    if (statSync(file).size > CONFIG_BYTES_MAX) throw new ConfigError(file, 'is too large');
    return parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const line = error instanceof Error ? (error.message.split('\n')[0] ?? '') : '';
    throw new ConfigError(file, `cannot be read: ${line}`, { cause: error, remedy: 'repair it' });
  }
}
