/**
 * Hosts that are dialled for one blob: who is being dialled, how long a reader waits for that, and who has
 * sent us away. A host that nobody reaches is the directory's matter.
 */
import type { HostDirectory } from '../hosts/host-directory.ts';
import type { HostFacts } from '../identity/host.ts';
import type { PeerId } from '../identity/peer-id.ts';
import type { PeerCounts } from '../peer-counts.ts';
import { READ_POLICY } from '../select/read-policy.ts';
import type { BlobWire } from '../wire/blob-wire.ts';
import { WireDialError } from '../wire/errors.ts';
import { DIAL_PATIENCE_MS, HANDSHAKE_PATIENCE_MS_MAX, SENT_AWAY_MS } from './limits.ts';

export type DialsInput = {
  readonly directory: HostDirectory;
  readonly counts: Pick<PeerCounts, 'dialFailed'>;
  readonly nowMs: () => number;
  /** Dials a host for this blob. */
  readonly open: (host: HostFacts, onConnected: () => void) => Promise<BlobWire>;
  /** Before who waits for the wire has it. */
  readonly onOpened: (wire: BlobWire) => void;
};

type Opening = {
  readonly wire: Promise<BlobWire>;
  readonly sinceMs: number;
  connectedAtMs?: number;
};

/** When it has been silent for so long beyond its time, it is out until its handshake has ended. */
const HANGING_AFTER_MS = READ_POLICY.silenceMs;

export class Dials {
  readonly #input: DialsInput;
  readonly #opening = new Map<PeerId, Opening>();
  readonly #refusedUntil = new Map<PeerId, number>();

  constructor(input: DialsInput) {
    this.#input = input;
  }

  isOpening(peer: PeerId): boolean {
    return this.#opening.has(peer);
  }

  /** It is there, and does not share this blob at the moment. */
  isRefusing(peer: PeerId): boolean {
    return (this.#refusedUntil.get(peer) ?? 0) > this.#input.nowMs();
  }

  /** Not every reader waits for the same dial: the first ones have. */
  isHanging(peer: PeerId): boolean {
    const opening = this.#opening.get(peer);
    if (opening === undefined) return false;
    const hangsAtMs = opening.sinceMs + this.#patienceMs(opening) + HANGING_AFTER_MS;
    return this.#input.nowMs() >= hangsAtMs;
  }

  /** As if it had been heard until its time is over; undefined where it is not being dialled. */
  heardAtMs(peer: PeerId): number | undefined {
    const opening = this.#opening.get(peer);
    if (opening === undefined) return undefined;
    return Math.min(this.#input.nowMs(), opening.sinceMs + this.#patienceMs(opening));
  }

  /** One dial at a time for each. Rejects with the errors of `openWire`. */
  async to(peer: PeerId): Promise<BlobWire> {
    if (this.isRefusing(peer)) throw new WireDialError(peer, 'it does not share the blob');
    const { wire } = this.#opening.get(peer) ?? this.#open(peer);
    return await wire;
  }

  /** Resolves when those that run have ended, however. */
  async ended(): Promise<void> {
    await Promise.allSettled(Array.from(this.#opening.values(), ({ wire }) => wire));
  }

  #patienceMs({ connectedAtMs }: Opening): number {
    if (connectedAtMs === undefined) return DIAL_PATIENCE_MS;
    const { directory, nowMs } = this.#input;
    const knownMs = directory.handshakes.patienceMs(nowMs()) ?? HANDSHAKE_PATIENCE_MS_MAX;
    return Math.min(Math.max(knownMs, DIAL_PATIENCE_MS), HANDSHAKE_PATIENCE_MS_MAX);
  }

  #open(peer: PeerId): Opening {
    const opening: Opening = {
      wire: this.#dial(peer, () => {
        opening.connectedAtMs = this.#input.nowMs();
      }).finally(() => this.#opening.delete(peer)),
      sinceMs: this.#input.nowMs(),
    };
    // Whoever waits for it hears of a failure.
    opening.wire.catch(() => undefined);
    this.#opening.set(peer, opening);
    return opening;
  }

  async #dial(peer: PeerId, onConnected: () => void): Promise<BlobWire> {
    const { directory, open, counts, nowMs, onOpened } = this.#input;
    const facts = directory.facts(peer);
    if (facts === undefined) throw new WireDialError(peer, 'nobody has told where it is');
    let connectedAtMs: number | undefined;
    try {
      const wire = await open(facts, () => {
        connectedAtMs = nowMs();
        onConnected();
      });
      const endedAtMs = nowMs();
      directory.handshakes.took(endedAtMs - (connectedAtMs ?? endedAtMs), endedAtMs);
      this.#refusedUntil.delete(peer);
      onOpened(wire);
      return wire;
    } catch (error) {
      counts.dialFailed(connectedAtMs === undefined ? 'unreachable' : 'refused');
      if (connectedAtMs !== undefined) this.#refuse(peer, nowMs());
      else directory.miss(facts.host);
      throw error;
    }
  }

  #refuse(peer: PeerId, nowMs: number): void {
    for (const [other, untilMs] of this.#refusedUntil) {
      if (untilMs <= nowMs) this.#refusedUntil.delete(other);
    }
    this.#refusedUntil.set(peer, nowMs + SENT_AWAY_MS);
  }
}
