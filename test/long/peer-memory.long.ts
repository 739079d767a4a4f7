/**
 * What a seed of its own (`shoal peer`) takes while fifty hosts read a hundred blobs through it, each over two
 * wires, out of a registry that is a program of its own: resident memory stays under 256 MiB.
 * It is a release's, as hosts run it: a checkout keeps its compiler of types in memory beside it.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BlobSource } from '@shoal/blob-store';
import { CodecPool } from '@shoal/blob-store';
import { type BlobId, blobIdOfDigest, type Descriptor } from '@shoal/oci';
import { openPeer, type Peer, parseHostName } from '@shoal/p2p-peer';
import { noise, pushArtifact, requireTool, temporaryDirectory, until } from '@shoal/test-kit';
import t from 'tap';
import { buildRelease, unpackRelease } from '../support/built-release.ts';
import { startDockerRegistry } from '../support/docker-registry.ts';
import { PeerAuthority } from '../support/peer-authority.ts';
import { startPeerCommand } from '../support/peer-command.ts';

const HOSTS = 50;
const BLOBS = 100;
const BLOB_BYTES = 4 << 20;
const READ_BYTES = 1 << 20;
const MIB = 1 << 20;
const BOUND_BYTES = 256 * MIB;

t.setTimeout(1_800_000);

t.test(`${HOSTS} hosts read ${BLOBS} blobs through one seed`, async (t) => {
  if (!requireTool(t, 'docker-registry')) return;
  const directory = temporaryDirectory(t);
  const release = await buildRelease(join(directory, 'release'));
  const program = join(await unpackRelease(release, join(directory, 'tree')), 'bin', 'shoal');
  const registry = await startDockerRegistry(t, join(directory, 'registry'));
  const files = Array.from({ length: BLOBS }, (_, number) => ({
    ...{ title: `${number}`, content: noise(BLOB_BYTES, `blob ${number}`) },
  }));
  const layers = await pushArtifact(`${registry.host}/team/many:1`, files);
  const contents = new Map(
    layers.map(({ digest }, at) => [blobIdOfDigest(digest), files[at]?.content ?? Buffer.of()]),
  );
  const authority = await PeerAuthority.open(join(directory, 'authority'));
  const place = { home: join(directory, 'seed'), name: 'seed-1', authority, program };
  const seed = await startPeerCommand(t, { ...place, origins: [registry.host] });
  const pool = new CodecPool({ threads: 1 });
  t.teardown(() => pool.close());
  const hosts = await Promise.all(
    Array.from({ length: HOSTS }, (_, number) =>
      openHost({ directory, authority, pool, number, seedAddress: seed.address }),
    ),
  );
  t.teardown(() => Promise.all(hosts.map((host) => host.close())));
  await until('tokens are here', () => hosts.every((host) => host.status().hasToken));

  const startedBytes = memoryOf(seed.program.pid, 'VmRSS');
  let wires = 0;
  const watch = setInterval(() => {
    wires = Math.max(
      wires,
      hosts.reduce((sum, host) => sum + host.status().wires, 0),
    );
  }, 100);
  const origin = memorySource(contents);
  const startedAtMs = performance.now();
  await Promise.all(
    hosts.map(async (host, number) => {
      for (let at = number; at < layers.length; at += HOSTS) {
        await readWhole(host, layers[at], { origin, contents, registry });
      }
    }),
  );
  clearInterval(watch);
  const seconds = (performance.now() - startedAtMs) / 1000;
  const fromSeed = hosts.reduce((sum, host) => sum + host.status().traffic.rack, 0);
  const peakBytes = memoryOf(seed.program.pid, 'VmHWM');
  t.comment(
    `${wires} wires, ${BLOBS} blobs of ${BLOB_BYTES / MIB} MiB in ${seconds.toFixed(1)} s: ` +
      `peak ${Math.round(peakBytes / MIB)} MiB resident, ${Math.round(startedBytes / MIB)} before, ` +
      `${Math.round((100 * fromSeed) / (BLOBS * BLOB_BYTES))} % of the bytes from the seed`,
  );
  t.ok(wires >= HOSTS, `${wires} wires`);
  t.ok(fromSeed > (BLOBS * BLOB_BYTES) / 2, 'most of it came from the seed');
  t.ok(peakBytes < BOUND_BYTES, `${Math.round(peakBytes / MIB)} MiB`);
});

type HostPlace = {
  readonly directory: string;
  readonly authority: PeerAuthority;
  readonly pool: CodecPool;
  readonly number: number;
  readonly seedAddress: string;
};

async function openHost(place: HostPlace): Promise<Peer> {
  const { directory, authority, pool, number, seedAddress } = place;
  const name = `node-${number}`;
  const home = join(directory, name);
  await authority.admit(home, name, 'peer');
  const seed = { host: parseHostName('seed-1'), role: 'seed', zone: 'z', rack: 'r' } as const;
  return await openPeer(
    {
      identityDirectory: join(home, 'tls'),
      ...{ listenHost: '127.0.0.1', port: 0, advertise: { host: '127.0.0.1', port: 0 } },
      ...{ zone: 'z', rack: 'r', version: 'test', trackers: [] },
      seeds: [{ ...seed, address: seedAddress }],
      ...{ directory: join(home, 'store'), bytesMax: 1 << 30 },
    },
    { originOf: () => undefined, pool, warm: () => Promise.reject(new Error('nobody asks')) },
  );
}

type Reading = {
  readonly origin: BlobSource;
  readonly contents: ReadonlyMap<BlobId, Buffer>;
  readonly registry: { readonly host: string };
};

async function readWhole(
  host: Peer,
  layer: Descriptor | undefined,
  { origin, contents, registry }: Reading,
): Promise<void> {
  if (layer === undefined) throw new Error('there are fewer blobs');
  const { digest, size } = layer;
  const blobId = blobIdOfDigest(digest);
  const source = host.source(origin, `${registry.host}/team/many`);
  for (let offset = 0; offset < size; offset += READ_BYTES) {
    const length = Math.min(READ_BYTES, size - offset);
    const bytes = await source.read({ blobId, sizeBytes: size }, offset, length, {
      onVerdict: (listener) => queueMicrotask(() => listener(offset, length, 'right')),
    });
    if (bytes.equals(contents.get(blobId)?.subarray(offset, offset + length) ?? Buffer.of()))
      continue;
    throw new Error(`wrong bytes at ${offset} of ${digest}`);
  }
}

/** What a reader falls back to; the seed has the registry itself. */
function memorySource(contents: ReadonlyMap<BlobId, Buffer>): BlobSource {
  return {
    name: 'registry',
    read: async ({ blobId }, offset, length) =>
      Buffer.from(contents.get(blobId)?.subarray(offset, offset + length) ?? []),
    close: () => Promise.resolve(),
  };
}

/** In bytes. */
function memoryOf(pid: number | undefined, field: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024;
}
