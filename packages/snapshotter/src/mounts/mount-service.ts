/**
 * Mounts images and keeps them mounted: over the end of the command that asked, over restarts of
 * the daemon, over reboots. The record of a mount is on disk before its caller hears of it.
 */
import { realpath } from 'node:fs/promises';
import { KeyedLock } from '@shoal/concurrency';
import { listMounts } from '@shoal/linux';
import { NotMountedError, ServiceClosedError } from '../errors.ts';
import { DRAIN_PARALLEL_MAX, UNREAD_WAIT_MS } from '../limits.ts';
import type { MountRecord } from '../state/mount-record.ts';
import { drainMounts, toDrain } from './drain.ts';
import { MountLifecycle } from './mount-lifecycle.ts';
import type { MountPlan, PlanRequest } from './mount-plan.ts';
import { MountMeter } from './mount-progress.ts';
import { describeMount, mountUsage, serviceStatus, upperDirectoryOf } from './mount-status.ts';
import { countByDriver, type MountTrace, traceMounts } from './mount-trace.ts';
import type {
  DrainAnswer,
  DrainRequest,
  LowerMountRequest,
  MountAnswer,
  MountProgress,
  MountRequest,
  ServiceStatus,
  UnmountAnswer,
  UnmountRequest,
} from './mount-types.ts';
import { checkMountpoint, refuseTaken } from './mountpoint.ts';
import { orphanProblems } from './orphan-mounts.ts';
import { type BrokenMount, restoreMounts } from './restore.ts';
import type { MountServiceComponents, MountServiceOptions } from './service-components.ts';
import { discardWritable } from './writable.ts';

export class MountService implements AsyncDisposable {
  readonly #components: MountServiceComponents;
  readonly #options: MountServiceOptions;
  readonly #lifecycle: MountLifecycle;
  readonly #mounts = new Map<string, MountPlan>();
  readonly #locks = new KeyedLock();
  readonly #broken = new Map<string, BrokenMount>();
  #problems: readonly string[] = [];
  readonly #meters = new Set<MountMeter>();
  #refusesMounts = false;
  #closing: Promise<void> | undefined;

  constructor(options: MountServiceOptions, components: MountServiceComponents) {
    this.#options = options;
    this.#components = components;
    this.#lifecycle = new MountLifecycle(components, () =>
      [...this.#broken.values()].map(({ record }) => record.bootstrapDigest),
    );
  }

