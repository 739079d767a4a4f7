/**
 * When readahead starts: it keeps out of the way of the read that it follows. Beside that read it
 * would take a near peer's and this host's time while a program waits.
 */
import { READAHEAD_DELAY_MS } from '../limits.ts';

/**
 * Settles as `read` does. Calls `start` once: after `read` is over and whoever waited for it has been
 * answered, sooner only when it takes longer than READAHEAD_DELAY_MS, never when it fails first.
 */
export async function startBehind<T>(read: Promise<T>, start: () => void): Promise<T> {
  let isStarted = false;
  const startOnce = () => {
    if (!isStarted) start();
    isStarted = true;
  };
  const timer = setTimeout(startOnce, READAHEAD_DELAY_MS);
  try {
    const outcome = await read;
    setImmediate(startOnce);
    return outcome;
  } finally {
    clearTimeout(timer);
  }
}
