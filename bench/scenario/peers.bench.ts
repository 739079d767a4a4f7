/**
 * What bytes of a peer cost beside ranged GETs of an HTTP server in the same process, plain and with the
 * peer's own kind of TLS: one range at a time (what a reader waits for), and many at once (what a link
 * and a processor carry).
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { BlobReadOptions, BlobSource } from '@shoal/blob-store';
import { Agent, request } from 'undici';
import { measureInTurn, quantile } from '../harness/figures.ts';
import {
  type BenchHost,
  type BlobFile,
  makeBlob,
  openBenchHost,
  REPOSITORY,
  readTlsFiles,
} from '../harness/peer-host.ts';
import { type PeerProcess, startPeerProcess } from '../harness/peer-process.ts';
import { compareRounds, compareRows, type Row, type ScenarioResult } from '../harness/report.ts';
import type { Scenario, ScenarioOptions } from '../harness/scenario.ts';

export const peersScenario: Scenario = {
  summary: 'ranges of a peer beside ranged GETs of HTTP: latency, throughput, processor time',
  runs: 5,
  run,
};

/** Reads a range, however. */
type Reader = (offset: number, length: number) => Promise<Buffer>;

/** A reader of one round, and what ends it. */
type OpenReader = AsyncDisposable & { readonly read: Reader };

type Throughput = { readonly mebibytesPerSecond: number; readonly cpuSecondsPerGib: number };

const KIB = 1024;
const MIB = 1024 * KIB;
const HTTP = 'HTTP range';
const HTTPS = 'HTTP range, TLS both ways';
const PEER = 'peer';
const KEEPER = 'peer, kept on disk';
const READER = 'bench-reader';
const SMALL_READS = [
  { name: '4 KiB', bytes: 4 * KIB, bars: ['< 3 ms', '< 20 ms'] },
  { name: '128 KiB', bytes: 128 * KIB, bars: [undefined, undefined] },
] as const;
/** What is read at once: chunks as a mount asks for them, and blocks as they go over a wire. */
const LARGE_READS = [
  { name: '1 MiB', bytes: MIB, atOnce: 8 },
  { name: '128 KiB', bytes: 128 * KIB, atOnce: 32 },
] as const;

async function run(options: ScenarioOptions, directory: string): Promise<ScenarioResult> {
  const blob = await makeBlob(directory, (options.isSmall ? 16 : 512) * MIB);
  await using server = await startPeerProcess(directory, blob);
  await using host = await openReaderHost(directory, READER, server);
  const readers = new Map<string, () => Promise<OpenReader>>([
    [HTTP, async () => httpReader(`http://127.0.0.1:${server.httpPort}/`, {})],
    [HTTPS, async () => tlsReader(directory, server)],
    [PEER, async () => ({ read: peerReader(host, blob), [Symbol.asyncDispose]: async () => {} })],
    [KEEPER, keepers(directory, server, blob)],
  ]);
  const rows: Row[] = [];
  const count = options.isSmall ? 50 : 2000;
  for (const reads of SMALL_READS) {
    options.say(`${count} reads of ${reads.name}, one at a time`);
    rows.push(...(await latencyRows(readers, blob, count, reads)));
  }
  for (const { name, ...reads } of LARGE_READS) {
    options.say(`${reads.atOnce} reads of ${name} at once`);
    const measured = await measureInTurn(
      options.runs,
      new Map(
        [...readers].map(([who, open]) => [
          who,
          () => measureThroughput(open, blob, server, reads),
        ]),
      ),
    );
    rows.push(...throughputRows(`${reads.atOnce} x ${name}`, measured));
  }
  return {
    parameters: { 'blob bytes': blob.bytes, 'single reads': count, runs: options.runs },
    // What is aimed at is asked of peers alone.
    rows: rows.map((row) => (row.contestant === HTTPS ? { ...row, bar: undefined } : row)),
    notes: [
      'Server and reader share the cores of one machine, each a process of its own; loopback. Processor time is of both sides.',
      'The peer: TLS 1.3 with certificates on both sides, one connection; HTTP: up to as many connections as reads at once.',
      'What is kept on disk is written, synced and recorded as after a right verdict; the digests of chunks are not computed here, by nobody.',
    ],
  };
}

const noOrigin: BlobSource = {
  name: 'nothing',
  // One byte shows that the blob is in the repository; all others are the peer's.
  read: (_, __, length) =>
    length === 1
      ? Promise.resolve(Buffer.alloc(1))
      : Promise.reject(new Error('the peer has not answered')),
  close: () => Promise.resolve(),
};

function openReaderHost(directory: string, name: string, server: PeerProcess): Promise<BenchHost> {
  const seeds = [server.facts];
  return openBenchHost({ directory, name, role: 'peer', seeds, origin: noOrigin });
}

