/**
 * Who has one converted image mounted lazily, each with nothing of it on its host yet: Shoal with the
 * registry alone, Shoal beside a host of its rack that holds all of it, the real nydusd; and that host
 * itself, which has nothing to fetch.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { nydusDirectory, runChecked, type TestScope } from '@shoal/test-kit';
import { mountWithNydusd } from '../../test/interop/support/nydusd-mount.ts';
import { takeApart } from '../../test/support/converted-layout.ts';
import type { Place } from './miss-places.ts';
import { hasNydusd } from './mounted-starts.ts';
import { ProcessorClock } from './processor-clock.ts';
import type { Rack, RackHost } from './rack.ts';

export type MissContestant = {
  readonly who: string;
  readonly mountpoint: string;
  /** Of its own processes and of whoever sends it bytes. */
  readonly processors: ProcessorClock;
  /** It has missed where the registry has sent bytes: for one that keeps no record of its own. */
  readonly isTracedByRegistry: boolean;
  /** Who delivered what it waited for, by place: undefined where it did not wait. Absent: it keeps no record. */
  sources?(): Promise<(place: Place) => string | undefined>;
};

export type RackImage = {
  /** An OCI layout of it. */
  readonly layout: string;
  readonly repository: string;
  readonly reference: string;
};

const REGISTRY = 'registry';
export const PEER = 'peer of the rack';
/** The host that has all of it. */
export const HOLDER = 'holder';
const LOCAL = 'all of it here, on the disk';
const ALONE = 'chunk alone';
const READ_MS_MAX = 600_000;
const SETTLE_MS_MAX = 60_000;
const LOOK_MS = 500;

/** The registry comes first: it is what the others are compared with. */
export async function startContestants(
  scope: TestScope,
  rack: Rack,
  image: RackImage,
): Promise<MissContestant[]> {
  const holder = await rack.add(HOLDER, { isSharing: true, isReadingAhead: true });
  await holder.mount(image.reference);
  await readWhole(holder);
  const { registryHome } = rack;
  const start = async (who: string, name: string, isSharing: boolean, isReadingAhead: boolean) => {
    const host = await rack.add(name, { isSharing, isReadingAhead });
    await host.mount(image.reference);
    return shoalContestant(who, host, isSharing ? holder.home : registryHome);
  };
  const shoals = [
    await start(REGISTRY, 'lonely', false, true),
    await start(PEER, 'reader', true, true),
    await start(`${REGISTRY}, ${ALONE}`, 'lonely-alone', false, false),
    await start(`${PEER}, ${ALONE}`, 'reader-alone', true, false),
  ];
  const nydusd = hasNydusd() ? [await startNydusd(scope, rack, image)] : [];
  const local = {
    who: LOCAL,
    mountpoint: holder.mountpoint,
    processors: new ProcessorClock([holder.home]),
    isTracedByRegistry: false,
  };
  return [...shoals, ...nydusd, local];
}

function shoalContestant(who: string, host: RackHost, other: string): MissContestant {
  return {
    who,
    mountpoint: host.mountpoint,
    processors: new ProcessorClock([host.home, other]),
    isTracedByRegistry: false,
    sources: async () => {
      const all = (await host.trace()).flatMap(({ blobs }) =>
        blobs.flatMap(({ blobId, misses }) => misses.map((miss) => ({ ...miss, blobId }))),
      );
      return ({ chunk: { blobId, rawOffset, rawBytes } }) =>
        all.find(
          (miss) =>
            miss.blobId === blobId &&
            miss.offset < rawOffset + rawBytes &&
            rawOffset < miss.offset + miss.length,
        )?.source;
    },
  };
}

/** Every file, and until what was read is kept for others. */
async function readWhole(host: RackHost): Promise<void> {
  const script = 'cd "$0" && find . -type f -exec cat {} + > /dev/null';
  await runChecked('sh', ['-c', script, host.mountpoint], { timeoutMs: READ_MS_MAX });
  const endsAtMs = Date.now() + SETTLE_MS_MAX;
  let before = -1;
  for (;;) {
    const { bytes = 0, bytesLent = 0 } = (await host.status()).peer?.store ?? {};
    if (bytes + bytesLent === before) return;
    if (Date.now() > endsAtMs)
      throw new Error('the store of the host that reads first never rests');
    before = bytes + bytesLent;
    await sleep(LOOK_MS);
  }
}

/** Its bootstrap is on the host already: fetching it is another program's work. */
async function startNydusd(
  scope: TestScope,
  rack: Rack,
  { layout, repository }: RackImage,
): Promise<MissContestant> {
  const directory = join(rack.directory, 'nydusd');
  mkdirSync(directory);
  const { bootstrap } = takeApart(layout, join(directory, 'parts'));
  const mountpoint = await mountWithNydusd(scope, {
    ...{ program: join(nydusDirectory(), 'bin', 'nydusd'), bootstrap, directory },
    backend: { type: 'registry', host: rack.registryHost, repository },
  });
  return {
    who: 'nydusd, registry',
    mountpoint,
    processors: new ProcessorClock([directory, rack.registryHome]),
    isTracedByRegistry: true,
  };
}
