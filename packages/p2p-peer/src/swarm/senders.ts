/**
 * Who sent which bytes, until a reader has said what they are. Of bytes that nobody ever judges the
 * oldest are forgotten.
 */
import type { PeerId } from '../identity/peer-id.ts';
import { UNJUDGED_RANGES_MAX } from '../limits.ts';
import type { ByteRange } from '../ranges/byte-range.ts';

type Sent = { readonly range: ByteRange; readonly peer: PeerId };

export class Senders {
  /** In the order of arrival. */
  #sent: Sent[] = [];

  add(peer: PeerId, range: ByteRange): void {
    this.#sent.push({ range, peer });
    if (this.#sent.length > UNJUDGED_RANGES_MAX) this.#sent.shift();
  }

  /**
   * Takes the senders of a judged range out, with how many of its bytes each has sent. A block may reach
   * into the next one: its rest stays.
   */
  take(judged: ByteRange): ReadonlyMap<PeerId, number> {
    const senders = new Map<PeerId, number>();
    const left: Sent[] = [];
    for (const sent of this.#sent) {
      if (sent.range.start >= judged.end || sent.range.end <= judged.start) {
        left.push(sent);
        continue;
      }
      const { start, end } = sent.range;
      const bytes = Math.min(end, judged.end) - Math.max(start, judged.start);
      senders.set(sent.peer, (senders.get(sent.peer) ?? 0) + bytes);
      if (start < judged.start) left.push({ peer: sent.peer, range: { start, end: judged.start } });
      if (end > judged.end) left.push({ peer: sent.peer, range: { start: judged.end, end } });
    }
    this.#sent = left;
    return senders;
  }
}
