/**
 * What all steps of one conversion share. Opened and closed by `convertImage` only.
 */
import type { ImageTarget } from '@shoal/registry-client';
import type { CodecThreads } from '../chunk/codec-threads.ts';
import type { FirstReads } from '../layer/first-reads.ts';
import { WARNINGS_MAX } from '../limits.ts';
import type { BuildCache } from './build-cache.ts';
import type { ChunkDict } from './chunk-dict.ts';
import type { ConvertProgress } from './convert-options.ts';
import type { ConvertSettings } from './convert-settings.ts';
import type { Torrents } from './torrents.ts';

export type ConvertSession = {
  readonly settings: ConvertSettings;
  readonly target: ImageTarget;
  readonly threads: CodecThreads;
  readonly dicts: readonly ChunkDict[];
  readonly cache: BuildCache | undefined;
  readonly firstReads: FirstReads;
  /** Undefined when none are wanted. */
  readonly torrents: Torrents | undefined;
  readonly warnings: Warnings;
  readonly onProgress: (event: ConvertProgress) => void;
  readonly signal: AbortSignal;
};

/** Things left out or changed on the way, each told once, a bounded number of them kept. */
export class Warnings {
  readonly #kept: string[] = [];
  #more = 0;
  readonly #onProgress: (event: ConvertProgress) => void;

  constructor(onProgress: (event: ConvertProgress) => void) {
    this.#onProgress = onProgress;
  }

  add(text: string): void {
    if (this.#kept.length >= WARNINGS_MAX) {
      this.#more += 1;
      return;
    }
    this.#kept.push(text);
    this.#onProgress({ kind: 'warning', text });
  }

  list(): readonly string[] {
    return this.#more === 0 ? this.#kept : [...this.#kept, `and ${this.#more} more`];
  }
}
