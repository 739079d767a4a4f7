/** Opening drivers and saying which ones this host can use. */
import { FuseSessionClosedError } from '@shoal/linux';
import type { DriverFacts, MountDriver } from './mount-driver.ts';

export type BlobfsDriverOptions = {
  /** Keeps `session.json` (holder, INIT agreement) and the directories of lower mounts. */
  readonly stateDirectory: string;
  /** FUSE worker threads. @default 2 */
  readonly threads?: number;
  /** One sentence per event worth a log line. */
  readonly onEvent?: (event: {
    readonly level: 'info' | 'warn' | 'error';
    readonly message: string;
    readonly error?: unknown;
  }) => void;
};

export function openBlobfsDriver(_options: BlobfsDriverOptions): Promise<MountDriver> {
  return Promise.reject(new FuseSessionClosedError('not built yet'));
}
export function openCompleteDriver(_options: {
  readonly stateDirectory: string;
}): Promise<MountDriver> {
  return Promise.reject(new FuseSessionClosedError('not built yet'));
}
/** What `--driver` can name on this host and why; probes run in `directory`. */
export function listDrivers(_directory: string): Promise<DriverFacts[]> {
  return Promise.resolve([]);
}
