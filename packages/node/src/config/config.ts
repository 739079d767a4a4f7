/**
 * The configuration file of a daemon: TOML, every key optional, unknown keys are errors. All keys
 * with their meaning are in docs/config.example.toml.
 */
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { errorCode } from '@shoal/errors';
import { type HostPort, parseHostPort } from '@shoal/oci/host-port';
import type { MissPolicy } from '@shoal/snapshotter';
import { parse } from 'smol-toml';
import * as z from 'zod';
import {
  CACHE_HIGH_PERCENT_DEFAULT,
  CACHE_LOW_PERCENT_DEFAULT,
  CONFIG_BYTES_MAX,
} from '../limits.ts';
import { LOG_LEVELS, type LogLevel } from '../log/log-levels.ts';
import { type ApiConfig, apiConfigOf, apiTable } from './api-config.ts';
import { ConfigError } from './errors.ts';
import { MISS_POLICY_HELP, parseMissPolicy } from './miss-policy-text.ts';
import {
  type PeerConfig,
  peerConfigOf,
  peerTable,
  withPeerEnvironment,
  withPeerKeys,
} from './peer-config.ts';
import { type ProxyConfig, proxyConfigOf, proxyTable } from './proxy-config.ts';
import { type RegistryConfig, registryConfigOf, registryTables } from './registry-config.ts';
import { absolutePath, address, positiveCount } from './value-schemas.ts';
import { wrongKeyError } from './wrong-key.ts';

export const DEFAULT_CONFIG_FILE = '/etc/shoal/config.toml';

const fileSchema = z.strictObject({
  root: absolutePath.optional(),
  run: absolutePath.optional(),
  log: z.strictObject({ level: z.enum(LOG_LEVELS).optional() }).optional(),
  cache: z
    .strictObject({
      directory: absolutePath.optional(),
      bytes_max: positiveCount.optional(),
      bytes_low: positiveCount.optional(),
      high_percent: z.number().min(1).max(100).optional(),
      low_percent: z.number().min(1).max(100).optional(),
      unused_days_max: z.number().min(0).max(36_500).optional(),
      readahead: z.boolean().optional(),
    })
    .optional(),
  mount: z
    .strictObject({
      miss_policy: z
        .string()
        .refine((text) => parseMissPolicy(text) !== undefined, `must be ${MISS_POLICY_HELP}`)
        .optional(),
      prefetch: z.boolean().optional(),
    })
    .optional(),
  fuse: z
    .strictObject({
      threads: z.number().int().min(1).max(16).optional(),
      holder: z.enum(['auto', 'traced', 'socket']).optional(),
    })
    .optional(),
  codec: z.strictObject({ threads: z.number().int().min(1).max(64).optional() }).optional(),
  metrics: z
    .strictObject({
      address: address.optional(),
    })
    .optional(),
  snapshotter: z
    .strictObject({
      lookup_timeout_ms: z.number().int().min(1).max(60_000).optional(),
      find_converted: z
        .union([z.boolean(), z.array(z.string().regex(/^[^/\s]+(?:\/[^/\s]+)*$/)).max(1000)])
        .optional(),
      containerd_address: absolutePath.optional(),
      address: absolutePath.optional(),
    })
    .optional(),
  ...registryTables,
  ...peerTable,
  ...proxyTable,
  ...apiTable,
});

export type NodeConfig = RegistryConfig & {
  readonly root: string | undefined;
  readonly run: string | undefined;
  readonly logLevel: LogLevel;
  readonly cacheDirectory: string | undefined;
  readonly cacheBytesMax: number | undefined;
  /** Where an eviction ends that passing `cacheBytesMax` started. */
  readonly cacheBytesLow: number | undefined;
  /** Use of the cache's disk above which unused blobs go, and where that ends. */
  readonly cacheHighPercent: number;
  readonly cacheLowPercent: number;
  /** Blobs unused for longer go. */
  readonly cacheUnusedDaysMax: number | undefined;
  /** Whether the caches fetch ahead of readers; without, each read shows in a trace. */
  readonly readsAhead: boolean;
  readonly missPolicy: MissPolicy;
  /** Whether what an image's list names first is fetched ahead of its readers. */
  readonly prefetches: boolean;
  readonly fuseThreads: number | undefined;
  readonly fuseHolder: 'auto' | 'traced' | 'socket';
  readonly codecThreads: number | undefined;
  /** Where metrics are served beside the control socket; undefined: nowhere. */
  readonly metricsAddress: HostPort | undefined;
  /** How long a pull waits to hear whether an image is converted. */
  readonly lookupDeadlineMs: number | undefined;
  /** Original names for which a converted image is looked for: all, none, hosts and prefixes. */
  readonly findConverted: boolean | readonly string[] | undefined;
  /** Socket that containerd connects to. */
  readonly snapshotterAddress: string | undefined;
  /** Socket of the containerd whose content store is asked where images come from. */
  readonly containerdAddress: string | undefined;
  /** How stored bytes are shared with other hosts; undefined: they are not. */
  readonly peer: PeerConfig | undefined;
  /** The mirror of registries; undefined: there is none. */
  readonly proxy: ProxyConfig | undefined;
  /** Gets for programs of this host over HTTP; undefined: there is no such API. */
  readonly api: ApiConfig | undefined;
};

