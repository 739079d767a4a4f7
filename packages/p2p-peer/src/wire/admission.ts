/** How many connections a listener keeps: strangers at their handshake, wires, wires of one host. */
import { HANDSHAKES_MAX, WIRES_MAX, WIRES_PER_HOST_MAX } from './limits.ts';

export type AdmissionLimits = {
  /** @default HANDSHAKES_MAX */
  readonly handshakesMax?: number;
  /** @default WIRES_MAX */
  readonly wiresMax?: number;
  /** @default WIRES_PER_HOST_MAX */
  readonly wiresPerHostMax?: number;
};

export class Admission {
  readonly #handshakesMax: number;
  readonly #wiresMax: number;
  readonly #wiresPerHostMax: number;
  readonly #wiresByHost = new Map<string, number>();
  #wires = 0;

  constructor(limits: AdmissionLimits) {
    this.#handshakesMax = limits.handshakesMax ?? HANDSHAKES_MAX;
    this.#wiresMax = limits.wiresMax ?? WIRES_MAX;
    this.#wiresPerHostMax = limits.wiresPerHostMax ?? WIRES_PER_HOST_MAX;
  }

  /** Whether one more stranger may come, beside so many connections of strangers and wires. */
  mayCome(connections: number): boolean {
    return connections - this.#wires < this.#handshakesMax;
  }

  /** Undefined when there are too many wires already; otherwise what is called when it is closed. */
  enter(host: string): (() => void) | undefined {
    const ofHost = this.#wiresByHost.get(host) ?? 0;
    if (this.#wires >= this.#wiresMax || ofHost >= this.#wiresPerHostMax) return undefined;
    this.#wires += 1;
    this.#wiresByHost.set(host, ofHost + 1);
    return () => this.#leave(host);
  }

  #leave(host: string): void {
    this.#wires -= 1;
    const left = (this.#wiresByHost.get(host) ?? 1) - 1;
    if (left > 0) this.#wiresByHost.set(host, left);
    else this.#wiresByHost.delete(host);
  }
}
