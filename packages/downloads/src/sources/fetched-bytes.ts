/** Counts what one read fetches, by whom it came from. */
import { isPeerSource } from '@shoal/blob-store';
import type { SourceBytes } from '../file-source.ts';

export class FetchedBytes {
  #peers = 0;
  #origin = 0;

  /** `onFetched` of the read. */
  readonly add = (sourceName: string, bytes: number): void => {
    if (isPeerSource(sourceName)) this.#peers += bytes;
    else this.#origin += bytes;
  };

  /**
   * Of what was read, once it is there. What is fetched in whole pieces for others too, or twice, counts
   * once: the origin's part first.
   */
  of(length: number): SourceBytes {
    const origin = Math.min(length, this.#origin);
    const peers = Math.min(length - origin, this.#peers);
    return { local: length - origin - peers, peers, origin };
  }
}
