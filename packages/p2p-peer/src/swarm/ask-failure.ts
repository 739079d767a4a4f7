/** What it means for a read that asking a peer has failed. The only place that says so. */
import { errorCode } from '@shoal/errors';
import type { AskFailure } from './range-fetch-input.ts';

/** It lives, and does not answer this. */
const BUSY: AskFailure = { kind: 'refused', reason: 'busy' };
const CANNOT: AskFailure = { kind: 'refused', reason: 'cannot' };
const LOST: AskFailure = { kind: 'lost' };

const FAILURES: Readonly<Record<string, AskFailure>> = {
  ERR_P2P_WIRE_REJECTED: BUSY,
  ERR_P2P_WIRE_UNAVAILABLE: CANNOT,
  ERR_P2P_WIRE_REQUEST: CANNOT,
};

export function failureOf(error: unknown): AskFailure {
  return FAILURES[errorCode(error) ?? ''] ?? LOST;
}
