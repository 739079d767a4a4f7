/**
 * The part of the configuration that says how this host shares stored bytes with others. Without
 * `listen` it does not.
 */
import { isIP } from 'node:net';
import { isHostPort, parseHostPort } from '@shoal/oci/host-port';
import type { DiscoveryOptions } from '@shoal/p2p-peer';
import { type HostFacts, parseHostName } from '@shoal/p2p-peer/host';
import { parseServiceName } from '@shoal/p2p-peer/service-name';
import * as z from 'zod';
import {
  DISCOVERY_SECONDS_DEFAULT,
  DISCOVERY_SECONDS_MAX,
  ORIGINS_MAX,
  PEER_BYTES_MAX_DEFAULT,
  PLAIN_BYTES_PER_SECOND_DEFAULT,
} from '../limits.ts';
import { sourceRule } from './source-rules.ts';
import { absolutePath, address, positiveCount } from './value-schemas.ts';

const place = z.string().max(255);
const hostName = z.string().transform((text, context) => {
  try {
    return parseHostName(text);
  } catch {
    context.addIssue({ code: 'custom', message: 'is not the name of a host' });
    return z.NEVER;
  }
});

/** As Kubernetes writes one: a domain if any, a slash, a name. */
const labelName = z
  .string()
  .regex(
    /^(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/,
    'must be the name of a label',
  );
const nodeLabelsSchema = z
  .strictObject({ zone: labelName.optional(), rack: labelName.optional() })
  .refine(({ zone, rack }) => (zone ?? rack) !== undefined, {
    message: 'must have zone, or rack, or both',
  })
  .optional();

const serviceName = z.string().refine((text) => {
  try {
    parseServiceName(text);
    return true;
  } catch {
    return false;
  }
}, 'must be the full name of a service, or name:port');
const dnsServer = z
  .string()
  .refine(
    (text) => isIP(text) !== 0 || (isHostPort(text) && isIP(parseHostPort(text).host) !== 0),
    'must be an IP address, or address:port',
  );

const discoverySchema = z
  .strictObject({
    service: serviceName.optional(),
    seeds_service: serviceName.optional(),
    interval_seconds: z.number().int().min(1).max(DISCOVERY_SECONDS_MAX).optional(),
    servers: z.array(dnsServer).max(16).optional(),
  })
  .refine(({ service, seeds_service }) => (service ?? seeds_service) !== undefined, {
    message: 'must have service, or seeds_service, or both',
  })
  .optional();

/** No host that others could connect to. */
function isWildcard(listen: string | undefined): boolean {
  // What is no address is refused as such.
  if (listen === undefined || !isHostPort(listen)) return false;
  const { host } = parseHostPort(listen);
  return host === '0.0.0.0' || host === '::';
}

/** The table of the file that is decoded here. */
export const peerTable = {
  peer: z
    .strictObject({
      listen: address.optional(),
      advertise: address.optional(),
      identity: absolutePath.optional(),
      zone: place.optional(),
      rack: place.optional(),
      node_labels: nodeLabelsSchema,
      directory: absolutePath.optional(),
      bytes_max: positiveCount.optional(),
      upload_bytes_per_second: positiveCount.optional(),
      download_bytes_per_second: positiveCount.optional(),
      origins: z.array(sourceRule).max(ORIGINS_MAX).optional(),
      trackers: z
        .array(z.url({ protocol: /^https$/, error: 'must be https://HOST:PORT' }))
        .max(16)
        .optional(),
      discovery: discoverySchema,
      token_keys: absolutePath.optional(),
      wire_log: absolutePath.optional(),
      seeds: z
        .array(
          z.strictObject({
            host: hostName,
            address,
            zone: place.optional(),
            rack: place.optional(),
          }),
        )
        .max(1000)
        .optional(),
      plain_listen: address.optional(),
      plain_bytes_per_second: positiveCount.optional(),
      plain_fetch: z.boolean().optional(),
    })
    .refine(({ listen, advertise }) => advertise !== undefined || !isWildcard(listen), {
      path: ['advertise'],
      message:
        'must be given (--advertise HOST:PORT) where listen names no address that others can connect to',
    })
    .refine(({ listen, identity }) => listen === undefined || identity !== undefined, {
      path: ['identity'],
      message: 'must be given with listen: `shoal ca issue` makes one',
    })
    .refine(({ listen, plain_listen }) => plain_listen === undefined || listen !== undefined, {
      path: ['listen'],
      message: 'must be given with plain_listen: standard clients get what hosts share',
    })
    .optional(),
};

const tableSchema = z.object(peerTable);

export type PeerConfig = {
  /** `host:port` where other hosts connect. */
  readonly listen: string;
  /** What they are told to connect to; undefined: `listen`. */
  readonly advertise: string | undefined;
  /** Directory of the certificate, its key and the authority. */
  readonly identityDirectory: string;
  readonly zone: string;
  readonly rack: string;
  /** Of the host's Kubernetes node, whose values go before both; undefined: none are read. */
  readonly nodeLabels: z.output<typeof nodeLabelsSchema>;
  /** Where stored bytes are kept for others; undefined: below the root. */
  readonly directory: string | undefined;
  readonly bytesMax: number;
  /** What others are sent; undefined: no limit. */
  readonly uploadBytesPerSecond: number | undefined;
  /** What is fetched for this host's readers; undefined: no limit. */
  readonly downloadBytesPerSecond: number | undefined;
  /** Registries, and beginnings of repositories, that this host fetches from for others. */
  readonly origins: readonly string[];
  readonly trackers: readonly string[];
  readonly seeds: readonly HostFacts[];
  /** Names that lead to hosts; undefined: none. */
  readonly discovery: DiscoveryOptions | undefined;
  /** PEM file of the keys of tokens; undefined: `token.pub` of the identity. */
  readonly tokenKeysFile: string | undefined;
  /** Gets a line for each message that crosses a wire; undefined: there is none. */
  readonly wireLogFile: string | undefined;
  /** The port of standard clients; undefined: there is none. */
  readonly plain: PlainConfig | undefined;
};

export type PlainConfig = {
  /** `host:port`. */
  readonly listen: string;
  /** To all of them together. */
  readonly bytesPerSecond: number;
  /** Bytes are taken from them, too. */
  readonly isFetching: boolean;
};

/** What differs from host to host where all have one file, by the key it stands for. */
const ENVIRONMENT: Readonly<Record<string, string>> = {
  SHOAL_PEER_ADVERTISE: 'advertise',
  SHOAL_PEER_IDENTITY: 'identity',
  SHOAL_PEER_RACK: 'rack',
  SHOAL_PEER_ZONE: 'zone',
};

/** A file that was parsed, with what the environment says of this host; only where the host shares. */
export function withPeerEnvironment(file: unknown, env: NodeJS.ProcessEnv): unknown {
  if (!isTable(file) || !isTable(file['peer'])) return file;
  const said = Object.entries(ENVIRONMENT).flatMap(([name, key]) => {
    const value = env[name] ?? '';
    return value === '' ? [] : [[key, value] as const];
  });
  return { ...file, peer: { ...file['peer'], ...Object.fromEntries(said) } };
}

/** A file that was parsed, with keys of `[peer]` in place of its own. */
export function withPeerKeys(file: unknown, keys: Readonly<Record<string, unknown>>): unknown {
  if (!isTable(file) || Object.keys(keys).length === 0) return file;
  const peer = file['peer'];
  return isTable(peer) || peer === undefined ? { ...file, peer: { ...peer, ...keys } } : file;
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Undefined where the host does not share. */
export function peerConfigOf({ peer }: z.output<typeof tableSchema>): PeerConfig | undefined {
  if (peer?.listen === undefined || peer.identity === undefined) return undefined;
  return {
    listen: peer.listen,
    advertise: peer.advertise,
    identityDirectory: peer.identity,
    zone: peer.zone ?? '',
    rack: peer.rack ?? '',
    nodeLabels: peer.node_labels,
    directory: peer.directory,
    bytesMax: peer.bytes_max ?? PEER_BYTES_MAX_DEFAULT,
    uploadBytesPerSecond: peer.upload_bytes_per_second,
    downloadBytesPerSecond: peer.download_bytes_per_second,
    origins: peer.origins ?? [],
    trackers: peer.trackers ?? [],
    seeds: (peer.seeds ?? []).map(({ host, address: at, zone = '', rack = '' }) => ({
      ...{ host, role: 'seed' as const, zone, rack, address: at },
    })),
    discovery: discoveryOf(peer.discovery),
    tokenKeysFile: peer.token_keys,
    wireLogFile: peer.wire_log,
    plain: plainConfigOf(peer),
  };
}

type PeerTable = NonNullable<z.output<typeof tableSchema>['peer']>;

function plainConfigOf(peer: PeerTable): PlainConfig | undefined {
  const { plain_listen: listen, plain_bytes_per_second: bytesPerSecond } = peer;
  if (listen === undefined) return undefined;
  return {
    listen,
    bytesPerSecond: bytesPerSecond ?? PLAIN_BYTES_PER_SECOND_DEFAULT,
    isFetching: peer.plain_fetch ?? false,
  };
}

function discoveryOf(table: z.output<typeof discoverySchema>): DiscoveryOptions | undefined {
  if (table === undefined) return undefined;
  const { service, seeds_service, servers = [] } = table;
  const seconds = table.interval_seconds ?? DISCOVERY_SECONDS_DEFAULT;
  const services = [service, seeds_service].filter((name) => name !== undefined);
  return { services: [...new Set(services)], servers, intervalMs: seconds * 1000 };
}
