/**
 * Who sent which bytes, until a reader has said what they are. Of bytes that nobody ever judges the
 * oldest are forgotten.
 */
import type { PeerId } from '../identity/peer-id.ts';
import { type ByteRange, rangeBytes } from '../ranges/byte-range.ts';
import { UNJUDGED_RANGES_MAX } from './limits.ts';

/** By sender, what of a range each has sent, in the order of arrival. */
export type SentParts = ReadonlyMap<PeerId, readonly ByteRange[]>;

type Sent = { readonly range: ByteRange; readonly peer: PeerId };

export class Senders {
  /** In the order of arrival. */
  #sent: Sent[] = [];

  add(peer: PeerId, range: ByteRange): void {
    this.#sent.push({ range, peer });
    if (this.#sent.length > UNJUDGED_RANGES_MAX) this.#sent.shift();
  }

  /**
   * Takes the senders of a judged range out, with what of it each has sent. A block may reach into the
   * next one: its rest stays.
   */
  take(judged: ByteRange): SentParts {
    const senders = new Map<PeerId, ByteRange[]>();
    const left: Sent[] = [];
    for (const sent of this.#sent) {
      const { start, end } = sent.range;
      if (start >= judged.end || end <= judged.start) {
        left.push(sent);
        continue;
      }
      const parts = senders.get(sent.peer) ?? [];
      senders.set(sent.peer, parts);
      parts.push({ start: Math.max(start, judged.start), end: Math.min(end, judged.end) });
      if (start < judged.start) left.push({ peer: sent.peer, range: { start, end: judged.start } });
      if (end > judged.end) left.push({ peer: sent.peer, range: { start: judged.end, end } });
    }
    this.#sent = left;
    return senders;
  }
}

export function sentBytes(parts: readonly ByteRange[]): number {
  return parts.reduce((sum, part) => sum + rangeBytes(part), 0);
}
