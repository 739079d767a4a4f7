/**
 * containerd's configuration, as far as a snapshotter is concerned: what counts of tables of version 2
 * (1.6, 1.7) and of versions 3 and 4 (2.x). Unknown keys are containerd's affair.
 */

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
  /** Of the file that containerd is given. */
  readonly version: number;
  readonly proxies: readonly ProxyPlugin[];
  readonly isCriDisabled: boolean;
  readonly cri: {
    readonly snapshotter: string | undefined;
    readonly disableSnapshotAnnotations: boolean | undefined;
    readonly discardUnpackedLayers: boolean | undefined;
    /** Runtimes with a snapshotter of their own for the files of containers. */
    readonly runtimes: Readonly<Record<string, string>>;
    /** Runtimes with a snapshotter of their own for pulls (2.x). */
    readonly runtimePlatforms: Readonly<Record<string, string>>;
  };
  readonly unpackConfigs: readonly UnpackConfig[];
};

export const CRI_TABLE_2 = 'io.containerd.grpc.v1.cri';
export const IMAGES_TABLE_3 = 'io.containerd.cri.v1.images';
export const RUNTIME_TABLE_3 = 'io.containerd.cri.v1.runtime';
const GRPC_TABLE_4 = 'io.containerd.server.v1.grpc';

/** `isTwo`: for containerd 2.x, which does not look at the old table of CRI when it runs. */
export function decodeContainerdConfig(config: Table, isTwo: boolean): ContainerdConfig {
  const plugins = tableOf(config['plugins']);
  const old = tableOf(tableOf(plugins[CRI_TABLE_2])['containerd']);
  const cri = isTwo ? tableOf(plugins[IMAGES_TABLE_3]) : old;
  const runtime = isTwo ? tableOf(tableOf(plugins[RUNTIME_TABLE_3])['containerd']) : old;
  const disabled = listOf(config['disabled_plugins']);
  return {
    version: versionOf(config),
    proxies: Object.entries(tableOf(config['proxy_plugins'])).map(([name, value]) =>
      proxyOf(name, tableOf(value)),
    ),
    isCriDisabled: disabled.some((name) => /(^|\.)cri$|io\.containerd\.cri\.v1/.test(String(name))),
    cri: {
      snapshotter: textOf(cri['snapshotter']),
      disableSnapshotAnnotations: flagOf(cri['disable_snapshot_annotations']),
      discardUnpackedLayers: flagOf(cri['discard_unpacked_layers']),
      runtimes: snapshottersOf(runtime['runtimes']),
      runtimePlatforms: snapshottersOf(cri['runtime_platforms']),
    },
    unpackConfigs: listOf(tableOf(plugins['io.containerd.transfer.v1.local'])['unpack_config']).map(
      (entry) => ({
        platform: textOf(tableOf(entry)['platform']) ?? '',
        snapshotter: textOf(tableOf(entry)['snapshotter']) ?? '',
      }),
    ),
  };
}

/** Where containerd listens by one of its files: `[grpc]`, since version 4 a table of a plugin. */
export function addressOf(config: Table): string | undefined {
  const tables = [config['grpc'], tableOf(config['plugins'])[GRPC_TABLE_4]];
  const addresses = tables.map((table) => textOf(tableOf(table)['address']));
  return addresses.findLast((address) => address !== undefined && address !== '');
}

/** A file that does not say it is of version 1. */
export function versionOf({ version }: Table): number {
  return typeof version === 'number' ? version : 1;
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

/** By name, those that name one. */
function snapshottersOf(entries: unknown): Record<string, string> {
  const found = Object.entries(tableOf(entries)).flatMap(([name, entry]) => {
    const snapshotter = textOf(tableOf(entry)['snapshotter']);
    return snapshotter === undefined || snapshotter === '' ? [] : [[name, snapshotter]];
  });
  return Object.fromEntries(found);
}

export function tableOf(value: unknown): Table {
  const isTable = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isTable ? { ...value } : {};
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function flagOf(value: unknown): boolean | undefined {
  return typeof value === 'boolean' ? value : undefined;
}
