/**
 * The page of a tracker that hosts report to over TLS while bytes move between them: a real browser shows who
 * is where, what each holds, and where the bytes come from now.
 */
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CodecPool } from '@shoal/blob-store';
import { requireTool, until } from '@shoal/test-kit';
import t from 'tap';
import { openPeer } from '../src/peer/open-peer.ts';
import type { Peer } from '../src/peer/peer.ts';
import { type Browser, openBrowser } from './support/browser.ts';
import { foundRight } from './support/found-right.ts';
import { CountingOrigin } from './support/peer-cluster.ts';
import { blobIdOf } from './support/sample-bytes.ts';
import { makeScene, pageOf, REPOSITORY, type Scene, urlOf } from './support/tracker-scene.ts';
import { patternedBlob } from './support/wire-pair.ts';

t.setTimeout(300_000);
const LOOPBACK = { host: '127.0.0.1', port: 0 };
const READ_BYTES = 256 << 10;
/** Enough to read from for as long as the page is looked at; then from the start again. */
const bytes = patternedBlob(64 << 20);
const key = {
  blobId: blobIdOf(bytes),
  sizeBytes: bytes.length,
};

type Place = { readonly zone: string; readonly rack: string };

/** Hosts that know a tracker and nothing else. */
function hostsOf(scene: Scene, tracker: string, origin: CountingOrigin) {
  const pool = scene.keep(new CodecPool({ threads: 1 }));
  return async (host: string, role: 'peer' | 'seed', place: Place): Promise<Peer> => {
    await scene.identity(host, role);
    const identityDirectory = join(scene.directory, `${role}-${host}`);
    await copyFile(join(scene.ca, 'token.pub'), join(identityDirectory, 'token.pub'));
    const peer = await openPeer(
      {
        ...{ identityDirectory, listenHost: '127.0.0.1', port: 0, advertise: LOOPBACK },
        ...{ ...place, version: 'test', seeds: [], trackers: [tracker] },
        ...{ directory: join(scene.directory, `store-${host}`), bytesMax: 1 << 30 },
      },
      {
        originOf: () => ({ origin, isBelieved: true }),
        ...{ pool, warm: () => Promise.reject(new Error('no images here')) },
      },
    );
    return scene.keep(peer);
  };
}

