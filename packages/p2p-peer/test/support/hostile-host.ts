/**
 * A host that does harm, as a program: certificate and token are of the authority of those it harms. A
 * test starts it in a network of its own with JSON as its only argument, and reads what it has done
 * from its output, where each line is all it has counted so far.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { SizedBlob } from '@shoal/blob-store';
import { MediaType, parseBlobId, parseManifest } from '@shoal/oci';
import { parseHostPort } from '@shoal/oci/host-port';
import { z } from 'zod';
import type { HostFacts } from '../../src/identity/host.ts';
import { PeerTrust } from '../../src/peer/peer-trust.ts';
import { flood } from './floods.ts';
import { lie } from './lying-host.ts';

const optionsSchema = z.strictObject({
  /**
   * `corrupts`: says it holds everything, and sends other bytes. `withholds`: says so, and refuses all.
   * `stalls`: says so and that it lives, and never answers. `floods`: asks without end, sends what
   * breaks rules, and keeps connections open.
   */
  kind: z.enum(['corrupts', 'withholds', 'stalls', 'floods']),
  /** Directory of certificate, key, token and authority. */
  identity: z.string(),
  /** Where it listens. */
  address: z.string(),
  trackers: z.array(z.string()),
  registry: z.string(),
  /** Of the image `latest`. */
  repository: z.string(),
  victims: z.array(z.string()),
  /** Connections of each flood to each victim. */
  connections: z.number(),
});

export type HostileHostOptions = z.infer<typeof optionsSchema>;

/** What a hostile host is and knows. */
export type HostileScene = {
  readonly options: HostileHostOptions;
  readonly self: HostFacts;
  readonly trust: PeerTrust;
  /** `registry/repository`, as wires name it. */
  readonly repository: string;
  readonly blobs: readonly SizedBlob[];
  readonly count: (what: string, times?: number) => void;
};

const TELL_MS = 100;

async function main(text: string): Promise<void> {
  const options = optionsSchema.parse(JSON.parse(text));
  const { identity: directory, address } = options;
  const fetchToken = () => Promise.resolve(undefined);
  const trust = await PeerTrust.open({ directory, fetchToken, onProblem: () => undefined });
  await trust.whenToken();
  const counts: Record<string, number> = {};
  const count = (what: string, times = 1) => {
    counts[what] = (counts[what] ?? 0) + times;
  };
  const self: HostFacts = { host: trust.host, role: 'peer', zone: 'z', rack: 'r', address };
  const repository = `${options.registry}/${options.repository}`;
  const scene = { options, self, trust, repository, blobs: await blobsOf(options), count };
  if (options.kind === 'floods') flood(scene);
  else await lie(scene, parseHostPort(address));
  count('ready');
  for (let told = ''; ; await sleep(TELL_MS)) {
    const line = JSON.stringify(counts);
    if (line !== told) process.stdout.write(`${line}\n`);
    told = line;
  }
}

/** As any host: by the manifest. */
async function blobsOf({ registry, repository }: HostileHostOptions): Promise<SizedBlob[]> {
  const url = `http://${registry}/v2/${repository}/manifests/latest`;
  const answer = await fetch(url, { headers: { accept: MediaType.ociManifest } });
  const manifest = parseManifest(Buffer.from(await answer.arrayBuffer()));
  const layers = 'layers' in manifest ? manifest.layers : [];
  return layers.map(({ digest, size }) => ({
    blobId: parseBlobId(digest.replace(/^sha256:/, '')),
    sizeBytes: size,
  }));
}

// What it harms may end its connections in any way.
process.on('uncaughtException', (error) => process.stderr.write(`${error.stack}\n`));
await main(process.argv[2] ?? '');
