/**
 * What bytes of a peer cost beside ranged GETs of a plain HTTP server in the same process: one range at
 * a time (what a reader waits for), and many at once (what a link and a processor carry). The peer's
 * are TLS 1.3 with certificates on both sides, the server's are plain.
 */
import type { BlobSource } from '@shoal/blob-store';
import { Agent, request } from 'undici';
import { measureInTurn, quantile } from '../harness/figures.ts';
import {
  type BenchHost,
  type BlobFile,
  makeBlob,
  openBenchHost,
  REPOSITORY,
} from '../harness/peer-host.ts';
import { type PeerProcess, startPeerProcess } from '../harness/peer-process.ts';
import { compareRows, type Row, type ScenarioResult } from '../harness/report.ts';
import type { Scenario, ScenarioOptions } from '../harness/scenario.ts';

export const peersScenario: Scenario = {
  summary: 'ranges of a peer beside ranged GETs of HTTP: latency, throughput, processor time',
  run,
};

/** Reads a range, however. */
type Reader = (offset: number, length: number) => Promise<Buffer>;

type Throughput = { readonly mebibytesPerSecond: number; readonly cpuSecondsPerGib: number };

const KIB = 1024;
const MIB = 1024 * KIB;
const HTTP = 'HTTP range';
const PEER = 'peer';
const SMALL_READS = [
  { name: '4 KiB', bytes: 4 * KIB, bars: ['< 3 ms', '< 20 ms'] },
  { name: '128 KiB', bytes: 128 * KIB, bars: [undefined, undefined] },
] as const;
const AT_ONCE = 8;

async function run(options: ScenarioOptions, directory: string): Promise<ScenarioResult> {
  const blob = await makeBlob(directory, (options.isSmall ? 16 : 512) * MIB);
  await using server = await startPeerProcess(directory, blob);
  await using host = await openBenchHost({
    ...{ directory, name: 'bench-reader', role: 'peer', seeds: [server.facts] },
    origin: noOrigin,
  });
  await using opened = new AsyncDisposableStack();
  const agent = opened.adopt(new Agent({ connections: AT_ONCE }), (each) => each.close());
  const readers = new Map<string, Reader>([
    [HTTP, httpReader(agent, server.httpPort)],
    [PEER, peerReader(host, blob)],
  ]);
  const rows: Row[] = [];
  const count = options.isSmall ? 50 : 2000;
  for (const { name, bytes, bars } of SMALL_READS) {
    options.say(`${count} reads of ${name}, one at a time`);
    const times = await measureLatency(readers, blob, { bytes, count });
    for (const [index, q] of [0.5, 0.99].entries()) {
      const values = new Map([...times].map(([who, all]) => [who, quantile(all, q)]));
      rows.push(...compareRows(`p${q * 100} of ${name}`, 'ms', values, bars[index]));
    }
  }
  options.say(`${AT_ONCE} reads of 1 MiB at once`);
  const measured = await measureInTurn(
    options.runs,
    new Map([...readers].map(([who, read]) => [who, () => measureThroughput(read, blob, server)])),
  );
  rows.push(...throughputRows(measured));
  return {
    parameters: { 'blob bytes': blob.bytes, reads: count, 'at once': AT_ONCE },
    rows,
    notes: [
      'Server and reader share the cores of one machine, each a process of its own; loopback.',
      'The peer: TLS 1.3 with certificates on both sides, one connection; HTTP: plain, up to 8.',
      'The reader also writes what comes from a peer to its store; processor time is of both sides.',
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

function httpReader(agent: Agent, port: number): Reader {
  return async (offset, length) => {
    const headers = { range: `bytes=${offset}-${offset + length - 1}` };
    const { body } = await request(`http://127.0.0.1:${port}/`, { dispatcher: agent, headers });
    return Buffer.from(await body.arrayBuffer());
  };
}

/** Nothing is judged, so nothing is held: each read crosses the wire. */
function peerReader({ peer }: BenchHost, { blobId, bytes: sizeBytes }: BlobFile): Reader {
  const source = peer.source(noOrigin, REPOSITORY);
  return (offset, length) => source.read({ blobId, sizeBytes }, offset, length);
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
  read: Reader,
  blob: BlobFile,
  server: PeerProcess,
): Promise<Throughput> {
  const cpuBefore = process.cpuUsage();
  const serverBefore = await server.cpuSeconds();
  const startedAt = performance.now();
  let next = 0;
  const work = async () => {
    for (let at = next; at < blob.bytes; at = next) {
      next += MIB;
      await read(at, Math.min(MIB, blob.bytes - at));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  const seconds = (performance.now() - startedAt) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  const cpu = (user + system) / 1e6 + (await server.cpuSeconds()) - serverBefore;
  return {
    mebibytesPerSecond: blob.bytes / MIB / seconds,
    cpuSecondsPerGib: (cpu / blob.bytes) * 1024 * MIB,
  };
}

function throughputRows(measured: ReadonlyMap<string, readonly Throughput[]>): Row[] {
  const of = (pick: (one: Throughput) => number) =>
    new Map([...measured].map(([who, all]) => [who, quantile(all.map(pick), 0.5)]));
  const work = '1 MiB reads';
  return [
    ...compareRows(
      `${work}, throughput`,
      'MiB/s',
      of(({ mebibytesPerSecond: v }) => v),
    ),
    ...compareRows(
      `${work}, processor time`,
      's/GiB',
      of(({ cpuSecondsPerGib: v }) => v),
      '<= 1',
    ),
  ];
}
