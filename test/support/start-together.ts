/** Hosts mount one image at the same time and read all of it: every byte right, the registry asked once. */
import { join } from 'node:path';
import type { TestScope } from '@shoal/test-kit';
import { digestBySha256sum, digestOfFile } from './mounted-image.ts';
import {
  type HostPlace,
  type PeerMachine,
  type PeerMachineOptions,
  PeerNetwork,
  type TrackerMachine,
} from './peer-network.ts';
import { movedBytes, peerOf } from './peer-world.ts';

export type Asserting = TestScope & {
  ok(found: unknown, message: string): unknown;
  equal(found: unknown, wanted: unknown, message: string): unknown;
};

/** What runs when the first of them reads. */
export type Machines = {
  readonly network: PeerNetwork;
  readonly seeds: readonly PeerMachine[];
  readonly trackers: readonly TrackerMachine[];
  readonly peers: readonly PeerMachine[];
};

export type TogetherOptions = {
  readonly hosts: number;
  readonly seeds: number;
  /** @default none: hosts know the seeds only, and each other by them */
  readonly trackers?: number;
  readonly megabits: number;
  /** Path of the `shoal` that hosts run. @default this checkout's */
  readonly program?: string;
  readonly files: number;
  readonly fileBytes: number;
  /** So many of the hosts are killed while the others read. @default 0 */
  readonly readersKilled?: number;
  /** The last of the hosts have slower links. @default none */
  readonly slow?: { readonly hosts: number; readonly megabits: number };
  /** Where seeds and hosts stand, by their number from 0. @default all in one rack */
  readonly places?: {
    readonly zones: number;
    /** One way between two zones. */
    readonly delayMs: number;
    readonly of: (number: number) => HostPlace;
  };
  /** When all machines run, before anybody reads. */
  readonly before?: (machines: Machines) => Promise<void>;
  /** What each host waits for once it has read its first file. */
  readonly afterFirst?: (peer: PeerMachine) => Promise<void>;
  /** What happens while they read. */
  readonly meanwhile?: (machines: Machines) => Promise<void>;
  /** When all has been read. */
  readonly after?: (machines: Machines) => Promise<void>;
  /** Of the bytes one host needs; undefined: not looked at. */
  readonly egressTimesMax: number | undefined;
};

/** Figures go to the comments of the test. */
export async function startTogether(t: Asserting, options: TogetherOptions): Promise<void> {
  const { hosts, megabits, fileBytes, slow, places } = options;
  const names = Array.from({ length: options.files }, (_, number) => `file-${number}`);
  const files = Object.fromEntries(names.map((name) => [name, fileBytes]));
  const { trackers = 0 } = options;
  const { program } = options;
  const network = await PeerNetwork.open(t, {
    ...{ files, megabits, trackers },
    ...(program === undefined ? {} : { program }),
    ...(places === undefined ? {} : { zones: places.zones, zoneDelayMs: places.delayMs }),
  });
  const placed = { placeOf: places?.of };
  const seeds = await startAll(network, 'seed', options.seeds, placed);
  const slowHosts = slow?.hosts ?? 0;
  const peers = [
    ...(await startAll(network, 'peer', hosts - slowHosts, placed)),
    ...(await startAll(network, 'peer', slowHosts, { prefix: 'slow', megabits: slow?.megabits })),
  ];
  const machines = { network, seeds, peers, trackers: network.trackers };
  await options.before?.(machines);
  const wanted = names.map((name) => digestOfFile(join(network.source, name)));
  const bytesBefore = await network.registryBytes();
  const startedAtMs = Date.now();
  const sinceMs = () => Date.now() - startedAtMs;
  const killed = peers.slice(0, options.readersKilled ?? 0);
  const readers = peers.slice(killed.length);
  const reading = readers.map(async (peer) => {
    await peer.mount();
    const found: (string | undefined)[] = [];
    for (const name of names) {
      found.push(await digestBySha256sum(join(peer.mountpoint, name)));
      if (found.length === 1) await options.afterFirst?.(peer);
    }
    return { right: found.filter((digest, at) => digest === wanted[at]).length, ms: sinceMs() };
  });
  await Promise.all([killWhileReading(killed, names), options.meanwhile?.(machines)]);
  const read = await Promise.all(reading);
  const egress = (await network.registryBytes()) - bytesBefore;
  const wrong = read.filter(({ right }) => right !== names.length).length;
  t.equal(wrong, 0, `${readers.length} hosts have read ${names.length} files, every byte right`);
  const moved = await Promise.all(readers.map(async (peer) => movedBytes(await peerOf(peer))));
  const times = egress / Math.max(...moved);
  const seconds = read
    .slice(0, readers.length - slowHosts)
    .map(({ ms }) => ms / 1000)
    .sort((a, b) => a - b);
  t.comment(
    `${hosts} hosts, ${options.seeds} seeds, ${options.trackers ?? 0} trackers, links of ${megabits} Mbit/s: ${egress} bytes left the registry, ` +
      `${times.toFixed(2)} times the ${Math.max(...moved)} of one host; ` +
      `first ${seconds[0]} s, last ${seconds.at(-1)} s`,
  );
  if (slow !== undefined) {
    const last = Math.max(...read.slice(-slowHosts).map(({ ms }) => ms / 1000));
    t.comment(`beside them ${slowHosts} with ${slow.megabits} Mbit/s, the last of them ${last} s`);
  }
  const { egressTimesMax } = options;
  if (egressTimesMax !== undefined)
    t.ok(times <= egressTimesMax, `at most ${egressTimesMax} times`);
  await options.after?.(machines);
}

/** They have begun to read, and hold some of the image by then. */
async function killWhileReading(
  machines: readonly PeerMachine[],
  [first = '']: readonly string[],
): Promise<void> {
  await Promise.all(
    machines.map(async ({ program, mount, mountpoint }) => {
      await mount();
      await digestBySha256sum(join(mountpoint, first));
      await program.stop('SIGKILL');
    }),
  );
}

/** One after the other: each knows the seeds before it. */
export async function startAll(
  network: PeerNetwork,
  role: 'seed' | 'peer',
  count: number,
  options: PeerMachineOptions & {
    readonly prefix?: string;
    readonly placeOf?: ((number: number) => HostPlace) | undefined;
  } = {},
): Promise<PeerMachine[]> {
  const { prefix = role, placeOf, ...machine } = options;
  const machines: PeerMachine[] = [];
  for (let number = 1; number <= count; number++) {
    const place = placeOf?.(number - 1);
    machines.push(await network.add(`${prefix}-${number}`, role, { ...machine, place }));
  }
  return machines;
}

/** All at once: what is asked of one is not answered by another that still lives. */
export async function killAll(machines: readonly Pick<PeerMachine, 'program'>[]): Promise<void> {
  await Promise.all(machines.map(({ program }) => program.stop('SIGKILL')));
}
