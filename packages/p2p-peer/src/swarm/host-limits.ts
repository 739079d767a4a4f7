/** What bounds this host over all its blobs: made once, and handed on to each swarm as it is. */
import type { RateLimit } from '@shoal/blob-store';
import type { DownloadWindow } from '../select/download-window.ts';
import type { UploadSlots } from '../select/upload-slots.ts';
import type { HomeGate } from './home-gate.ts';
import type { UploadPace } from './upload-pace.ts';

export type HostLimits = {
  /** How much is asked of other hosts at once. */
  readonly window: DownloadWindow;
  /** Of what this host fetches for its own readers. */
  readonly download: RateLimit;
  /** Whom it promises blocks, and how many at once. */
  readonly slots: UploadSlots;
  /** Of what goes out. */
  readonly upload: UploadPace;
  /** How much it reads at once for others, as a home. */
  readonly homeGate: HomeGate;
};
