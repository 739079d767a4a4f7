/** Peers of a test: real certificates and tokens, real sockets on loopback, an origin that counts. */
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BlobKey, BlobReadOptions, BlobSource } from '@shoal/blob-store';
import { CodecPool } from '@shoal/blob-store';
import type { BlobId } from '@shoal/oci';
import { temporaryDirectory, until } from '@shoal/test-kit';
import { type HostFacts, type HostRole, parseHostName } from '../../src/identity/host.ts';
import { openPeer } from '../../src/peer/open-peer.ts';
import type { Peer } from '../../src/peer/peer.ts';
import type { PeerOptions } from '../../src/peer/peer-options.ts';
import { PeerTrust } from '../../src/peer/peer-trust.ts';
import type { WarmImage } from '../../src/peer/preheats.ts';
import type { TimedBlock } from '../../src/peer-counts.ts';
import type { PublicOrigin } from '../../src/plain/public-origin.ts';
import { createAuthority, issueCertificate } from '../../src/trust/authority.ts';
import { signToken } from '../../src/trust/token.ts';
import { loadTokenKey } from '../../src/trust/token-keys.ts';
import type { BlobWire, SharedBlob } from '../../src/wire/blob-wire.ts';
import { openWire } from '../../src/wire/handshakes/open-wire.ts';
import { WireListener } from '../../src/wire/handshakes/wire-listener.ts';
import { BufferServer, PATIENT, sharedBlob } from './wire-pair.ts';

const LOOPBACK = { host: '127.0.0.1', port: 0 };

type Tap = Parameters<typeof temporaryDirectory>[0];

/** Blobs in memory; what is read of it is counted. */
export class CountingOrigin implements BlobSource {
  readonly name = 'registry';
  readonly #blobs: ReadonlyMap<BlobId, Buffer>;
  readonly reads: { readonly offset: number; readonly length: number }[] = [];
  delayMs = 0;
  isDown = false;
  /** As registries do. */
  tellsSizes = true;
  /** Repositories that do not have the blobs. */
  readonly missing = new Set<string>();

  constructor(blobs: ReadonlyMap<BlobId, Buffer>) {
    this.#blobs = blobs;
  }

  /** Without the single bytes by which hosts show that a blob is in a repository. */
  get bytes(): number {
    const real = this.reads.filter(({ length }) => length > 1);
    return real.reduce((sum, { length }) => sum + length, 0);
  }

