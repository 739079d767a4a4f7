/** What a mount service is put together from. */
import type { BootstrapCollector } from '../bootstraps/bootstrap-collector.ts';
import type { DriverName, MountDriver } from '../driver/index.ts';
import type { ServiceLog } from '../service-log.ts';
import type { StateStore } from '../state/state-store.ts';
import type { MountPlan, MountPlans } from './mount-plan.ts';

export type MountServiceComponents = {
  readonly state: StateStore;
  readonly planner: MountPlans;
  readonly drivers: ReadonlyMap<DriverName, MountDriver>;
  /** Told when there may be something to delete. */
  readonly collector: Pick<BootstrapCollector, 'collectSometimes'>;
  /** Told when an image that overlays lay on is gone for good: its blobs are closed by then. */
  readonly onImageRemoved?: ((plan: Pick<MountPlan, 'record' | 'blobs'>) => void) | undefined;
  readonly log: ServiceLog;
  /** Closed after the drivers, in this order. */
  readonly owned: readonly { close(): Promise<void> }[];
};

export type MountServiceOptions = {
  /** Directories of the daemon itself: nothing is mounted in or over them. */
  readonly reserved: readonly string[];
  /** Where bootstraps and writable directories lie: mounts of it without a record are reported. */
  readonly root: string;
};
