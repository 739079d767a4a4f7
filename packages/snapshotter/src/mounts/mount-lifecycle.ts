/**
 * The life of one mount. It is recorded before the kernel is asked and leaves the kernel before its
 * record goes: what is mounted is on record, wherever a crash falls. The caller holds the lock of
 * the mountpoint and keeps the list of mounts.
 */
import { RunningTasks } from '@shoal/concurrency';
import type { Digest } from '@shoal/oci';
import { unmountApart } from '../driver/index.ts';
import { errorFields } from '../service-log.ts';
import { driverOf } from './driver-choice.ts';
import { refuseOverlaid } from './lower-users.ts';
import type { MountPlan } from './mount-plan.ts';
import { mountsAt } from './own-mounts.ts';
import type { BrokenMount } from './restore.ts';
import type { MountServiceComponents } from './service-components.ts';

export type MountLifecycleComponents = Pick<
  MountServiceComponents,
  'state' | 'drivers' | 'collector' | 'onImageRemoved' | 'log'
>;

export class MountLifecycle {
  readonly #components: MountLifecycleComponents;
  readonly #bootstrapsKept: () => readonly Digest[];
  /** Images that are unmounted and whose blobs are being read. */
  readonly lingering = new RunningTasks();

  /** `bootstrapsKept`: those that no plan holds and that must stay. */
  constructor(components: MountLifecycleComponents, bootstrapsKept: () => readonly Digest[]) {
    this.#components = components;
    this.#bootstrapsKept = bootstrapsKept;
  }

  /** Returns when it is mounted and recorded. If that fails, the plan is released. */
  async attach(plan: MountPlan, signal: AbortSignal): Promise<void> {
    try {
      await this.#recordAndMount(plan, signal);
    } catch (error) {
      await plan.release();
      throw error;
    }
  }

  async #recordAndMount({ record, driverRequest }: MountPlan, signal: AbortSignal): Promise<void> {
    const { state, drivers, log } = this.#components;
    const driver = driverOf(record, drivers);
    await state.putMount(record);
    try {
      await driver.mount(driverRequest, { signal });
      signal.throwIfAborted();
      await state.putMount({ ...record, state: 'mounted' });
    } catch (error) {
      try {
        await driver.unmount(record.id, { lazy: true });
        await state.deleteMount(record.id);
      } catch (later) {
        // It is of a mount that is half made: the next start takes that away.
        log.warn({ id: record.id, ...errorFields(later) }, 'the record of a failed mount stays');
      }
      throw error;
    }
  }

  /**
   * Out of the kernel, then off the record; the blobs stay open until `retire`.
   *
   * @throws ERR_LINUX_MOUNT_BUSY naming who, unless lazy
   */
  async detach({ record }: MountPlan, options: { readonly lazy: boolean }): Promise<void> {
    const { state, drivers } = this.#components;
    const driver = driverOf(record, drivers);
    if (record.isLower === true && !options.lazy) refuseOverlaid(record.mountpoint);
    await driver.unmount(record.id, options);
    await state.deleteMount(record.id);
  }

  /** Closes the blobs of what was detached: at once, or `lingering` until nobody reads them. */
  async retire(plan: MountPlan, { lazy }: { readonly lazy: boolean }): Promise<void> {
    // Overlays have the image of their own, unseen from here.
    if (!lazy && plan.record.isLower !== true) return this.#release(plan);
    const driver = driverOf(plan.record, this.#components.drivers);
    this.lingering.add(driver.whenUnread(plan.blobs).then(() => this.#release(plan)));
  }

  async #release(plan: MountPlan): Promise<void> {
    await plan.release().catch((error: unknown) => {
      this.#components.log.warn(errorFields(error), 'blobs of an unmounted image did not close');
    });
    if (plan.record.isLower === true) this.#components.onImageRemoved?.(plan);
    this.collect();
  }

  /** Takes away what may be left of a mount that could not be restored, nothing else, and its record. */
  async forget({ record }: BrokenMount): Promise<void> {
    const { state, log } = this.#components;
    if (mountsAt(record).isOwnThere) await unmountApart(record.mountpoint, { lazy: true });
    await state.deleteMount(record.id);
    log.info({ mountpoint: record.mountpoint }, 'a broken mount is forgotten');
  }

  /** Bootstraps that no mount needs may go. */
  collect(): void {
    this.#components.collector.collectSometimes(this.#bootstrapsKept());
  }
}