/**
 * Reads a configuration. Without a file name the default file is used if it exists.
 *
 * @throws ConfigError
 */
export function readConfig(file: string | undefined): NodeConfig {
  return decodeConfig(readText(file ?? DEFAULT_CONFIG_FILE, file === undefined), file);
}

/**
 * The same with keys of `[peer]` that options gave and that go before those of the file.
 *
 * @throws ConfigError, PeerOptionError
 */
export function readConfigWith(
  file: string | undefined,
  peer: Readonly<Record<string, unknown>>,
): NodeConfig {
  const text = readText(file ?? DEFAULT_CONFIG_FILE, file === undefined);
  return decodeTable(parseToml(text, file ?? DEFAULT_CONFIG_FILE), { file, peer });
}

/** @throws ConfigError naming the key that is wrong */
export function decodeConfig(
  text: string,
  file = DEFAULT_CONFIG_FILE,
  env: NodeJS.ProcessEnv = process.env,
): NodeConfig {
  return decodeTable(parseToml(text, file), { file, env });
}

type DecodeOptions = {
  readonly file: string | undefined;
  readonly env?: NodeJS.ProcessEnv;
  readonly peer?: Readonly<Record<string, unknown>>;
};

function decodeTable(
  table: unknown,
  { file = DEFAULT_CONFIG_FILE, env = process.env, peer = {} }: DecodeOptions,
): NodeConfig {
  const ownTable = withPeerEnvironment(table, env);
  const parsed = fileSchema.safeParse(withPeerKeys(ownTable, peer));
  if (!parsed.success) {
    const isFileRight = fileSchema.safeParse(ownTable).success;
    throw wrongKeyError(parsed.error, { file, peer, isFileRight });
  }
  const { data } = parsed;
  const metricsAddress = data.metrics?.address;
  return {
    root: data.root,
    run: data.run,
    logLevel: data.log?.level ?? 'info',
    cacheDirectory: data.cache?.directory,
    cacheBytesMax: data.cache?.bytes_max,
    cacheBytesLow: data.cache?.bytes_low,
    cacheHighPercent: data.cache?.high_percent ?? CACHE_HIGH_PERCENT_DEFAULT,
    cacheLowPercent: Math.min(
      data.cache?.low_percent ?? CACHE_LOW_PERCENT_DEFAULT,
      data.cache?.high_percent ?? CACHE_HIGH_PERCENT_DEFAULT,
    ),
    cacheUnusedDaysMax: data.cache?.unused_days_max,
    readsAhead: data.cache?.readahead ?? true,
    missPolicy: parseMissPolicy(data.mount?.miss_policy ?? 'wait') ?? { kind: 'wait' },
    prefetches: data.mount?.prefetch ?? true,
    fuseThreads: data.fuse?.threads,
    fuseHolder: data.fuse?.holder ?? 'auto',
    codecThreads: data.codec?.threads,
    metricsAddress: metricsAddress === undefined ? undefined : parseHostPort(metricsAddress),
    lookupDeadlineMs: data.snapshotter?.lookup_timeout_ms,
    findConverted: data.snapshotter?.find_converted,
    snapshotterAddress: data.snapshotter?.address,
    containerdAddress: data.snapshotter?.containerd_address,
    peer: peerConfigOf(data),
    proxy: proxyConfigOf(data),
    api: apiConfigOf(data),
    ...registryConfigOf(data),
  };
}

/** Equal for configurations that say the same, however they are written. */
export function configDigest(config: NodeConfig): string {
  const entries = Object.entries(config).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(entries)).digest('hex');
}

function readText(file: string, isOptional: boolean): string {
  try {
    if (statSync(file).size > CONFIG_BYTES_MAX) throw new ConfigError(file, 'is too large');
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const code = errorCode(error);
    if (code === 'ENOENT' && isOptional) return '';
    throw new ConfigError(file, `cannot be read: ${code ?? String(error)}`, { cause: error });
  }
}

function parseToml(text: string, file: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    const line = error instanceof Error ? (error.message.split('\n')[0] ?? '') : '';
    throw new ConfigError(file, `is not TOML: ${line}`, { cause: error });
  }
}
