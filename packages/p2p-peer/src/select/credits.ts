/**
 * How much is asked of a peer whose bytes nobody has judged yet. At first it is what one chunk takes, over
 * all blobs; what was found right gives it more, so that an honest one is soon not held up. A liar is found
 * out by the first chunk that is judged, and has been asked for no more than that until then.
 */
import type { PeerId } from '../identity/peer-id.ts';
import { CREDITS_MAX, UNPROVEN_BYTES_MAX } from './limits.ts';

/** What was found right counts so many times: each round trip of reads doubles it at least. */
const PROVEN_TIMES = 2;

type Credit = {
  /** Found right. */
  provenBytes: number;
  /** Asked for, and neither refused nor judged. */
  openBytes: number;
};

export class PeerCredits {
  /** The one that was asked longest ago first. */
  readonly #credits = new Map<PeerId, Credit>();

  /** What may be asked of it besides; 0 or less: nothing. */
  roomBytes(peer: PeerId): number {
    const credit = this.#credits.get(peer);
    if (credit === undefined) return UNPROVEN_BYTES_MAX;
    return UNPROVEN_BYTES_MAX + PROVEN_TIMES * credit.provenBytes - credit.openBytes;
  }

  /** A chunk's bytes of it were right at least. */
  isProven(peer: PeerId): boolean {
    return (this.#credits.get(peer)?.provenBytes ?? 0) >= UNPROVEN_BYTES_MAX;
  }

  openRead(): ReadCredit {
    return new ReadCredit((peer, openBytes, provenBytes) => {
      const credit = this.#of(peer);
      credit.openBytes = Math.max(0, credit.openBytes + openBytes);
      credit.provenBytes += provenBytes;
    });
  }

  /** It has sent wrong bytes, or may have: what it gave before says nothing. */
  forget(peer: PeerId): void {
    const credit = this.#credits.get(peer);
    if (credit !== undefined) credit.provenBytes = 0;
  }

  /** It has had a part in wrong bytes and is not known to have sent them: that wears off what it has proven. */
  doubt(peer: PeerId, bytes: number): void {
    const credit = this.#credits.get(peer);
    if (credit === undefined) return;
    credit.provenBytes = Math.max(0, Math.floor(credit.provenBytes / 2) - bytes);
  }

  get count(): number {
    return this.#credits.size;
  }

  #of(peer: PeerId): Credit {
    const credit = this.#credits.get(peer) ?? { provenBytes: 0, openBytes: 0 };
    this.#credits.delete(peer);
    this.#credits.set(peer, credit);
    if (this.#credits.size > CREDITS_MAX) {
      const [oldest] = this.#credits.keys();
      if (oldest !== undefined) this.#credits.delete(oldest);
    }
    return credit;
  }
}

/** What one read has asked of whom, until it is judged. */
export class ReadCredit {
  readonly #change: (peer: PeerId, openBytes: number, provenBytes: number) => void;
  readonly #open = new Map<PeerId, number>();
  #isClosed = false;

  constructor(change: (peer: PeerId, openBytes: number, provenBytes: number) => void) {
    this.#change = change;
  }

  asked(peer: PeerId, bytes: number): void {
    this.#move(peer, bytes);
  }

  /** It did not come: refused, lost, or not wanted any more. */
  unanswered(peer: PeerId, bytes: number): void {
    this.#move(peer, -Math.min(bytes, this.#open.get(peer) ?? 0));
  }

  /** These are what they should be, whenever that is known. */
  right(peer: PeerId, bytes: number): void {
    this.#change(peer, 0, bytes);
  }

  /** Nobody judges any more of it. Idempotent. */
  close(): void {
    this.#isClosed = true;
    for (const [peer, bytes] of this.#open) this.#change(peer, -bytes, 0);
    this.#open.clear();
  }

  #move(peer: PeerId, bytes: number): void {
    if (this.#isClosed) return;
    this.#open.set(peer, (this.#open.get(peer) ?? 0) + bytes);
    this.#change(peer, bytes, 0);
  }
}
