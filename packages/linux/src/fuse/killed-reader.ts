/** Whether a waiting reader is being killed: SIGKILL is pending for it. */
import { readFileSync } from 'node:fs';

const SIGKILL_BIT = 1n << 8n;

/** True when SIGKILL is in the pending sets of a /proc/PID/status text. */
export function hasPendingKill(status: string): boolean {
  for (const [, mask] of status.matchAll(/^(?:SigPnd|ShdPnd):\s*([0-9a-f]{1,32})$/gm)) {
    if ((BigInt(`0x${mask}`) & SIGKILL_BIT) !== 0n) return true;
  }
  return false;
}

/** A thread that is gone counts as killed; one we cannot name (pid 0) does not. */
export function isBeingKilled(threadId: number): boolean {
  if (threadId === 0) return false;
  try {
    return hasPendingKill(readFileSync(`/proc/${threadId}/status`, 'latin1'));
  } catch {
    return true;
  }
}
