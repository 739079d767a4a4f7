/** Homes of extents for all simulated hosts: `homesOf`, remembered where hosts know the same. */
import type { BlobId } from '@shoal/oci';
import type { HostFacts, HostName } from '@shoal/p2p-peer';
import { HOME_RANKS, homesOf } from '@shoal/p2p-peer/select';

/** More than are asked for, so that a host that misses a few need not count anew. */
const REMEMBERED_RANKS = 12;

export class SimHomes {
  readonly #blobId: BlobId;
  #hosts: readonly HostFacts[] = [];
  readonly #shared = new Map<string, readonly HostFacts[]>();

  constructor(blobId: BlobId) {
    this.#blobId = blobId;
  }

  /** `absent`: what this host knows better than the tracker's list. */
  homes(
    self: HostFacts,
    extent: number,
    hosts: readonly HostFacts[],
    absent: ReadonlySet<HostName>,
  ): readonly HostFacts[] {
    if (hosts !== this.#hosts) this.#shared.clear();
    this.#hosts = hosts;
    const key = `${self.zone} ${extent}`;
    let ranked = this.#shared.get(key);
    if (ranked === undefined) {
      ranked = homesOf(this.#blobId, extent, hosts, self, REMEMBERED_RANKS);
      this.#shared.set(key, ranked);
    }
    if (absent.size === 0) return ranked.slice(0, HOME_RANKS);
    const left = ranked.filter(({ host }) => !absent.has(host));
    const isEnough = left.length >= HOME_RANKS || left.length === ranked.length;
    if (isEnough) return left.slice(0, HOME_RANKS);
    const live = hosts.filter(({ host }) => !absent.has(host));
    return homesOf(this.#blobId, extent, live, self);
  }
}
