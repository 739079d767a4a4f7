/**
 * A host with a whole blob in a process of its own, as a peer and as an HTTP server. It answers each
 * line of its stdin with the processor time it has used, and ends when stdin does.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { parseBlobId } from '@shoal/oci';
import type { HostFacts } from '@shoal/p2p-peer';
import { parseHostName } from '@shoal/p2p-peer';
import * as z from 'zod';
import {
  type BlobFile,
  fileSource,
  fill,
  openBenchHost,
  readTlsFiles,
  serveRanges,
} from './peer-host.ts';

const SERVE = 'serve';
const SEED = 'bench-seed';

export type PeerProcess = AsyncDisposable & {
  readonly facts: HostFacts;
  readonly httpPort: number;
  /** Of the same over TLS. */
  readonly httpsPort: number;
  /** Since it started, in seconds. */
  cpuSeconds(): Promise<number>;
};

const helloSchema = z.strictObject({
  address: z.string(),
  httpPort: z.number(),
  httpsPort: z.number(),
});

export async function startPeerProcess(directory: string, blob: BlobFile): Promise<PeerProcess> {
  const { path, blobId, bytes } = blob;
  const script = [import.meta.filename, SERVE, directory, path, blobId, String(bytes)];
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await lines.next();
    if (done === true) throw new Error('the peer process ended');
    return value;
  };
  const { address, httpPort, httpsPort } = helloSchema.parse(JSON.parse(await next()));
  const host = parseHostName(SEED);
  return {
    facts: { host, role: 'seed', zone: 'z', rack: 'r', address },
    httpPort,
    httpsPort,
    cpuSeconds: async () => {
      child.stdin.write('cpu\n');
      return Number(await next());
    },
    [Symbol.asyncDispose]: () => end(child, exited),
  };
}

async function end(child: ChildProcess, exited: Promise<unknown>): Promise<void> {
  child.stdin?.end();
  await exited;
}

async function serve(directory: string, blob: BlobFile): Promise<void> {
  const origin = await fileSource(blob);
  await using host = await openBenchHost({
    ...{ directory, name: SEED, role: 'seed', seeds: [], origin },
  });
  await fill(host, blob, origin);
  await using http = await serveRanges(blob);
  await using https = await serveRanges(blob, readTlsFiles(directory, SEED));
  const { address } = host.peer.status().self;
  console.log(JSON.stringify({ address, httpPort: http.port, httpsPort: https.port }));
  for await (const _ of createInterface({ input: process.stdin })) {
    const { user, system } = process.cpuUsage();
    console.log((user + system) / 1e6);
  }
}

const [, script, word, directory = '', path = '', blobId = '', bytes = ''] = process.argv;
if (script === import.meta.filename && word === SERVE) {
  await serve(directory, { path, blobId: parseBlobId(blobId), bytes: Number(bytes) });
}
