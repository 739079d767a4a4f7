/** Those who want to hear what the whole of a shared blob was found to be. */
import type { VerdictListener } from '@shoal/blob-store';

export class SharedVerdicts {
  readonly #listeners = new Set<VerdictListener>();
  #isWrong = false;

  /** Something of it, by whoever shares it, was wrong. */
  get isWrong(): boolean {
    return this.#isWrong;
  }

  readonly add = (listener: VerdictListener): void => {
    this.#listeners.add(listener);
  };

  tell(size: number, verdict: 'right' | 'wrong'): void {
    if (verdict === 'wrong') this.#isWrong = true;
    for (const listener of this.#listeners) listener(0, size, verdict);
    this.#listeners.clear();
  }
}
