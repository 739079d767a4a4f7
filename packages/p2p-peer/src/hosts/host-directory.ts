/**
 * The hosts that this one believes to live: itself, the seeds of its configuration, what trackers
 * list, and whom it has met. A host that could not be reached is left out for a while, longer each
 * time, so that reads go to the next home at once; seeds of the configuration are never forgotten.
 * Where nobody was reached it is this host that is cut off, and the first who answers speaks for all.
 */
import type { BlobId } from '@shoal/oci';
import type { HostFacts, HostName } from '../identity/host.ts';
import { type PeerId, peerIdOf } from '../identity/peer-id.ts';
import { HOME_RANKS } from '../limits.ts';
import { homeCandidates, homesOf } from '../select/homes-of.ts';
import { HandshakeTimes } from './handshake-times.ts';
import {
  DIRECTORY_HOSTS_MAX,
  HOMES_REMEMBERED_MAX,
  UNREACHABLE_MS,
  UNREACHABLE_MS_MAX,
} from './limits.ts';

type Absence = { readonly untilMs: number; readonly durationMs: number };

export type HostDirectoryInput = {
  readonly self: HostFacts;
  /** Of the configuration. */
  readonly seeds: readonly HostFacts[];
  readonly nowMs: () => number;
};

export class HostDirectory {
  /** Of all hosts that were dialled. */
  readonly handshakes = new HandshakeTimes();
  readonly #input: HostDirectoryInput;
  readonly #met = new Map<HostName, HostFacts>();
  #listed: ReadonlyMap<HostName, HostFacts> = new Map();
  readonly #heard = new Map<HostName, HostFacts>();
  readonly #absent = new Map<HostName, Absence>();
  readonly #names = new Map<PeerId, HostName>();
  /** Homes by blob and extent, until anything changes. */
  readonly #homes = new Map<string, readonly HostFacts[]>();
  #live: readonly HostFacts[] | undefined;
  /** When somebody who was left out is tried again. */
  #liveUntilMs = Number.POSITIVE_INFINITY;
  #isCutOff = false;

  constructor(input: HostDirectoryInput) {
    this.#input = input;
    this.#name(input.self);
    for (const seed of input.seeds) this.#name(seed);
  }

  get self(): HostFacts {
    return this.#input.self;
  }

  /** Nobody of those that are known could be reached, and nobody has been met since. */
  get isCutOff(): boolean {
    return this.#isCutOff;
  }

  /** What trackers list now: hosts that they no longer list are gone. */
  list(hosts: readonly HostFacts[]): void {
    const kept = hosts.slice(0, DIRECTORY_HOSTS_MAX);
    this.#listed = new Map(kept.map((facts) => [facts.host, facts]));
    for (const facts of kept) this.#name(facts);
    this.#changed();
  }

  /** A wire is open to it: it lives, whatever others say. */
  meet(facts: HostFacts): void {
    if (this.#isCutOff) this.#absent.clear();
    this.#isCutOff = false;
    this.#absent.delete(facts.host);
    if (!this.#met.has(facts.host) && this.#met.size >= DIRECTORY_HOSTS_MAX) return;
    this.#met.set(facts.host, facts);
    this.#name(facts);
    this.#changed();
  }

  /** Somebody has told of it; whether it lives is not known. */
  hear(facts: HostFacts): void {
    if (this.#heard.size >= DIRECTORY_HOSTS_MAX) this.#heard.clear();
    this.#heard.set(facts.host, facts);
    this.#name(facts);
  }

  /** It is left out at the moment. */
  isMissing(host: HostName): boolean {
    const absence = this.#absent.get(host);
    return absence !== undefined && absence.untilMs > this.#input.nowMs();
  }

  /** Nobody answered there. */
  miss(host: HostName): void {
    const before = this.#absent.get(host)?.durationMs ?? UNREACHABLE_MS / 2;
    const durationMs = Math.min(before * 2, UNREACHABLE_MS_MAX);
    if (this.#absent.size >= DIRECTORY_HOSTS_MAX) this.#absent.clear();
    this.#absent.set(host, { untilMs: this.#input.nowMs() + durationMs, durationMs });
    this.#met.delete(host);
    this.#changed();
    if (this.live().length === 1) this.#isCutOff = true;
  }

  /** What is known of a host; undefined for one that nobody has told of. */
  facts(peer: PeerId): HostFacts | undefined {
    const host = this.#names.get(peer);
    return host === undefined ? undefined : this.#factsOf(host);
  }

  /** Those that are believed to live, oneself among them. */
  live(): readonly HostFacts[] {
    if (this.#input.nowMs() >= this.#liveUntilMs) this.#changed();
    this.#live ??= this.#makeLive();
    return this.#live;
  }

  /** The homes of an extent by rank. */
  homes(blobId: BlobId, extent: number): readonly HostFacts[] {
    const live = this.live();
    const key = `${blobId} ${extent}`;
    const known = this.#homes.get(key);
    if (known !== undefined) return known;
    if (this.#homes.size >= HOMES_REMEMBERED_MAX) this.#homes.clear();
    const homes = homesOf(blobId, extent, live, this.self, HOME_RANKS);
    this.#homes.set(key, homes);
    return homes;
  }

  /** Whether extents have it for a home, in the view of this host. */
  isHome(facts: HostFacts): boolean {
    return homeCandidates(this.live(), this.self).some(({ host }) => host === facts.host);
  }

  /** All of the configuration, of the trackers, and those that were met: also who could not be reached. */
  known(): Map<HostName, HostFacts> {
    const all = new Map<HostName, HostFacts>();
    for (const seed of this.#input.seeds) all.set(seed.host, seed);
    for (const [host, facts] of this.#listed) all.set(host, facts);
    for (const [host, facts] of this.#met) all.set(host, facts);
    all.set(this.self.host, this.self);
    return all;
  }

  #makeLive(): HostFacts[] {
    const all = this.known();
    this.#liveUntilMs = Number.POSITIVE_INFINITY;
    const nowMs = this.#input.nowMs();
    for (const [host, { untilMs }] of this.#absent) {
      if (untilMs <= nowMs) continue;
      all.delete(host);
      this.#liveUntilMs = Math.min(this.#liveUntilMs, untilMs);
    }
    return [...all.values()];
  }

  #factsOf(host: HostName): HostFacts | undefined {
    const { self, seeds } = this.#input;
    if (host === self.host) return self;
    return (
      this.#met.get(host) ??
      this.#listed.get(host) ??
      seeds.find((seed) => seed.host === host) ??
      this.#heard.get(host)
    );
  }

  #name({ host }: HostFacts): void {
    if (this.#names.size > 4 * DIRECTORY_HOSTS_MAX) this.#names.clear();
    this.#names.set(peerIdOf(host), host);
  }

  #changed(): void {
    this.#live = undefined;
    this.#homes.clear();
  }
}
