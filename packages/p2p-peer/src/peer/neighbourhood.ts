/**
 * Keeps wires to some hosts that read the same blobs, so that bytes are near when they are wanted:
 * asks the trackers who they are, dials the ones the policy chooses, drops the useless. Nothing waits
 * for it: a read that finds nobody asks the homes.
 */
import type { HostFacts } from '../identity/host.ts';
import { type PeerId, peerIdOf } from '../identity/peer-id.ts';
import { ANNOUNCE_INTERVAL_MS, NEIGHBOURS_CHECK_MS } from '../limits.ts';
import { NeighbourPolicy } from '../select/neighbour-policy.ts';
import type { Swarm } from '../swarm/swarm.ts';
import type { AnnounceEvent } from '../tracker/client/announce-text.ts';
import type { TrackerClient } from '../tracker/client/tracker-client.ts';
import type { HostDirectory } from './host-directory.ts';

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
  announcedAtMs: number;
};

export class Neighbourhood implements AsyncDisposable {
  readonly #input: NeighbourhoodInput;
  readonly #policy: NeighbourPolicy;
  readonly #attended = new Map<Swarm, Attended>();
  readonly #timer: NodeJS.Timeout;
  readonly #running = new Set<Promise<void>>();

  constructor(input: NeighbourhoodInput) {
    const { directory, random } = input;
    this.#input = input;
    this.#policy = new NeighbourPolicy(directory.self, { random });
    this.#timer = setInterval(() => this.#checkAll(), NEIGHBOURS_CHECK_MS).unref();
  }

  /** This host reads the blob from now on. */
  attend(swarm: Swarm, repository: string): void {
    if (this.#attended.has(swarm)) return;
    this.#attended.set(swarm, { repository, found: [], announcedAtMs: Number.NEGATIVE_INFINITY });
    this.#check(swarm);
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
    await Promise.allSettled(this.#running);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #checkAll(): void {
    for (const swarm of this.#attended.keys()) this.#check(swarm);
  }

  #check(swarm: Swarm): void {
    const attended = this.#attended.get(swarm);
    if (attended === undefined) return;
    const nowMs = this.#input.nowMs();
    if (nowMs - attended.announcedAtMs < ANNOUNCE_INTERVAL_MS) {
      this.#arrange(swarm, attended);
      return;
    }
    const isFirst = attended.announcedAtMs === Number.NEGATIVE_INFINITY;
    attended.announcedAtMs = nowMs;
    const announcing = this.#announce(swarm, attended, isFirst ? 'started' : 'update');
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
  #arrange(swarm: Swarm, { found }: Attended): void {
    const { directory, nowMs } = this.#input;
    const known = found.length > 0 ? found : directory.live();
    const reachable = known.filter(
      ({ host }) => !directory.isMissing(host) && !swarm.wires.isRefusing(peerIdOf(host)),
    );
    const { dial, drop } = this.#policy.plan(reachable, swarm.wires.neighbours(), nowMs());
    for (const { host } of dial) this.#run(dialQuietly(swarm, peerIdOf(host)));
    for (const host of drop) swarm.wires.drop(peerIdOf(host));
  }

  #run(task: Promise<void>): void {
    const running = task.catch(() => {}).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }
}

async function dialQuietly(swarm: Swarm, peer: PeerId): Promise<void> {
  // Who cannot be reached is remembered by the directory.
  await swarm.wires.wireTo(peer).catch(() => undefined);
}
