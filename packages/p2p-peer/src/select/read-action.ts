/** What the read of a range wants done, and what it looks at. It does nothing itself. */
import type { PeerId } from '../identity/peer-id.ts';
import type { ByteRange } from '../ranges/byte-range.ts';
import type { Candidate } from './candidate.ts';

/** Why a peer is asked: it holds the block, it can fetch it, or the one asked first is late. */
export type AskReason = 'holder' | 'home' | 'hedge';

/**
 * Why an ask is withdrawn: another answered, the peer did not answer though it lives, nothing at
 * all was heard of it, or nobody wants the bytes any more.
 */
export type CancelReason = 'answered' | 'late' | 'silent' | 'unwanted';

export type ReadAction =
  /** Request this block of this peer. */
  | {
      readonly kind: 'ask';
      readonly peer: PeerId;
      readonly range: ByteRange;
      readonly reason: AskReason;
    }
  /** What was asked of it need not come any more; if it does, say so with `arrived` all the same. */
  | {
      readonly kind: 'cancel';
      readonly peer: PeerId;
      readonly range: ByteRange;
      readonly reason: CancelReason;
    }
  /** Fetch this from the origin: `arrived('origin', ...)` in parts as they come, or `originFailed`. */
  | { readonly kind: 'origin'; readonly range: ByteRange }
  /** Call `tick` then. The earliest counts: each tick asks for the next one. */
  | { readonly kind: 'wake'; readonly atMs: number }
  /** The origin failed for it and nobody else is left to ask: the origin's error is the answer. */
  | { readonly kind: 'fail'; readonly range: ByteRange };

/** What a host knows of others while it reads. Looked at often: answers come from memory. */
export interface SwarmView {
  /** Connected peers that have said to hold all of it; also those that are full or banned. */
  holders(range: ByteRange): readonly Candidate[];
  /** The homes of its extent by rank, without those known to be gone. */
  homes(range: ByteRange): readonly (Candidate | 'self')[];
  /** When any byte last came from that peer, be it a keep-alive; clock of the read. */
  heardAtMs(peer: PeerId): number;
  /** The longest silence of late of a peer that lives, in milliseconds; 0 where it was never waited for. */
  pauseMs(peer: PeerId): number;
  /** Hosts that might go to the origin at this time as well: what the lottery is drawn among. */
  readonly knownPeers: number;
}