/** Each reads the same as the one before, which then has it; the first one reads it twice. Ends with the signal. */
async function keepReading(
  peers: readonly Peer[],
  origin: CountingOrigin,
  signal: AbortSignal,
): Promise<void> {
  const sources = peers.map((peer) => peer.source(origin, REPOSITORY));
  const [first] = sources;
  for (let at = 0; !signal.aborted; at = (at + READ_BYTES) % bytes.length) {
    for (const source of [...sources, ...(first === undefined ? [] : [first])]) {
      const part = await source.read(key, at, READ_BYTES, {
        ...foundRight(at, READ_BYTES),
      });
      if (!part.equals(bytes.subarray(at, at + READ_BYTES))) throw new Error(`wrong at ${at}`);
    }
    // A host that does nothing else would keep the browser of this machine waiting.
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

type Row = { readonly zone: string; readonly cells: readonly string[]; readonly bar: string };

/** What the table of hosts shows, by the name of the host. */
async function rowsOf(browser: Browser): Promise<ReadonlyMap<string, Row>> {
  const found =
    await browser.evaluate(`[...document.querySelectorAll('#hosts tbody tr')].map((row) => ({
    zone: row.closest('table').parentElement.previousElementSibling.innerText,
    cells: [...row.children].map((cell) => cell.innerText),
    bar: row.querySelector('.bar').getAttribute('aria-label'),
  }))`);
  const rows: Row[] = Array.isArray(found) ? found : [];
  return new Map(rows.map((row) => [row.cells[1] ?? '', row]));
}

async function linesOf(browser: Browser, selector: string): Promise<readonly string[]> {
  const found = await browser.evaluate(
    `[...document.querySelectorAll('${selector}')].map((one) => one.innerText)`,
  );
  return Array.isArray(found) ? found.map(String) : [];
}

const RATE = String.raw`[1-9]\d*(?:\.\d)? (?:B|KiB|MiB)/s`;

t.test('four hosts that move bytes', async (t) => {
  if (!requireTool(t, 'chromium')) return;
  const scene = await makeScene(t);
  const tracker = await scene.tracker();
  const origin = new CountingOrigin(new Map([[key.blobId, bytes]]));
  const open = hostsOf(scene, urlOf(tracker), origin);
  const [browser, seed, near, zone, far] = await Promise.all([
    openBrowser(t),
    open('seed-1', 'seed', { zone: 'eu-1a', rack: 'r1' }),
    open('node-1', 'peer', { zone: 'eu-1a', rack: 'r1' }),
    open('node-2', 'peer', { zone: 'eu-1a', rack: 'r2' }),
    open('node-3', 'peer', { zone: 'eu-1b', rack: 'r1' }),
  ]);
  // Trackers name the hosts of one's own zone, and all seeds.
  await until('all know who is near, and the seed', () =>
    [seed, near, zone].every((peer) => peer.status().hosts === 3 && peer.status().hasToken),
  );
  await until('so does the one that is far', () => far.status().hosts === 2);
  const stop = new AbortController();
  const reading = keepReading([near, zone, far], origin, stop.signal);
  try {
    await browser.open(`${pageOf(tracker)}/`);
    const wanted = new Map([
      ['node-1', /own store .*same rack/],
      ['node-2', /same zone/],
      ['node-3', /other zones/],
      ['seed-1', /registry/],
    ]);
    let rows: ReadonlyMap<string, Row> = new Map();
    await until('every host shows where its bytes come from', async () => {
      rows = await rowsOf(browser);
      // A report may be of the moment between the first bytes and their verdict: then nothing is held yet.
      return [...wanted].every(([host, source]) => {
        const { bar = '', cells = [] } = rows.get(host) ?? {};
        return source.test(bar) && (host === 'seed-1' || cells[7] !== '0 B');
      });
    });
    t.same([...rows.keys()].toSorted(), [...wanted.keys()].toSorted(), 'and nobody else');
    for (const [host, place] of [
      ['seed-1', ['Zone eu-1a: 3 hosts', 'r1', 'seed']],
      ['node-1', ['Zone eu-1a: 3 hosts', 'r1', 'peer']],
      ['node-2', ['Zone eu-1a: 3 hosts', 'r2', 'peer']],
      ['node-3', ['Zone eu-1b: 1 host', 'r1', 'peer']],
    ] as const) {
      const { zone: shown, cells = [], bar } = rows.get(host) ?? {};
      t.same([shown, cells[0], cells[2]], place, `${host} stands where it is`);
      t.match(bar, wanted.get(host));
      t.match(cells[4], new RegExp(`^${RATE}$`), `${host} receives`);
      t.equal(cells[11], 'test');
    }
    t.match(rows.get('seed-1')?.cells[5], new RegExp(`^${RATE}$`), 'the seed sends');
    for (const host of ['node-1', 'node-2', 'node-3']) {
      t.match(rows.get(host)?.cells.slice(6, 8), ['1', /^[1-9].* [KM]iB$/], `${host} holds it`);
    }
    const traffic = await linesOf(browser, '#traffic li');
    for (const source of ['own store', 'same rack', 'same zone', 'other zones', 'registry']) {
      const line = traffic.find((one) => one.startsWith(source));
      t.match(line, new RegExp(`^${source} ${RATE} \\(\\d+ %\\)$`));
    }
    t.match(traffic.at(-1), new RegExp(`^all ${RATE}, hosts send ${RATE}$`));
    t.match(await linesOf(browser, '#totals'), [/^4 hosts \(1 seed\) in 2 zones · 1 blob/]);
    t.match(await linesOf(browser, '#blobs .line'), [/^registry\.example\/team\/app\s+64\.0 MiB$/]);
    await browser.evaluate(`document.querySelector('#blobs details').open = true`);
    const holders = await linesOf(browser, '#blobs .row');
    t.match(
      holders.toSorted(),
      ['node-1', 'node-2', 'node-3'].map((host) => new RegExp(`^${host}\\s+\\d+ %, .* [KM]iB$`)),
    );
    t.same(browser.complaints, []);
  } finally {
    stop.abort();
    await reading;
  }
});
