/**
 * What a dead host costs a reader: one tracker, two seeds, some peers and a registry in namespaces of
 * their own, and a reader that makes small reads of an image, one after the other, while some of them are
 * killed, frozen or out of reach. Every read is timed; the figures go to the comments of the test.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runChecked } from '@shoal/test-kit';
import type { NetworkHost } from './host-network.ts';
import type { OwnProgram } from './own-program.ts';
import { type PeerMachine, PeerNetwork } from './peer-network.ts';
import { type Asserting, startAll } from './start-together.ts';
import { TimedReader } from './timed-reader.ts';
import { type TimedRow, timedRowHead, timedRowText } from './timed-rows.ts';

/** The first of each role. */
type Role = 'tracker' | 'seed' | 'peer';

export type DeadCase = {
  /** Nobody: what the others are compared with. */
  readonly who: readonly Role[];
  /** Connections are reset; or nothing comes any more, from a host that is there or from one that is not. */
  readonly way: 'killed' | 'frozen' | 'unreachable';
  /** Before the reader mounts, rather than between two of its reads. @default false */
  readonly isBefore?: boolean;
};

export type DeadHostsOptions = {
  readonly cases: readonly DeadCase[];
  readonly peers: number;
  /** Of each case, and of each of the two kinds of bytes. */
  readonly reads: number;
  /** Between two reads. */
  readonly pauseMs: number;
  /** After each case: until whoever was away is believed again. */
  readonly settleMs: number;
  /** Path of the `shoal` that hosts run. @default this checkout's */
  readonly program?: string | undefined;
};

/** Of files that peers have read, and of those that nobody has: seeds are asked for these, as homes. */
const KINDS = ['held', 'new'] as const;
type Kind = (typeof KINDS)[number];

type Mortal = { readonly network: NetworkHost; readonly program: OwnProgram };

/** As much as comes with a read at a new place: nothing more is read ahead of it. */
const FILE_BYTES = 512 << 10;
const READ_BYTES = 4 << 10;
const MEGABITS = 1000;
const WARM_MS_MAX = 300_000;

/** Figures go to the comments; asserted is only that every read succeeds and gives the right bytes. */
export async function readBesideTheDead(t: Asserting, options: DeadHostsOptions): Promise<void> {
  const hosts = await DeadHosts.open(t, options);
  t.comment(timedRowHead());
  for (const [number, each] of options.cases.entries()) {
    const row = await hosts.run(each, number);
    t.comment(timedRowText(row));
    t.equal(row.wrong, 0, `${row.name}: every read gives the right bytes`);
  }
}

class DeadHosts {
  readonly #options: DeadHostsOptions;
  readonly #network: PeerNetwork;
  readonly #victims: Readonly<Record<Role, Mortal>>;
  readonly #reader: PeerMachine;
  /** They have not mounted yet. */
  readonly #spare: PeerMachine[];
  readonly #timed: TimedReader;

  static async open(t: Asserting, options: DeadHostsOptions): Promise<DeadHosts> {
    const { cases, program } = options;
    const network = await PeerNetwork.open(t, {
      ...{ files: filesOf(options), megabits: MEGABITS, trackers: 1 },
      ...(program === undefined ? {} : { program }),
    });
    const [seed] = await startAll(network, 'seed', 2);
    const peers = await startAll(network, 'peer', options.peers);
    const spares = cases.filter(({ isBefore }) => isBefore === true).length;
    const prefix = { prefix: 'reader' };
    const [reader, ...spare] = await startAll(network, 'peer', 1 + spares, prefix);
    const [tracker] = network.trackers;
    const [peer] = peers;
    if (tracker === undefined || seed === undefined || peer === undefined || reader === undefined) {
      throw new Error('it takes a tracker, a seed, a peer and a reader');
    }
    await Promise.all(peers.map(readHeld));
    await reader.mount();
    const victims = { tracker, seed, peer };
    const timed = TimedReader.start(t, READ_BYTES);
    return new DeadHosts({ options, network, victims, reader, spare, timed });
  }

  private constructor(parts: {
    readonly options: DeadHostsOptions;
    readonly network: PeerNetwork;
    readonly victims: Readonly<Record<Role, Mortal>>;
    readonly reader: PeerMachine;
    readonly spare: PeerMachine[];
    readonly timed: TimedReader;
  }) {
    this.#options = parts.options;
    this.#network = parts.network;
    this.#victims = parts.victims;
    this.#reader = parts.reader;
    this.#spare = parts.spare;
    this.#timed = parts.timed;
  }

  async run({ who, way, isBefore = false }: DeadCase, number: number): Promise<TimedRow> {
    const victims = who.map((role) => this.#victims[role]);
    await Promise.all(victims.map((victim) => strike(victim, way)));
    try {
      const reader = (isBefore ? this.#spare.shift() : undefined) ?? this.#reader;
      if (isBefore) await reader.mount();
      const what = who.length === 0 ? 'nobody is dead' : `${who.join(', ')} ${way}`;
      const name = isBefore ? `${what}, before the mount` : what;
      return { name, ...(await this.#measure(reader, number)) };
    } finally {
      await Promise.all(victims.map((victim) => mend(victim, way)));
      await sleep(this.#options.settleMs);
    }
  }

  async #measure(reader: PeerMachine, number: number): Promise<Omit<TimedRow, 'name'>> {
    const { reads, pauseMs } = this.#options;
    const times: Record<Kind, number[]> = { held: [], new: [] };
    let wrong = 0;
    for (let index = 0; index < reads; index++) {
      for (const kind of KINDS) {
        const file = nameOf(kind, index, number);
        const { ms, bytes } = await this.#timed.read(join(reader.mountpoint, file));
        times[kind].push(ms);
        if (bytes !== beginOf(join(this.#network.source, file))) wrong += 1;
        await sleep(pauseMs);
      }
    }
    return { ...times, wrong };
  }
}

/** Those of one case are spread over the whole blob: each seed is home of some. */
function nameOf(kind: Kind, index: number, number: number): string {
  return `${kind}-${String(index).padStart(3, '0')}-${String(number).padStart(2, '0')}`;
}

function filesOf({ cases, reads }: DeadHostsOptions): Record<string, number> {
  const files: Record<string, number> = {};
  for (const number of cases.keys()) {
    for (let index = 0; index < reads; index++) {
      for (const kind of KINDS) files[nameOf(kind, index, number)] = FILE_BYTES;
    }
  }
  return files;
}

/** Files of one case after the other: none follows on the one before, so nothing is read ahead. */
async function readHeld({ mount, mountpoint }: PeerMachine): Promise<void> {
  await mount();
  const script = 'cd "$0" && ls | grep ^held | sort -t- -k3,3 -k2,2 | xargs cat > /dev/null';
  await runChecked('sh', ['-c', script, mountpoint], { timeoutMs: WARM_MS_MAX });
}

function beginOf(path: string): string {
  const fd = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(READ_BYTES);
    return bytes.toString('hex', 0, readSync(fd, bytes));
  } finally {
    closeSync(fd);
  }
}

async function strike({ network, program }: Mortal, way: DeadCase['way']): Promise<void> {
  if (way === 'killed') await program.stop('SIGKILL');
  else if (way === 'unreachable') await network.part();
  else signal(program, 'SIGSTOP');
}

async function mend({ network, program }: Mortal, way: DeadCase['way']): Promise<void> {
  if (way === 'unreachable') await network.join();
  else if (way === 'frozen') signal(program, 'SIGCONT');
}

function signal({ pid }: OwnProgram, name: 'SIGSTOP' | 'SIGCONT'): void {
  if (pid !== undefined) process.kill(pid, name);
}