  /** Once, before anything else: takes over what an earlier daemon mounted. Needs no network. */
  async restore(): Promise<void> {
    const restored = await restoreMounts(this.#components);
    for (const plan of restored.plans) this.#mounts.set(plan.record.mountpoint, plan);
    for (const broken of restored.broken) this.#broken.set(broken.record.mountpoint, broken);
    const known = new Set([...this.#mounts.keys(), ...this.#broken.keys()]);
    const orphans = orphanProblems(listMounts(), this.#options.root, known);
    for (const problem of orphans) this.#components.log.error({ problem }, 'a mount has no record');
    this.#problems = [...restored.problems, ...orphans];
    this.#lifecycle.collect();
  }

  /** After `restore`, when there is room in the caches: goes on with what images want first. Returns at once. */
  resumePrefetch(): void {
    for (const plan of this.#mounts.values()) plan.startPrefetch();
  }

  /** Returns when the mount is usable and recorded. */
  async mount(request: MountRequest, options: { signal: AbortSignal }): Promise<MountAnswer> {
    this.#checkTakesMounts();
    const mountpoint = await checkMountpoint(request.mountpoint, this.#options.reserved);
    return this.#mountAt(mountpoint, request, options);
  }

  /** For overlays to lie on; as in any directory, set-uid programs and devices work. */
  mountLower(request: LowerMountRequest, options: { signal: AbortSignal }): Promise<MountAnswer> {
    const flags = { isLower: true, allowSuid: true, allowDevices: true } as const;
    return this.#mountAt(request.mountpoint, { ...request, ...flags }, options);
  }

  isMounted(mountpoint: string): boolean {
    return this.#mounts.has(mountpoint);
  }

  /** Also when what is recorded could not be restored. */
  isKnown(mountpoint: string): boolean {
    return this.#mounts.has(mountpoint) || this.#broken.has(mountpoint);
  }

  /** What is here of a mounted image. */
  usageOf(mountpoint: string): { size: number; inodes: number } | undefined {
    const plan = this.#mounts.get(mountpoint);
    return plan === undefined ? undefined : mountUsage(plan);
  }

  /** The bootstrap of a mounted image. */
  bootstrapOf(mountpoint: string): MountRecord['bootstrapDigest'] | undefined {
    return this.#mounts.get(mountpoint)?.record.bootstrapDigest;
  }

  /** Reads that waited, of the mounts with one of these names. */
  traces(names: ReadonlySet<string>): readonly MountTrace[] {
    return traceMounts(this.#mounts.values(), names);
  }

  countByDriver(): ReadonlyMap<string, number> {
    return countByDriver(this.#mounts.values());
  }

  #mountAt(
    mountpoint: string,
    request: PlanRequest,
    options: { signal: AbortSignal },
  ): Promise<MountAnswer> {
    return this.#locks.run(mountpoint, async () => {
      this.#checkTakesMounts();
      refuseTaken(mountpoint, this.#mounts);
      // Nothing is mounted there any more, so the record of what could not be restored is void.
      if (this.#broken.has(mountpoint)) await this.#end(mountpoint, { mountpoint });
      const meter = new MountMeter(mountpoint, request.reference);
      this.#meters.add(meter);
      try {
        return await this.#mount(request, mountpoint, { ...options, meter });
      } finally {
        this.#meters.delete(meter);
      }
    });
  }

  async #mount(
    request: PlanRequest,
    mountpoint: string,
    options: { readonly signal: AbortSignal; readonly meter: MountMeter },
  ): Promise<MountAnswer> {
    const plan = await this.#components.planner.fromRequest(request, mountpoint, options);
    await this.#lifecycle.attach(plan, options.signal);
    this.#mounts.set(mountpoint, plan);
    plan.startPrefetch();
    const { record, referrerOf } = plan;
    const answer = { ...describeMount(record), ...(referrerOf ? { referrerOf } : {}) };
    this.#components.log.info(answer, 'mounted');
    return answer;
  }

  /** Mount requests that run. */
  mounting(): readonly MountProgress[] {
    return [...this.#meters].map((meter) => meter.progress());
  }

  /** @throws NotMountedError; ERR_LINUX_MOUNT_BUSY naming who */
  async unmount(request: UnmountRequest): Promise<UnmountAnswer> {
    this.#checkOpen();
    const mountpoint = await this.#findMountpoint(request.mountpoint);
    return this.#locks.run(mountpoint, async () => {
      // Closing waits for the locks, not for who still looks for the mountpoint.
      this.#checkOpen();
      const record = await this.#end(mountpoint, request);
      const { writableDirectory } = record;
      if (writableDirectory === undefined) return { mountpoint };
      if (request.discardWrites !== true) {
        return { mountpoint, upperDirectory: upperDirectoryOf(record) };
      }
      await discardWritable(writableDirectory);
      return { mountpoint };
    });
  }

  /** Nothing is mounted, and no request runs. */
  get isIdle(): boolean {
    const used = [this.#mounts, this.#broken, this.#lifecycle.lingering, this.#meters];
    return used.every(({ size }) => size === 0);
  }

  /** From now on mounts are refused: the daemon is about to leave. */
  refuseMounts(): void {
    this.#refusesMounts = true;
  }

  /** Unmounts everything; mounts are refused from now on, unless a busy one keeps the daemon here. */
  async drain(request: DrainRequest = {}): Promise<DrainAnswer> {
    this.#checkOpen();
    this.#refusesMounts = true;
    await this.#locks.drain();
    const mounted = toDrain([...this.#mounts.values()], [...this.#broken.values()]);
    const { isLazy } = request;
    const unmount = (mountpoint: string) => this.unmount({ mountpoint, isLazy });
    const drained = await drainMounts(mounted, unmount, DRAIN_PARALLEL_MAX);
    this.#refusesMounts = drained.busy.length === 0;
    await this.#lifecycle.lingering.endedWithin(UNREAD_WAIT_MS);
    return { ...drained, lingering: this.#lifecycle.lingering.size };
  }

  /** Resolves when no image that was unmounted lazily is read any more. */
  async untilUnread(): Promise<void> {
    await this.#lifecycle.lingering.ended();
  }

  status(): ServiceStatus {
    return serviceStatus({
      plans: [...this.#mounts.values()],
      broken: [...this.#broken.values()],
      drivers: this.#components.drivers,
      problems: this.#problems,
    });
  }

  /** Waits for running requests, then leaves all mounts to the next daemon. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    const { drivers, owned, state } = this.#components;
    await this.#locks.drain();
    const inUse = new Set([...this.#mounts.values()].map(({ record }) => record.driver));
    for (const [name, driver] of drivers) {
      if (!inUse.has(name)) await driver.shutDown();
      else await driver.close();
    }
    await this.#lifecycle.lingering.ended();
    for (const part of owned) await part.close();
    await state.close();
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new ServiceClosedError();
  }

  #checkTakesMounts(): void {
    if (this.#closing !== undefined || this.#refusesMounts) throw new ServiceClosedError();
  }

  async #end(mountpoint: string, request: UnmountRequest): Promise<MountRecord> {
    const plan = this.#mounts.get(mountpoint);
    if (plan !== undefined) {
      await this.#endMounted(plan, { lazy: request.isLazy === true });
      return plan.record;
    }
    const broken = this.#broken.get(mountpoint);
    if (broken === undefined) throw new NotMountedError(request.mountpoint);
    await this.#lifecycle.forget(broken);
    this.#broken.delete(mountpoint);
    return broken.record;
  }

  async #endMounted(plan: MountPlan, options: { readonly lazy: boolean }): Promise<void> {
    const { mountpoint, reference } = plan.record;
    await this.#lifecycle.detach(plan, options);
    this.#mounts.delete(mountpoint);
    await this.#lifecycle.retire(plan, options);
    this.#components.log.info({ mountpoint, reference }, 'unmounted');
  }

  /** As given, or behind a symbolic link. */
  async #findMountpoint(path: string): Promise<string> {
    for (const known of [path, await realpath(path).catch(() => path)]) {
      if (this.#mounts.has(known) || this.#broken.has(known)) return known;
    }
    throw new NotMountedError(path);
  }
}
