/**
 * What one miss costs: a 4 KiB read of bytes that are not here yet, from a registry on the same
 * machine (as near as a peer in the same rack). Three stages are told apart: a ranged GET of as
 * many bytes alone, the miss as the daemon sees it (fetch, verify, decompress, write), and the
 * read as the program sees it (with FUSE, EROFS and the page cache around).
 */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { MediaType, parseManifest, parseReference } from '@shoal/oci';
import { openSource } from '@shoal/registry-client';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import { runChecked } from '@shoal/test-kit';
import { quantile } from '../harness/figures.ts';
import { type BenchInput, makeInput, SHOAL } from '../harness/input.ts';
import { mountLazily } from '../harness/lazy-mount.ts';
import { daemonFigures } from '../harness/miss-figures.ts';
import { compareRows, type Row, type ScenarioResult } from '../harness/report.ts';
import type { Scenario, ScenarioOptions } from '../harness/scenario.ts';
import { dropCaches, listFiles } from '../harness/tree-reader.ts';

const STRIDE_BYTES = 1 << 20;
const READ_BYTES = 4096;
const REPOSITORY = 'bench/miss';

export const missScenario: Scenario = {
  summary: 'latency of a 4 KiB read that misses, by stage, beside a bare ranged GET',
  run,
};

async function run(options: ScenarioOptions, directory: string): Promise<ScenarioResult> {
  const input = await makeInput(directory, options.isSmall);
  await using registry = await EmbeddedRegistry.listen({ directory: join(directory, 'registry') });
  const blobDigest = await convertTo(registry, input);
  const reference = `${registry.host}/${REPOSITORY}:lazy`;
  const mount = await mountLazily(reference, directory, ['--plain-http']);
  try {
    await dropCaches();
    options.say('reading 4 KiB of every MiB');
    const places = placesOf(mount.mountpoint, options.isSmall ? 20 : 400);
    const readMs = await readPlaces(mount.mountpoint, places);
    const daemon = daemonFigures(await mount.status());
    const meanBytes = Math.round(daemon.bytesFetched / Math.max(1, daemon.requests));
    options.say(`${readMs.length} reads; bare GETs of ${meanBytes} bytes`);
    const url = `http://${registry.host}/v2/${REPOSITORY}/blobs/${blobDigest}`;
    const getMs = await bareGets(url, meanBytes, readMs.length);
    return {
      parameters: {
        input: input.description,
        reads: readMs.length,
        requests: daemon.requests,
        'bytes of a request': meanBytes,
      },
      rows: [
        ...rowsAt(0.5, getMs, daemon.p50Ms, readMs, '< 3 ms at the reader'),
        ...rowsAt(0.99, getMs, daemon.p99Ms, readMs, '< 20 ms at the reader'),
      ],
      notes: ['Registry, daemon and reader share the cores of one machine.'],
    };
  } finally {
    await mount.close();
  }
}

async function convertTo(registry: EmbeddedRegistry, input: BenchInput): Promise<string> {
  await runChecked(
    SHOAL,
    [
      ...['convert', '--plain-http', '--source', `oci:${input.layout}:latest`],
      ...['--target', `${registry.host}/${REPOSITORY}:lazy`],
    ],
    { timeoutMs: 600_000 },
  );
  const target = await openSource(parseReference(`${registry.host}/${REPOSITORY}:lazy`), {});
  try {
    const manifest = parseManifest(await target.readManifest(await target.resolve()));
    const layers = manifest.kind === 'manifest' ? manifest.layers : [];
    const digest = layers.find(({ mediaType }) => mediaType === MediaType.nydusBlob)?.digest;
    if (digest === undefined) throw new Error('the manifest names no data blob');
    return digest;
  } finally {
    await target.close();
  }
}

type Place = { readonly path: string; readonly at: number };

/** The first 4 KiB after every MiB of every file, in an order no readahead can guess. */
function placesOf(mountpoint: string, count: number): Place[] {
  const places = listFiles(mountpoint)
    .toSorted((a, b) => b.size - a.size)
    .flatMap(({ path, size }) =>
      Array.from({ length: Math.ceil(size / STRIDE_BYTES) }, (_, n) => ({
        path,
        at: n * STRIDE_BYTES,
      })),
    )
    .slice(0, count);
  // A fixed stride that shares no factor with the number of places visits each once.
  const stride = [61, 67, 71].find((prime) => places.length % prime !== 0) ?? 1;
  return places.map((_, n) => places[(n * stride) % places.length]).filter((place) => !!place);
}

/** Asynchronous reads, because the registry that serves the misses lives in this process. */
async function readPlaces(mountpoint: string, places: readonly Place[]): Promise<number[]> {
  const buffer = Buffer.alloc(READ_BYTES);
  const times: number[] = [];
  for (const { path, at } of places) {
    await using file = await open(join(mountpoint, path), 'r');
    const startedAt = performance.now();
    await file.read(buffer, 0, READ_BYTES, at);
    times.push(performance.now() - startedAt);
  }
  return times;
}

async function bareGets(url: string, bytes: number, count: number): Promise<number[]> {
  const times: number[] = [];
  const size = Number((await fetch(url, { method: 'HEAD' })).headers.get('content-length'));
  for (let get = 0; get < count; get++) {
    const first = Math.floor((Math.max(0, size - bytes) * get) / count);
    const startedAt = performance.now();
    const response = await fetch(url, {
      headers: { range: `bytes=${first}-${first + bytes - 1}` },
    });
    await response.arrayBuffer();
    times.push(performance.now() - startedAt);
  }
  return times;
}

function rowsAt(
  q: number,
  getMs: readonly number[],
  daemonMs: number,
  readMs: readonly number[],
  bar: string,
): Row[] {
  return compareRows(
    `p${q * 100} of a miss`,
    'ms',
    new Map([
      ['ranged GET alone', quantile(getMs, q)],
      ['in the daemon', daemonMs],
      ['at the reader', quantile(readMs, q)],
    ]),
    bar,
  );
}
