/**
 * Keeps wires to some hosts that read the same blobs, so that bytes are near when they are wanted:
 * asks the trackers who they are, dials the ones the policy chooses, drops the useless. Nothing waits
 * for it: a read that finds nobody asks the homes.
 */
import { RunningTasks } from '@shoal/concurrency';
import type { HostDirectory } from '../hosts/host-directory.ts';
import type { HostFacts, HostName } from '../identity/host.ts';
import { type PeerId, peerIdOf } from '../identity/peer-id.ts';
import { ANNOUNCE_INTERVAL_MS, ANNOUNCE_INTERVAL_MS_MIN } from '../limits.ts';
import { NeighbourPolicy } from '../select/neighbour-policy.ts';
import type { Swarm } from '../swarm/swarm.ts';
import type { AnnounceEvent } from '../tracker/client/announce-text.ts';
import type { TrackerClient } from '../tracker/client/tracker-client.ts';
import {
  INTRODUCED_DIALS_MAX,
  INTRODUCED_HOSTS_MAX,
  KNOCKS_AT_ONCE_MAX,
  NEIGHBOURS_CHECK_MS,
} from './limits.ts';

export type NeighbourhoodInput = {
  readonly directory: HostDirectory;
  readonly trackers: Pick<TrackerClient, 'announce'>;
  /** Of this host's peer port. */
  readonly port: () => number;
  readonly nowMs: () => number;
  readonly random: () => number;
};

type Attended = {
  readonly repository: string;
  /** Hosts that read the blob, as trackers said. */
  found: readonly HostFacts[];
  /** The same, as other hosts said; the newest. */
  readonly introduced: Map<HostName, HostFacts>;
  isAnnounced: boolean;
  announceAtMs: number;
  /** Until the announce after the next. */
  intervalMs: number;
};

export class Neighbourhood implements AsyncDisposable {
  readonly #input: NeighbourhoodInput;
  readonly #policy: NeighbourPolicy;
  readonly #attended = new Map<Swarm, Attended>();
  readonly #timer: NodeJS.Timeout;
  readonly #running = new RunningTasks();

  constructor(input: NeighbourhoodInput) {
    const { directory, random } = input;
    this.#input = input;
    this.#policy = new NeighbourPolicy(directory.self, { random });
    this.#timer = setInterval(() => this.#checkAll(), NEIGHBOURS_CHECK_MS).unref();
  }

  /** This host reads the blob from now on. */
  attend(swarm: Swarm, repository: string): void {
    if (this.#attended.has(swarm)) return;
    this.#attended.set(swarm, {
      ...{ repository, found: [], introduced: new Map(), isAnnounced: false },
      ...{ announceAtMs: Number.NEGATIVE_INFINITY, intervalMs: ANNOUNCE_INTERVAL_MS_MIN },
    });
    this.#check(swarm);
  }

  /** A host that shares the blob has told of others. */
  introduce(swarm: Swarm, hosts: readonly HostFacts[]): void {
    const { directory } = this.#input;
    const attended = this.#attended.get(swarm);
    for (const facts of hosts) {
      directory.hear(facts);
      attended?.introduced.delete(facts.host);
      attended?.introduced.set(facts.host, facts);
    }
    if (attended === undefined) return;
    const [...names] = attended.introduced.keys();
    for (const host of names.slice(0, -INTRODUCED_HOSTS_MAX)) attended.introduced.delete(host);
    this.#arrange(swarm, attended);
  }

  leave(swarm: Swarm): void {
    const attended = this.#attended.get(swarm);
    if (attended === undefined) return;
    this.#attended.delete(swarm);
    this.#run(this.#announce(swarm, attended, 'stopped'));
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    for (const swarm of [...this.#attended.keys()]) this.leave(swarm);
    await this.#running.ended();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #checkAll(): void {
    for (const swarm of this.#attended.keys()) this.#check(swarm);
    if (this.#input.directory.isCutOff) this.#knock();
  }

  /**
   * Whoever is cut off is back when somebody answers, and would go to the origin until all that were
   * missed have had their time. Readers ask nobody for it: nobody who is missing is a home.
   */
  #knock(): void {
    const { directory, random } = this.#input;
    const [swarm] = [...this.#attended.keys()].slice(-1);
    if (swarm === undefined) return;
    const hosts = [...directory.known().keys()].filter((host) => host !== directory.self.host);
    for (let count = 0; count < KNOCKS_AT_ONCE_MAX && hosts.length > 0; count++) {
      const [host] = hosts.splice(Math.floor(random() * hosts.length), 1);
      if (host !== undefined) this.#run(dialQuietly(swarm, peerIdOf(host)));
    }
  }

  #check(swarm: Swarm): void {
    const attended = this.#attended.get(swarm);
    if (attended === undefined) return;
    const nowMs = this.#input.nowMs();
    if (nowMs < attended.announceAtMs) {
      this.#arrange(swarm, attended);
      return;
    }
    // Whoever comes among the first hears of the others only when they have come too.
    attended.announceAtMs = nowMs + attended.intervalMs;
    attended.intervalMs = Math.min(2 * attended.intervalMs, ANNOUNCE_INTERVAL_MS);
    const announcing = this.#announce(swarm, attended, attended.isAnnounced ? 'update' : 'started');
    attended.isAnnounced = true;
    this.#run(announcing.then(() => this.#arrange(swarm, attended)));
  }

  async #announce(swarm: Swarm, attended: Attended, event: AnnounceEvent): Promise<void> {
    const { trackers, directory, port } = this.#input;
    const found = await trackers.announce({
      ...{ swarmId: swarm.swarmId, event, port: port(), bytesLeft: swarm.bytesMissing },
      blob: { blobId: swarm.blobId, repository: attended.repository },
      peerId: peerIdOf(directory.self.host),
    });
    const hosts = found.map(({ host }) => host).filter((host) => host !== undefined);
    for (const facts of hosts) directory.hear(facts);
    if (hosts.length > 0) attended.found = hosts;
  }

  /** Without trackers everybody who is known may read it too. */
  #arrange(swarm: Swarm, { found, introduced }: Attended): void {
    const { directory, nowMs } = this.#input;
    // Hearsay: the newest few, so that invented hosts never stand in the way of those trackers know.
    const named = new Map([...introduced].slice(-INTRODUCED_DIALS_MAX));
    for (const facts of found) named.set(facts.host, facts);
    const known = named.size > 0 ? named.values() : directory.live();
    const reachable = [...known].filter(
      ({ host }) => !directory.isMissing(host) && !swarm.wires.isRefusing(peerIdOf(host)),
    );
    const { dial, drop } = this.#policy.plan(reachable, swarm.wires.neighbours(), nowMs());
    for (const { host } of dial) this.#run(dialQuietly(swarm, peerIdOf(host)));
    for (const host of drop) swarm.wires.drop(peerIdOf(host));
  }

  #run(task: Promise<void>): void {
    this.#running.add(task.catch(() => {}));
  }
}

async function dialQuietly(swarm: Swarm, peer: PeerId): Promise<void> {
  // Who cannot be reached is remembered by the directory.
  await swarm.wires.wireTo(peer).catch(() => undefined);
}
