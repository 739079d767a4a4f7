/**
 * What a starting daemon finds: records of mounts that survived it, that a reboot ended, that were
 * half made, or that somebody unmounted by hand. From local files only; one mount that cannot be
 * restored does not keep the others away.
 */
import { errorCode, ShoalError } from '@shoal/errors';
import { listMounts, type MountEntry } from '@shoal/linux';
import {
  type DriverName,
  type LostMount,
  type MountDriver,
  unmountApart,
} from '../driver/index.ts';
import { RESTORE_PARALLEL_MAX } from '../limits.ts';
import { errorFields, type ServiceLog } from '../service-log.ts';
import { currentBootId } from '../state/boot-id.ts';
import type { MountRecord } from '../state/mount-record.ts';
import type { StateStore } from '../state/state-store.ts';
import type { MountPlan, MountPlans } from './mount-plan.ts';
import { type MountsAt, mountsAt } from './own-mounts.ts';

export type RestoreComponents = {
  readonly state: StateStore;
  readonly planner: MountPlans;
  readonly drivers: ReadonlyMap<DriverName, MountDriver>;
  readonly log: ServiceLog;
};

export type BrokenMount = { readonly record: MountRecord; readonly reason: string };

type Unplanned = { readonly record: MountRecord; readonly error: unknown };

export type RestoredMounts = {
  readonly plans: readonly MountPlan[];
  /** Mounts that could not be restored: their records are kept until somebody unmounts them. */
  readonly broken: readonly BrokenMount[];
  /** One sentence for each record that does not decode. */
  readonly problems: readonly string[];
};

export async function restoreMounts(components: RestoreComponents): Promise<RestoredMounts> {
  const { state, log } = components;
  const { records, damaged } = await state.readMounts();
  const problems = damaged.map(({ key, error }) => `${key}: ${error.message}`);
  const plans = new Map<string, MountPlan>();
  const broken: BrokenMount[] = [];
  const unplanned: Unplanned[] = [];
  const table = listMounts();
  const queue = records.values();
  const planQueue = async () => {
    for (const record of queue) {
      const there = mountsAt(record, table);
      if (!(await isWanted(record, there, components))) continue;
      if (!there.isOwnThere && there.stranger !== undefined) {
        broken.push({ record, reason: `${there.stranger} is mounted there` });
        continue;
      }
      try {
        plans.set(record.id, await components.planner.fromRecord(record));
      } catch (error) {
        broken.push({ record, reason: inWords(error) });
        unplanned.push({ record, error });
      }
    }
  };
  await Promise.all(Array.from({ length: RESTORE_PARALLEL_MAX }, planQueue));
  for (const [name, driver] of components.drivers) {
    const own = [...plans.values()].filter(({ record }) => record.driver === name);
    const requests = own.map((plan) => plan.driverRequest);
    const { failures } = await driver.restore(requests, lostMounts(name, unplanned, table));
    for (const { mountId, error } of failures) {
      const plan = plans.get(mountId);
      if (plan === undefined) continue;
      plans.delete(mountId);
      await plan.release();
      broken.push({ record: plan.record, reason: inWords(error) });
    }
  }
  await rememberBoot([...plans.values()], components);
  for (const problem of problems) log.error({ problem }, 'a record was not read');
  for (const { record, reason } of broken) {
    log.error({ mountpoint: record.mountpoint, reason }, 'a mount was not restored');
  }
  log.info({ mounts: plans.size, broken: broken.length }, 'restored');
  return { plans: [...plans.values()], broken, problems };
}

/** As people read it in the status: what is wrong, and what they can do. */
function inWords(error: unknown): string {
  const { reason } = errorFields(error);
  const remedy = error instanceof ShoalError ? error.remedy : undefined;
  return remedy === undefined ? reason : `${reason}; ${remedy}`;
}

/** Of files of ours that are gone or were changed: no later start can make anything of the mount. */
const DAMAGE: readonly (string | undefined)[] = [
  'ERR_SNAPSHOTTER_STATE_DAMAGED',
  'ERR_SNAPSHOTTER_OFFLINE',
];

/** Those of a driver that are there, may still have readers, and may be served by a later start. */
function lostMounts(
  name: DriverName,
  unplanned: readonly Unplanned[],
  table: readonly MountEntry[],
): LostMount[] {
  return unplanned
    .filter(({ error }) => !DAMAGE.includes(errorCode(error)))
    .filter(({ record }) => record.driver === name && mountsAt(record, table).isOwnThere)
    .map(({ record: { mountpoint }, error }) => ({ mountpoint, error }));
}

/** False for what never became a mount and for what somebody ended while no daemon ran. */
async function isWanted(
  record: MountRecord,
  { isOwnThere, stranger }: MountsAt,
  { state, log }: Pick<RestoreComponents, 'state' | 'log'>,
): Promise<boolean> {
  const { mountpoint } = record;
  const isThere = isOwnThere || stranger !== undefined;
  if (record.state === 'mounted' && (isThere || record.bootId !== currentBootId())) return true;
  if (record.state === 'mounting' && isOwnThere) {
    try {
      await unmountApart(mountpoint, { lazy: true });
    } catch (error) {
      log.warn({ mountpoint, ...errorFields(error) }, 'a half made mount stays');
    }
  }
  const fields = { mountpoint, reference: record.reference };
  if (record.state === 'mounting') log.warn(fields, 'a mount was not finished: forgotten');
  else log.warn(fields, 'a mount was unmounted by somebody else: forgotten');
  await state.deleteMount(record.id).catch((error: unknown) => staysAsItWas(record, error, log));
  return false;
}

/** After a reboot the mounts are this boot's. */
async function rememberBoot(
  plans: readonly MountPlan[],
  { state, log }: Pick<RestoreComponents, 'state' | 'log'>,
): Promise<void> {
  const bootId = currentBootId();
  for (const { record } of plans) {
    if (record.bootId === bootId) continue;
    await state
      .putMount({ ...record, bootId })
      .catch((error: unknown) => staysAsItWas(record, error, log));
  }
}

/** A full disk, say: no reason to leave everybody's readers alone. The next start looks again. */
function staysAsItWas(
  { id, mountpoint }: MountRecord,
  error: unknown,
  log: RestoreComponents['log'],
): void {
  log.warn({ id, mountpoint, ...errorFields(error) }, 'the record of a mount stays as it was');
}
