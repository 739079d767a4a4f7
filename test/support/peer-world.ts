/** Daemons on loopback that share one image, and a registry that counts. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ConvertOptions } from '@shoal/converter';
import type { HostRole, PeerStatus } from '@shoal/p2p-peer';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import { type TestScope, temporaryDirectory } from '@shoal/test-kit';
import { convertDirectory, type MountWorld, mountWorld, writeFiles } from './mounted-image.ts';
import {
  type ApiText,
  PeerAuthority,
  peerConfigText,
  seedText,
  writePlainHttp,
} from './peer-authority.ts';

export type PeerHost = MountWorld & { readonly name: string };

export type PeerWorldOptions = {
  readonly files: Readonly<Record<string, number>>;
  /** TOML of how hosts find each other. @default by a list of the seeds that run already */
  readonly discovery?: string;
  /** Servers without TLS whose files are fetched for others, too. @default none */
  readonly webHosts?: readonly string[];
  /** Each host has one: `wireLogOf` says where. @default false */
  readonly hasWireLogs?: boolean;
  /** @default 'zstd' */
  readonly compressor?: ConvertOptions['compressor'];
};

type Parts = {
  readonly directory: string;
  readonly authority: PeerAuthority;
  readonly registryHost: string;
  readonly discovery: string | undefined;
  readonly webHosts: readonly string[];
  readonly hasWireLogs: boolean;
  /** Bytes of the blobs that were asked for, one by one. */
  readonly sent: readonly number[];
};

const CHUNK_BYTES = 128 << 10;

export class PeerWorld {
  readonly #t: TestScope;
  readonly #parts: Parts;
  readonly #seeds = new Map<string, string>();
  /** What the image was made of. */
  readonly source: string;
  readonly reference: string;
  readonly registryHost: string;

  static async open(t: TestScope, options: PeerWorldOptions): Promise<PeerWorld> {
    const { files, discovery, webHosts = [], hasWireLogs = false } = options;
    const directory = temporaryDirectory(t);
    const sent: number[] = [];
    const registry = await EmbeddedRegistry.listen({
      accessLog: ({ path, method, bytesOut }) => {
        if (method === 'GET' && path.includes('/blobs/')) sent.push(bytesOut);
      },
    });
    t.teardown(() => registry.close());
    const world = new PeerWorld(t, {
      ...{ directory, sent, registryHost: registry.host, discovery, webHosts },
      hasWireLogs,
      authority: await PeerAuthority.open(join(directory, 'authority')),
    });
    writeFiles(world.source, files);
    await convertDirectory(world.source, world.reference, CHUNK_BYTES, options.compressor);
    sent.length = 0;
    return world;
  }

  private constructor(t: TestScope, parts: Parts) {
    this.#t = t;
    this.#parts = parts;
    this.registryHost = parts.registryHost;
    this.source = join(parts.directory, 'source');
    this.reference = `${parts.registryHost}/shared/image:latest`;
  }

  /** Starts the daemon of one more host, which knows the seeds that run already. */
  async host(name: string, role: HostRole, api?: ApiText): Promise<PeerHost> {
    const { authority, directory, registryHost, discovery, webHosts, hasWireLogs } = this.#parts;
    const home = join(directory, name);
    await authority.admit(home, name, role);
    writePlainHttp(home, registryHost);
    const configFile = join(home, 'config.toml');
    const seeds = discovery === undefined ? [...this.#seeds.values()] : [];
    const more = hasWireLogs ? [`wire_log = "${this.wireLogOf(name)}"`] : [];
    const known = { seeds, discovery, registryHost, webHosts, isMirror: true, api, more };
    const config = peerConfigText({ home, listen: '127.0.0.1:0', ...known });
    writeFileSync(configFile, config);
    const world = mountWorld(this.#t, { configFile });
    await world.start();
    const host = { ...world, name };
    if (role === 'seed') await this.tellSeed(host);
    return host;
  }

  /** Hosts that are started from now on find it where it listens now: a restart takes another port. */
  async tellSeed(host: PeerHost): Promise<void> {
    this.#seeds.set(host.name, seedText(host.name, (await peerOf(host)).self.address));
  }

  wireLogOf(name: string): string {
    return join(this.#parts.directory, name, 'wire.jsonl');
  }

  tokenOf(name: string): string {
    return readFileSync(join(this.#parts.directory, name, 'tls', 'token'), 'utf8');
  }

  /** Of blobs, since the image was pushed; each daemon reads the small bootstrap by itself. */
  get bytesSent(): number {
    return this.#parts.sent.reduce((sum, bytes) => sum + bytes, 0);
  }
}

export async function peerOf(world: Pick<MountWorld, 'status'>): Promise<PeerStatus> {
  const { peer } = await world.status();
  if (peer === undefined) throw new Error('the daemon shares nothing');
  return peer;
}

/** Received by a host, whatever from. */
export function movedBytes({ traffic }: PeerStatus): number {
  const { store, rack, zone, other, origin } = traffic;
  return store + rack + zone + other + origin;
}
