/** How far the look-up of an image has come, and how long each of its steps took. */

/** In this order; the step of a look-up that has ended is `done`. */
type Step = 'waits' | 'asks' | 'mounts' | 'done';

const WORDS: Readonly<Record<Step, string>> = {
  waits: 'other images are looked for and mounted',
  asks: 'the registry has not said yet whether there is a converted image',
  mounts: 'the converted image is being mounted',
  done: 'it is being mounted again',
};

export class LookupProgress {
  readonly #startedAtMs = performance.now();
  readonly #entered: [Step, number][] = [['waits', this.#startedAtMs]];
  /** A pull has gone on without it. */
  wasLate = false;

  enter(step: Step): void {
    this.#entered.push([step, performance.now()]);
  }

  get isMounting(): boolean {
    return this.#step() === 'mounts';
  }

  /** The registry has not answered yet. */
  get isAsking(): boolean {
    return this.#step() === 'asks';
  }

  elapsedMs(): number {
    return performance.now() - this.#startedAtMs;
  }

  /** Why a pull that waits since then (`performance.now`) does not wait any longer. */
  reason(sinceMs: number): string {
    const waitedMs = Math.round(performance.now() - sinceMs);
    return `not ready after ${waitedMs} ms: ${WORDS[this.#step()]}`;
  }

  /** By step: `waitsMs`, `asksMs`, `mountsMs`. */
  milliseconds(): Readonly<Record<string, number>> {
    const parts = this.#entered.map(([step, at], index) => {
      const end = this.#entered[index + 1]?.[1] ?? performance.now();
      return [`${step}Ms`, Math.round(end - at)] as const;
    });
    return Object.fromEntries(parts.filter(([name]) => name !== 'doneMs'));
  }

  #step(): Step {
    return this.#entered.at(-1)?.[0] ?? 'waits';
  }
}
