/** Peers of a test: real certificates and tokens, real sockets on loopback, an origin that counts. */
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BlobKey, BlobReadOptions, BlobSource } from '@shoal/blob-store';
import { CodecPool } from '@shoal/blob-store';
import type { BlobId } from '@shoal/oci';
import { temporaryDirectory } from '@shoal/test-kit';
import { type HostFacts, type HostRole, parseHostName } from '../../src/identity/host.ts';
import { openPeer, type PeerOptions } from '../../src/peer/open-peer.ts';
import type { Peer } from '../../src/peer/peer.ts';
import { createAuthority, issueCertificate } from '../../src/trust/authority.ts';
import { signToken } from '../../src/trust/token.ts';
import { loadTokenKey } from '../../src/trust/token-keys.ts';

type Tap = Parameters<typeof temporaryDirectory>[0];

/** Blobs in memory; what is read of it is counted. */
export class CountingOrigin implements BlobSource {
  readonly name = 'registry';
  readonly #blobs: ReadonlyMap<BlobId, Buffer>;
  readonly reads: { readonly offset: number; readonly length: number }[] = [];
  delayMs = 0;
  isDown = false;

  constructor(blobs: ReadonlyMap<BlobId, Buffer>) {
    this.#blobs = blobs;
  }

  get bytes(): number {
    return this.reads.reduce((sum, { length }) => sum + length, 0);
  }

  async read(blob: BlobKey, offset: number, length: number, options: BlobReadOptions = {}) {
    if (this.isDown) throw new Error('the origin is down');
    this.reads.push({ offset, length });
    if (this.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, this.delayMs));
    options.onFetched?.(this.name, length);
    return Buffer.from(this.#blobs.get(blob.blobId)?.subarray(offset, offset + length) ?? []);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

export type ClusterHost = { readonly peer: Peer; readonly facts: HostFacts };

export class PeerCluster {
  readonly #t: Tap;
  readonly #directory: string;
  readonly #pool: CodecPool;
  readonly origin: CountingOrigin;

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
    const host = parseHostName(name);
    const home = join(this.#directory, name);
    const identityDirectory = join(home, 'tls');
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
    const peer = await openPeer(
      {
        identityDirectory,
        ...{ listenHost: '127.0.0.1', port: 0, advertiseHost: '127.0.0.1' },
        ...{ zone: 'z', rack: 'r', version: 'test', trackers: [], seeds: [] },
        ...{ directory: join(home, 'store'), bytesMax: 1 << 30 },
        ...rest,
      },
      { originOf: () => this.origin, pool: this.#pool },
    );
    this.#t.teardown(() => peer.close());
    return { peer, facts: peer.status().self };
  }
}
