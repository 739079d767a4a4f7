/**
 * Which images are loaded lazily, and why the others are not. Rebuilt from the snapshots' marks at
 * every start, so that it says the same before and after.
 */
import type { ImageMark, MarkContent } from './lazy-mark.ts';

export type LazyImageStatus = {
  /** What was pulled. */
  readonly imageRef: string;
  /** `host/name@digest` of the converted image. */
  readonly converted: string;
  readonly mountpoint: string;
  /** Snapshots that it stands for. */
  readonly snapshots: number;
};

export type OrdinaryImageStatus = {
  /** Undefined when the client named none. */
  readonly imageRef: string | undefined;
  readonly reason: string;
  /** Layers that were unpacked. */
  readonly layers: number;
};

export type LazyStatus = {
  readonly lazy: readonly LazyImageStatus[];
  readonly ordinary: readonly OrdinaryImageStatus[];
};

export class LazyReport {
  readonly #marks = new Map<number, MarkContent>();

  add(snapshotId: number, mark: MarkContent): void {
    if (mark.kind === 'image' || mark.kind === 'ordinary') this.#marks.set(snapshotId, mark);
  }

  remove(snapshotId: number): void {
    this.#marks.delete(snapshotId);
  }

  status(mountpointOf: (mark: ImageMark) => string): LazyStatus {
    const lazy = new Map<string, LazyImageStatus>();
    const ordinary = new Map<string, OrdinaryImageStatus>();
    for (const mark of this.#marks.values()) {
      if (mark.kind === 'image') {
        const key = `${mark.imageRef} ${mountpointOf(mark)}`;
        const known = lazy.get(key);
        lazy.set(key, {
          imageRef: mark.imageRef,
          converted: `${mark.repository}@${mark.manifestDigest}`,
          mountpoint: mountpointOf(mark),
          snapshots: (known?.snapshots ?? 0) + 1,
        });
      }
      if (mark.kind === 'ordinary') {
        const { imageRef, reason } = mark;
        const key = `${imageRef ?? ''} ${reason}`;
        const layers = (ordinary.get(key)?.layers ?? 0) + 1;
        ordinary.set(key, { imageRef, reason, layers });
      }
    }
    const lazyRefs = new Set([...lazy.values()].map(({ imageRef }) => imageRef));
    return {
      lazy: [...lazy.values()],
      // Some layers may have been unpacked before the registry answered: the image is lazy all the same.
      ordinary: [...ordinary.values()].filter(
        ({ imageRef }) => imageRef === undefined || !lazyRefs.has(imageRef),
      ),
    };
  }
}
