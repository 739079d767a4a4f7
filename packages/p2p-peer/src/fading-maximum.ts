/** The largest of what was seen, which counts less and less the longer ago it was. */
export class FadingMaximum {
  readonly #halfLifeMs: number;
  #largest: { readonly value: number; readonly atMs: number } | undefined;

  constructor(halfLifeMs: number) {
    this.#halfLifeMs = halfLifeMs;
  }

  /** Undefined where nothing was seen yet. */
  at(nowMs: number): number | undefined {
    if (this.#largest === undefined) return undefined;
    const { value, atMs } = this.#largest;
    return value * 2 ** ((atMs - nowMs) / this.#halfLifeMs);
  }

  saw(value: number, nowMs: number): void {
    if (value >= (this.at(nowMs) ?? 0)) this.#largest = { value, atMs: nowMs };
  }
}
