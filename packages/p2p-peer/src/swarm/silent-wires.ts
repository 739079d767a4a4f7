/**
 * Wires that owe an answer and have been silent for as long as readers bear: nobody else needs to wait for
 * them before they say something. A hedge that answers in time would hide that a host is dead, and each
 * read would ask it again.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { silencePatienceMs } from '../select/ask-clock.ts';
import { READ_POLICY } from '../select/read-policy.ts';
import type { BlobWire } from '../wire/blob-wire.ts';
import { patienceTimes } from './busy-host.ts';
import { SILENCE_CONFIRM_MS } from './limits.ts';

type Line = Pick<BlobWire, 'silentMs' | 'pauseMs'>;

export class SilentWires {
  readonly #confirmed = new WeakSet<Line>();
  readonly #doubted = new WeakSet<Line>();

  /** Not at once: whoever was away himself cannot say who was silent. */
  has(wire: Line): boolean {
    if (!isSilent(wire)) {
      this.#confirmed.delete(wire);
      return false;
    }
    if (this.#confirmed.has(wire)) return true;
    if (!this.#doubted.has(wire)) void this.#confirm(wire);
    return false;
  }

  async #confirm(wire: Line): Promise<void> {
    this.#doubted.add(wire);
    await sleep(SILENCE_CONFIRM_MS, undefined, { ref: false });
    // Timers come before what sockets have.
    setImmediate(() => {
      this.#doubted.delete(wire);
      if (isSilent(wire)) this.#confirmed.add(wire);
    });
  }
}

function isSilent({ silentMs, pauseMs }: Line): boolean {
  if (silentMs < READ_POLICY.silenceMs) return false;
  const silenceMs = READ_POLICY.silenceMs * patienceTimes();
  return silentMs >= silencePatienceMs({ ...READ_POLICY, silenceMs }, pauseMs);
}
