/** A mount service without kernel and images: the driver and the planner are stood in for. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseDigest } from '@shoal/oci';
import { type TestScope, temporaryDirectory } from '@shoal/test-kit';
import type { DriverName, MountDriver } from '../../src/driver/index.ts';
import type { MountPlan, MountPlans } from '../../src/mounts/mount-plan.ts';
import { MountService } from '../../src/mounts/mount-service.ts';
import { silentLog } from '../../src/service-log.ts';
import { currentBootId } from '../../src/state/boot-id.ts';
import type { MountRecord } from '../../src/state/mount-record.ts';
import { StateStore } from '../../src/state/state-store.ts';

export const DIGEST = parseDigest(`sha256:${'ab'.repeat(32)}`);

/** A driver that only keeps the books. */
export class BookDriver implements MountDriver {
  readonly name = 'blobfs';
  readonly events: string[] = [];
  failing: 'mount' | 'unmount' | 'restore' | undefined;
  onMount: (() => Promise<void>) | undefined;
  unread: Promise<void> = Promise.resolve();

  async mount({ mountId, mountpoint }: { mountId: string; mountpoint: string }) {
    await this.onMount?.();
    if (this.failing === 'mount') throw new Error('the kernel refuses');
    this.events.push(`mount ${mountId}`);
    return { mountId, driver: this.name, mountpoint, directIo: true, origin: 'mounted' } as const;
  }

  async unmount(mountId: string) {
    if (this.failing === 'unmount') throw new Error('busy');
    this.events.push(`unmount ${mountId}`);
  }

  whenUnread() {
    return this.unread;
  }

  async restore(requests: readonly { mountId: string }[]) {
    this.events.push(`restore ${requests.map(({ mountId }) => mountId).join(' ')}`);
    const error = new Error('no such device');
    const failures = requests.map(({ mountId }) => ({ mountId, error }));
    return { mounts: [], failures: this.failing === 'restore' ? failures : [] };
  }

  stats() {
    return undefined;
  }

  async close() {
    this.events.push('close');
  }

  async shutDown() {
    this.events.push('shutDown');
  }

  async [Symbol.asyncDispose]() {}
}

export function recordOf(
  id: string,
  mountpoint: string,
  changes: Partial<MountRecord> = {},
): MountRecord {
  return {
    version: 1,
    id,
    state: 'mounting',
    reference: 'host/name:tag',
    manifestDigest: DIGEST,
    bootstrapDigest: DIGEST,
    mountpoint,
    driver: 'blobfs',
    driverReason: 'a test',
    allowSuid: false,
    allowDevices: false,
    source: {},
    missPolicy: { kind: 'wait' },
    cacheDirectory: '/nowhere',
    layers: [],
    bootId: currentBootId(),
    mountedAt: '2026-11-28T12:00:00.000Z',
    ...changes,
  };
}

/** A service whose driver keeps the books, and whose images are there at once. */
export async function makeService(t: TestScope, state?: StateStore) {
  const directory = temporaryDirectory(t);
  const driver = new BookDriver();
  const released: string[] = [];
  let nextId = 1;
  const planOf = (record: MountRecord): MountPlan => ({
    record,
    blobs: [],
    driverRequest: {
      mountId: record.id,
      metadataFile: '/nowhere',
      blobs: [],
      mountpoint: record.mountpoint,
      flags: {},
    },
    startPrefetch: () => undefined,
    release: async () => {
      released.push(record.id);
    },
  });
  const planner: MountPlans = {
    fromRequest: async (_request, mountpoint) =>
      planOf(recordOf(String(nextId++).padStart(16, '0'), mountpoint)),
    fromRecord: async (record) => {
      if (record.reference === 'broken') throw new Error('no bootstrap');
      return planOf(record);
    },
  };
  const opened = state ?? (await StateStore.open(directory));
  const service = new MountService(
    { root: directory, reserved: [] },
    {
      state: opened,
      planner,
      collector: { collectSometimes: () => undefined },
      drivers: new Map<DriverName, MountDriver>([['blobfs', driver]]),
      log: silentLog,
      owned: [],
    },
  );
  t.teardown(() => service.close());
  const place = (name: string) => {
    const path = join(directory, name);
    mkdirSync(path, { recursive: true });
    return path;
  };
  return { service, driver, state: opened, released, place };
}
