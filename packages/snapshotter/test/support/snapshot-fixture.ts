/** A snapshot service in a directory of the test's own, and short ways to ask it. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '@shoal/test-kit';
import { silentLog } from '../../src/service-log.ts';
import type { Labels, LazyLayers } from '../../src/snapshots/lazy-layers.ts';
import type { Mount } from '../../src/snapshots/overlay-mounts.ts';
import type { Snapshot } from '../../src/snapshots/snapshot-record.ts';
import { SnapshotService } from '../../src/snapshots/snapshot-service.ts';
import { noLazyImages } from './no-lazy-images.ts';

type TestScope = Parameters<typeof temporaryDirectory>[0];

export type SnapshotFixture = {
  readonly root: string;
  readonly service: SnapshotService;
  prepare(key: string, parent?: string, labels?: Labels): Promise<readonly Mount[]>;
  view(key: string, parent?: string, labels?: Labels): Promise<readonly Mount[]>;
  commit(name: string, key: string, options?: CommitOptions): Promise<void>;
  /** Prepares and commits. */
  layer(name: string, parent?: string, labels?: Labels): Promise<void>;
  list(...filters: string[]): Promise<Snapshot[]>;
  /** Names of what lies where snapshots have their directories. */
  directories(): string[];
  /** Closes it and opens it again. */
  reopened(): Promise<SnapshotFixture>;
};

type CommitOptions = { readonly parent?: string; readonly labels?: Labels };

export async function snapshotFixture(
  t: TestScope,
  lazy: LazyLayers = noLazyImages,
  root = join(temporaryDirectory(t), 'root'),
): Promise<SnapshotFixture> {
  const service = await SnapshotService.open({ root, lazy, log: silentLog });
  let isClosed = false;
  const close = async () => {
    if (!isClosed) await service.close();
    isClosed = true;
  };
  t.teardown(close);
  const { signal } = new AbortController();
  const prepare = (key: string, parent?: string, labels: Labels = {}) =>
    service.prepare({ key, parent, labels, signal });
  const commit = (name: string, key: string, { parent, labels = {} }: CommitOptions = {}) =>
    service.commit({ name, key, parent, labels, signal });
  return {
    ...{ root, service, prepare, commit },
    view: (key, parent, labels = {}) => service.view({ key, parent, labels, signal }),
    layer: async (name, parent, labels) => {
      await prepare(`${name}-active`, parent, labels);
      await commit(name, `${name}-active`, labels === undefined ? {} : { labels });
    },
    list: async (...filters) => {
      const found: Snapshot[] = [];
      for await (const snapshot of service.list(filters)) found.push(snapshot);
      return found;
    },
    directories: () => readdirSync(join(root, 'snapshots')),
    reopened: async () => {
      await close();
      return snapshotFixture(t, lazy, root);
    },
  };
}