  async read(
    blob: BlobKey,
    offset: number,
    length: number,
    options: BlobReadOptions = {},
  ): Promise<Buffer> {
    if (this.isDown) throw new Error('the origin is down');
    this.reads.push({ offset, length });
    if (this.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, this.delayMs));
    options.onFetched?.(this.name, length);
    const size = this.#blobs.get(blob.blobId)?.length;
    if (this.tellsSizes && size !== undefined) options.onSize?.(size);
    return Buffer.from(this.#blobs.get(blob.blobId)?.subarray(offset, offset + length) ?? []);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** The same origin, for one repository. */
function originOf(origin: CountingOrigin, repository: string): BlobSource {
  return {
    name: origin.name,
    read: async (blob, offset, length, options) => {
      if (origin.missing.has(repository)) throw new Error(`${repository} has no such blob`);
      return await origin.read(blob, offset, length, options);
    },
    close: () => Promise.resolve(),
  };
}

export type ClusterHost = { readonly peer: Peer; readonly facts: HostFacts };

/** They have tokens: from now on they may read of each other. */
export async function whenReady(...hosts: readonly ClusterHost[]): Promise<void> {
  await until('tokens are here', () => hosts.every(({ peer }) => peer.status().hasToken));
}

export class PeerCluster {
  readonly #t: Tap;
  readonly #directory: string;
  readonly #pool: CodecPool;
  readonly origin: CountingOrigin;
  /** What anybody reads of registries. */
  publicOrigin: PublicOrigin | undefined;
  /** Told of blocks that come to hosts that are started from now on. */
  onBlock: (block: TimedBlock) => void = () => undefined;
  /** Homes keep what the origin gives. */
  isBelieved = true;
  /** How hosts carry out orders to preheat. */
  warm: WarmImage = () => Promise.reject(new Error('no images here'));

  static async open(t: Tap, origin: CountingOrigin): Promise<PeerCluster> {
    const directory = temporaryDirectory(t);
    await createAuthority(join(directory, 'authority'));
    const pool = new CodecPool({ threads: 1 });
    t.teardown(() => pool.close());
    return new PeerCluster(t, directory, { origin, pool });
  }

  private constructor(
    t: Tap,
    directory: string,
    parts: { readonly origin: CountingOrigin; readonly pool: CodecPool },
  ) {
    this.#t = t;
    this.#directory = directory;
    this.origin = parts.origin;
    this.#pool = parts.pool;
  }

  async start(
    name: string,
    role: HostRole,
    options: Partial<PeerOptions> & { readonly repositories?: readonly string[] } = {},
  ): Promise<ClusterHost> {
    const { repositories = ['*'], ...rest } = options;
    const home = join(this.#directory, name);
    const identityDirectory = await this.#writeIdentity(name, role, repositories);
    const peer = await openPeer(
      {
        identityDirectory,
        ...{ listenHost: '127.0.0.1', port: 0, advertise: LOOPBACK },
        ...{ zone: 'z', rack: 'r', version: 'test', trackers: [], seeds: [] },
        ...{ directory: join(home, 'store'), bytesMax: 1 << 30 },
        ...rest,
      },
      {
        originOf: (repository) => ({
          origin: originOf(this.origin, repository),
          isBelieved: this.isBelieved,
        }),
        pool: this.#pool,
        publicOrigin: this.publicOrigin,
        onBlock: this.onBlock,
        warm: (order, call) => this.warm(order, call),
      },
    );
    this.#t.teardown(() => peer.close());
    return { peer, facts: peer.status().self };
  }

  /** A seed and two peers that know it, ready to read. */
  async startThree(): Promise<{ seed: ClusterHost; a: ClusterHost; b: ClusterHost }> {
    const seed = await this.start('seed-1', 'seed');
    const seeds = [seed.facts];
    const a = await this.start('a', 'peer', { seeds });
    const b = await this.start('b', 'peer', { seeds });
    await whenReady(seed, a, b);
    return { seed, a, b };
  }

  /** A host that serves every blob as the test says. */
  async startWire(name: string, blob: SharedBlob, role: HostRole = 'seed'): Promise<HostFacts> {
    const trust = await this.#trustOf(name, role, ['*']);
    const facts = { host: trust.host, role, zone: 'z', rack: 'r' } as const;
    const self: HostFacts = { ...facts, address: '127.0.0.1:0' };
    const listener = await WireListener.open({
      ...{ self, trust, accept: () => blob, listenHost: '127.0.0.1', port: 0 },
    });
    this.#t.teardown(() => listener.close());
    return { ...self, address: `127.0.0.1:${listener.port}` };
  }

  /** A wire of a host that holds nothing. */
  async dial(
    name: string,
    { facts }: ClusterHost,
    blob: { readonly blobId: BlobId; readonly repository: string; readonly bytes: Buffer },
    repositories: readonly string[] = ['*'],
  ): Promise<BlobWire> {
    const trust = await this.#trustOf(name, 'peer', repositories);
    const self = {
      host: trust.host,
      role: 'peer',
      zone: 'z',
      rack: 'r',
      address: 'none:1',
    } as const;
    const { blobId, repository, bytes } = blob;
    const server = new BufferServer(bytes);
    const shared = sharedBlob(server, bytes.length, false);
    const wire = await openWire({
      ...{ self, trust, host: facts, blobId, repository, blob: shared, ...PATIENT },
    });
    this.#t.teardown(() => wire.close());
    return wire;
  }

  /** What makes one who is no peer here believed. */
  async trust(name: string, role: HostRole): Promise<PeerTrust> {
    return await this.#trustOf(name, role, ['*']);
  }

  async #trustOf(name: string, role: HostRole, repositories: readonly string[]) {
    const directory = await this.#writeIdentity(name, role, repositories);
    const fetchToken = () => Promise.resolve(undefined);
    const trust = await PeerTrust.open({ directory, fetchToken, onProblem: () => undefined });
    this.#t.teardown(() => trust.close());
    await trust.whenToken();
    return trust;
  }

  async #writeIdentity(
    name: string,
    role: HostRole,
    repositories: readonly string[],
  ): Promise<string> {
    const host = parseHostName(name);
    const identityDirectory = join(this.#directory, name, 'tls');
    const authority = join(this.#directory, 'authority');
    await mkdir(identityDirectory, { recursive: true });
    const issued = await issueCertificate(authority, { host, role, addresses: [], days: 1 });
    const key = await loadTokenKey(join(authority, 'token.key'));
    const signed = signToken({ host, repositories, nowMs: Date.now(), lifeMs: 3_600_000 }, key);
    await copyFile(join(authority, 'token.pub'), join(identityDirectory, 'token.pub'));
    await writeFile(join(identityDirectory, 'ca.crt'), issued.ca);
    await writeFile(join(identityDirectory, 'tls.crt'), issued.cert);
    await writeFile(join(identityDirectory, 'tls.key'), issued.key);
    await writeFile(join(identityDirectory, 'token'), signed.token);
    return identityDirectory;
  }
}
