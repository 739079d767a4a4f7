/** What bounds this host over all its blobs: made once, and handed on to each swarm as it is. */
import type { RateLimit } from '@shoal/blob-store';
import type { DownloadWindow } from '../select/download-window.ts';
import type { Uploads } from '../select/uploads.ts';
import type { HomeGate } from './home-gate.ts';

export type HostLimits = {
  /** How much is asked of other hosts at once. */
  readonly downloadWindow: DownloadWindow;
  /** How fast this host fetches for its own readers. */
  readonly downloadRate: RateLimit;
  /** Whom it promises blocks, how many at once, and how fast they go out. */
  readonly uploads: Uploads;
  /** How much it reads at once for others, as a home. */
  readonly homeGate: HomeGate;
};
