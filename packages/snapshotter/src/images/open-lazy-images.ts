/** Puts the lazy part of a snapshotter together from the parts of its daemon. */
import { join } from 'node:path';
import { Semaphore } from '@shoal/concurrency';
import type { ImageAccess } from '../blobs/image-access.ts';
import type { BootstrapStore } from '../bootstraps/bootstrap-store.ts';
import type { ServiceLog } from '../service-log.ts';
import { BootstrapCommits } from './bootstrap-commits.ts';
import type { ContentStore } from './content-store.ts';
import { findCounterpart } from './converted-counterpart.ts';
import { ImageFinder } from './image-finder.ts';
import type { FindConverted } from './image-labels.ts';
import { ImageMounts, type LowerMounts } from './image-mounts.ts';
import { LayerRestorer } from './layer-restorer.ts';
import { LazyImages } from './lazy-images.ts';
import { LOOKUP_DEADLINE_MS, LOOKUPS_PARALLEL_MAX } from './limits.ts';

export type LazyImagesInput = {
  /** The daemon's root: images are mounted below `<root>/lazy`. */
  readonly root: string;
  readonly service: LowerMounts;
  readonly access: Pick<ImageAccess, 'open'>;
  readonly bootstraps: BootstrapStore;
  /** containerd's, where its address is configured. */
  readonly content?: ContentStore | undefined;
  readonly log: ServiceLog;
  /** How long a pull waits for a registry's answer. @default 2000 */
  readonly lookupDeadlineMs?: number | undefined;
  /** Original names for which a converted image is looked for. @default true */
  readonly findConverted?: FindConverted | undefined;
};

export function openLazyImages(input: LazyImagesInput): LazyImages {
  const { root, service, access, bootstraps, content, log } = input;
  const mounts = ImageMounts.open(join(root, 'lazy'), { service, log });
  // A pull waits for a look-up: two tries at most.
  const look = (reference: string) =>
    access.open({ reference, source: {}, missPolicy: { kind: 'fail' } });
  const fetch = (reference: string) =>
    access.open({ reference, source: {}, missPolicy: { kind: 'wait' } });
  const finder = new ImageFinder(
    { deadlineMs: input.lookupDeadlineMs ?? LOOKUP_DEADLINE_MS },
    {
      counterpart: (image, signal) => findCounterpart(look, image, signal),
      ensure: (mark, signal) => mounts.claim(mark, signal),
      turns: new Semaphore(LOOKUPS_PARALLEL_MAX),
      log,
    },
  );
  return new LazyImages(
    { findConverted: input.findConverted ?? true },
    {
      finder,
      mounts,
      commits: new BootstrapCommits({ bootstraps, mounts, content }),
      content,
      diffIdOf: (layer) => bootstraps.diffIdOf(layer),
      restorer: new LayerRestorer({ open: fetch, log }),
      log,
    },
  );
}
