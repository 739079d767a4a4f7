/**
 * Who is left out for a piece that is not what a home has said: each one's part is compared with the piece
 * as its home or the origin then gives it. Where they give none it is certain of one sender alone.
 */
import type { PeerId } from '../identity/peer-id.ts';
import { type ByteRange, rangeBytes } from '../ranges/byte-range.ts';
import type { Bans } from '../select/bans.ts';
import type { PeerCredits } from '../select/credits.ts';
import { doubt, suspect, suspectCredit, withoutHomes } from './blame.ts';
import type { SentParts } from './senders.ts';

export type SentPiece = {
  readonly range: ByteRange;
  readonly sent: SentParts;
  /** All of it; they stay as they are until it has been compared. */
  readonly bytes: Buffer;
};

export type PieceJudges = {
  readonly bans: Bans;
  /** Of this blob alone. */
  readonly suspects: Bans;
  readonly credits: PeerCredits;
  /** Of the piece. */
  readonly homes: readonly PeerId[];
  readonly nowMs: () => number;
};

/** What it returns is called once, with the right piece unless none can be had. */
export function accuse(
  { bans, suspects, credits, homes, nowMs }: PieceJudges,
  piece: SentPiece,
): (right: Buffer | undefined) => void {
  const { sent } = piece;
  const judges = { bans: suspects, credits };
  const credit = suspectCredit(credits, suspect(judges, sent, homes, nowMs()));
  return (right) => {
    if (right !== undefined) {
      credit.close();
      for (const peer of sent.keys()) {
        if (hasLied(peer, piece, right)) bans.liar(peer, nowMs());
        else suspects.acquit(peer);
      }
      return;
    }
    const [only, another] = withoutHomes(sent, homes);
    if (only !== undefined && another === undefined) bans.liar(only, nowMs());
    else doubt(judges, sent, homes, nowMs());
  };
}

/** A piece is a MiB at most: to compare it takes less than handing it to a thread. */
function hasLied(peer: PeerId, { range, sent, bytes }: SentPiece, right: Buffer): boolean {
  return (sent.get(peer) ?? []).some((part) => {
    const start = part.start - range.start;
    const end = start + rangeBytes(part);
    return !bytes.subarray(start, end).equals(right.subarray(start, end));
  });
}
