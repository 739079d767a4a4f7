/**
 * containerd's configuration, as far as a snapshotter is concerned: files of version 2 (1.6, 1.7; 2.x
 * reads them, too) and version 3 (2.x), with what they import. Unknown keys are containerd's affair.
 */
import { globSync, readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse } from 'smol-toml';
import { ConfigError } from '../errors.ts';
import { CONFIG_BYTES_MAX, CONTAINERD_IMPORTS_MAX } from '../limits.ts';

export type Table = { readonly [key: string]: unknown };

export type ProxyPlugin = {
  readonly name: string;
  readonly type: string;
  readonly address: string;
  readonly exports: Table;
  readonly capabilities: readonly string[];
};

export type UnpackConfig = { readonly platform: string; readonly snapshotter: string };

/** What counts of a configuration; undefined: not written down. */
export type ContainerdConfig = {
  readonly version: number;
  readonly proxies: readonly ProxyPlugin[];
  readonly isCriDisabled: boolean;
  readonly cri: {
    readonly snapshotter: string | undefined;
    readonly disableSnapshotAnnotations: boolean | undefined;
    readonly discardUnpackedLayers: boolean | undefined;
    /** Runtimes with a snapshotter of their own. */
    readonly runtimes: Readonly<Record<string, string>>;
  };
  readonly unpackConfigs: readonly UnpackConfig[];
};

/** @throws ConfigError */
export function readContainerdConfig(file: string): ContainerdConfig {
  const main = readTable(file);
  const patterns = listOf(main['imports']).filter((path) => typeof path === 'string');
  const files = patterns.flatMap((pattern) => globSync(resolve(dirname(file), pattern)).sort());
  if (files.length > CONTAINERD_IMPORTS_MAX) throw new ConfigError(file, 'imports too many files');
  return decodeContainerdConfig(
    files.map(readTable).reduce((before, after) => merged(before, after), main),
  );
}

export function decodeContainerdConfig(config: Table): ContainerdConfig {
  const plugins = tableOf(config['plugins']);
  const v2 = tableOf(plugins['io.containerd.grpc.v1.cri']);
  const images = tableOf(plugins['io.containerd.cri.v1.images']);
  const runtime = tableOf(plugins['io.containerd.cri.v1.runtime']);
  // containerd 2.x takes the old table over where there is no new one.
  const cri = 'io.containerd.cri.v1.images' in plugins ? images : tableOf(v2['containerd']);
  const runtimes = [tableOf(runtime['containerd']), tableOf(v2['containerd'])];
  const disabled = listOf(config['disabled_plugins']);
  return {
    version: typeof config['version'] === 'number' ? config['version'] : 1,
    proxies: Object.entries(tableOf(config['proxy_plugins'])).map(([name, value]) =>
      proxyOf(name, tableOf(value)),
    ),
    isCriDisabled: disabled.some((name) => /(^|\.)cri$|io\.containerd\.cri\.v1/.test(String(name))),
    cri: {
      snapshotter: textOf(cri['snapshotter']),
      disableSnapshotAnnotations: flagOf(cri['disable_snapshot_annotations']),
      discardUnpackedLayers: flagOf(cri['discard_unpacked_layers']),
      runtimes: Object.assign({}, ...runtimes.map(runtimeSnapshotters)),
    },
    unpackConfigs: listOf(tableOf(plugins['io.containerd.transfer.v1.local'])['unpack_config']).map(
      (entry) => ({
        platform: textOf(tableOf(entry)['platform']) ?? '',
        snapshotter: textOf(tableOf(entry)['snapshotter']) ?? '',
      }),
    ),
  };
}

function proxyOf(name: string, proxy: Table): ProxyPlugin {
  return {
    name,
    type: textOf(proxy['type']) ?? '',
    address: textOf(proxy['address']) ?? '',
    exports: tableOf(proxy['exports']),
    capabilities: listOf(proxy['capabilities']).map(String),
  };
}

function runtimeSnapshotters(containerd: Table): Record<string, string> {
  const found = Object.entries(tableOf(containerd['runtimes'])).flatMap(([name, runtime]) => {
    const snapshotter = textOf(tableOf(runtime)['snapshotter']);
    return snapshotter === undefined || snapshotter === '' ? [] : [[name, snapshotter]];
  });
  return Object.fromEntries(found);
}

/** As containerd merges: tables of plugins by name, everything else is replaced. */
function merged(before: Table, after: Table): Table {
  const both = { ...before, ...after };
  for (const key of ['plugins', 'proxy_plugins']) {
    both[key] = { ...tableOf(before[key]), ...tableOf(after[key]) };
  }
  return both;
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

function tableOf(value: unknown): Table {
  const isTable = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isTable ? { ...value } : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function flagOf(value: unknown): boolean | undefined {
  return typeof value === 'boolean' ? value : undefined;
}
