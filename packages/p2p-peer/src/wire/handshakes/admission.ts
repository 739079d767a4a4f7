/** How many connections a listener keeps: strangers at their handshake, wires, wires of one host. */
import type { AddressGroup } from '../address-group.ts';
import { HANDSHAKES_MAX, WIRES_MAX, WIRES_PER_HOST_MAX } from '../limits.ts';

export type AdmissionLimits = {
  /** @default HANDSHAKES_MAX */
  readonly handshakesMax?: number;
  /** @default WIRES_MAX */
  readonly wiresMax?: number;
  /** @default WIRES_PER_HOST_MAX */
  readonly wiresPerHostMax?: number;
};

/** Called once, when what was let in is gone. */
export type Leave = () => void;

export class Admission {
  readonly #handshakesMax: number;
  readonly #wiresMax: number;
  readonly #wiresPerHostMax: number;
  readonly #wiresByHost = new Map<string, number>();
  readonly #strangersFrom = new Map<AddressGroup, number>();
  #strangers = 0;
  #wires = 0;

  constructor(limits: AdmissionLimits) {
    this.#handshakesMax = limits.handshakesMax ?? HANDSHAKES_MAX;
    this.#wiresMax = limits.wiresMax ?? WIRES_MAX;
    this.#wiresPerHostMax = limits.wiresPerHostMax ?? WIRES_PER_HOST_MAX;
  }

  /**
   * A stranger has connected; undefined when there are too many. Nobody gets more places than he leaves
   * to others: one address half of them, each of two a third. So there is always one for a new address,
   * and hosts that share one, behind a NAT, have many.
   */
  come(from: AddressGroup): Leave | undefined {
    const left = this.#handshakesMax - this.#strangers;
    if ((this.#strangersFrom.get(from) ?? 0) >= left) return undefined;
    this.#countStranger(from, 1);
    return () => this.#countStranger(from, -1);
  }

  /** A stranger has become a wire of that host; undefined when there are too many. */
  enter(host: string, from: AddressGroup): Leave | undefined {
    const ofHost = this.#wiresByHost.get(host) ?? 0;
    if (this.#wires >= this.#wiresMax || ofHost >= this.#wiresPerHostMax) return undefined;
    this.#countWire(host, 1);
    this.#countStranger(from, -1);
    return () => {
      this.#countWire(host, -1);
      // Until its connection has closed as well.
      this.#countStranger(from, 1);
    };
  }

  #countStranger(from: AddressGroup, by: 1 | -1): void {
    this.#strangers += by;
    count(this.#strangersFrom, from, by);
  }

  #countWire(host: string, by: 1 | -1): void {
    this.#wires += by;
    count(this.#wiresByHost, host, by);
  }
}

function count<Key>(counts: Map<Key, number>, key: Key, by: 1 | -1): void {
  const sum = (counts.get(key) ?? 0) + by;
  if (sum === 0) counts.delete(key);
  else counts.set(key, sum);
}