function httpReader(url: string, connect: Agent.Options['connect']): OpenReader {
  const agent = new Agent(connect === undefined ? {} : { connect });
  return {
    async read(offset, length) {
      const headers = { range: `bytes=${offset}-${offset + length - 1}` };
      const { body } = await request(url, { dispatcher: agent, headers });
      return Buffer.from(await body.arrayBuffer());
    },
    [Symbol.asyncDispose]: () => agent.close(),
  };
}

function tlsReader(directory: string, { httpsPort }: PeerProcess): OpenReader {
  const tls = readTlsFiles(directory, READER);
  // Its certificate names a host, not an address.
  const checkServerIdentity = () => undefined;
  return httpReader(`https://127.0.0.1:${httpsPort}/`, { ...tls, checkServerIdentity });
}

/** Without a verdict nothing is held: each read crosses the wire. */
function peerReader({ peer }: BenchHost, blob: BlobFile, options: BlobReadOptions = {}): Reader {
  const source = peer.source(noOrigin, REPOSITORY);
  const key = { blobId: blob.blobId, sizeBytes: blob.bytes };
  return (offset, length) => source.read(key, offset, length, options);
}

/** A new host for each round: what one holds it does not ask for again. */
function keepers(
  directory: string,
  server: PeerProcess,
  blob: BlobFile,
): () => Promise<OpenReader> {
  let count = 0;
  return async () => {
    count += 1;
    const name = `bench-keeper-${count}`;
    const host = await openReaderHost(directory, name, server);
    return {
      read: (offset, length) => {
        const judge = peerReader(host, blob, {
          onVerdict: (verdict) => setImmediate(() => verdict(offset, length, 'right')),
        });
        return judge(offset, length);
      },
      async [Symbol.asyncDispose]() {
        await host[Symbol.asyncDispose]();
        await rm(join(directory, name), { recursive: true });
      },
    };
  };
}

async function latencyRows(
  openers: ReadonlyMap<string, () => Promise<OpenReader>>,
  blob: BlobFile,
  count: number,
  { name, bytes, bars }: (typeof SMALL_READS)[number],
): Promise<Row[]> {
  await using opened = new AsyncDisposableStack();
  const readers = new Map<string, Reader>();
  for (const [who, open] of openers) readers.set(who, opened.use(await open()).read);
  const times = await measureLatency(readers, blob, { bytes, count });
  return [0.5, 0.99].flatMap((q, index) => {
    const values = new Map([...times].map(([who, all]) => [who, quantile(all, q)]));
    return compareRows(`p${q * 100} of ${name}`, 'ms', values, bars[index]);
  });
}

async function measureLatency(
  readers: ReadonlyMap<string, Reader>,
  blob: BlobFile,
  { bytes, count }: { readonly bytes: number; readonly count: number },
): Promise<Map<string, number[]>> {
  const times = new Map([...readers.keys()].map((name): [string, number[]] => [name, []]));
  const places = Math.floor(blob.bytes / bytes);
  for (let number = 0; number < count; number++) {
    const offset = ((number * 7919) % places) * bytes;
    for (const [name, read] of readers) {
      const startedAt = performance.now();
      const { length } = await read(offset, bytes);
      if (length !== bytes) throw new Error(`${name} has given ${length} bytes`);
      times.get(name)?.push(performance.now() - startedAt);
    }
  }
  return times;
}

async function measureThroughput(
  open: () => Promise<OpenReader>,
  blob: BlobFile,
  server: PeerProcess,
  { bytes, atOnce }: { readonly bytes: number; readonly atOnce: number },
): Promise<Throughput> {
  await using opened = await open();
  // Connections are there already, as they are between hosts.
  await opened.read(0, bytes);
  const cpuBefore = process.cpuUsage();
  const serverBefore = await server.cpuSeconds();
  const startedAt = performance.now();
  let next = bytes;
  const work = async () => {
    for (let at = next; at < blob.bytes; at = next) {
      next += bytes;
      await opened.read(at, Math.min(bytes, blob.bytes - at));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  const seconds = (performance.now() - startedAt) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  const cpu = (user + system) / 1e6 + (await server.cpuSeconds()) - serverBefore;
  return {
    mebibytesPerSecond: blob.bytes / MIB / seconds,
    cpuSecondsPerGib: (cpu / blob.bytes) * 1024 * MIB,
  };
}

function throughputRows(work: string, measured: ReadonlyMap<string, readonly Throughput[]>): Row[] {
  const of = (pick: (one: Throughput) => number) =>
    new Map([...measured].map(([who, all]) => [who, all.map(pick)]));
  return [
    ...compareRounds(
      `${work}, throughput`,
      'MiB/s',
      of(({ mebibytesPerSecond: v }) => v),
    ),
    ...compareRounds(
      `${work}, processor time`,
      's/GiB',
      of(({ cpuSecondsPerGib: v }) => v),
      '<= 1',
    ),
  ];
}
