/**
 * The eventfds that wake worker threads. None is ever closed: another thread may be about to signal one,
 * and would write into whatever has its number by then. The next worker takes what one leaves; it may find
 * it signalled.
 */
import { openEventFd } from '../syscalls.ts';

const free: number[] = [];

export function takeEventFd(): number {
  return free.pop() ?? openEventFd();
}

/** Whoever may still signal it wakes somebody for nothing. */
export function giveEventFd(fd: number): void {
  free.push(fd);
}
