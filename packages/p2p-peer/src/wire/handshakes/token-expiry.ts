/** A wire lives no longer than the token that it was opened with: the next one brings a new token. */
import { CLOCK_SKEW_MS_MAX, TIMER_MS_MAX } from '../../trust/limits.ts';
import type { BlobWire } from '../blob-wire.ts';
import { WireClosedError, WireTimeoutError } from '../errors.ts';
import type { PeerWire } from '../messages/peer-wire.ts';

export function closeWhenExpired(peer: PeerWire, wire: BlobWire, expiresAtMs: number): void {
  const untilMs = expiresAtMs + CLOCK_SKEW_MS_MAX - Date.now();
  const leftMs = Math.min(Math.max(0, untilMs), TIMER_MS_MAX);
  const cause = new WireTimeoutError('show a new token', leftMs);
  const timer = setTimeout(() => peer.fail(new WireClosedError({ cause })), leftMs).unref();
  void wire.closed.then(() => clearTimeout(timer));
}
