/**
 * The snapshots of containerd, ordinary and lazily loaded ones: the ten operations of its snapshot
 * service, without gRPC. Ordinary layers behave as those of containerd's overlayfs snapshotter. A
 * request that fails changes nothing; what one reports as done survives a crash.
 */
import { errorFields, type ServiceLog } from '../service-log.ts';
import { diskUsage } from './disk-usage.ts';
import { SnapshotExistsError, SnapshotRequestError, SnapshotStateError } from './errors.ts';
import { isMappedAlready, mappedRoot } from './id-mapping.ts';
import { checkFields, checkLabels, checkName, checkTarget, isUnpackKey } from './key-checks.ts';
import type { CommittedSnapshot, Labels, LazyLayers, LazyMark } from './lazy-layers.ts';
import { overlayFeatures } from './overlay-features.ts';
import { type Mount, type OverlayFeatures, overlayMounts } from './overlay-mounts.ts';
import { restoreSnapshots, sweepAfterStart, sweepSnapshots } from './restore-snapshots.ts';
import { SnapshotDirectories } from './snapshot-directories.ts';
import { matchesAny, parseFilters, selectionOf, snapshotFields } from './snapshot-filter.ts';
import { targetOf } from './snapshot-keys.ts';
import {
  committedSnapshot,
  labelsOf,
  type Snapshot,
  type Usage,
  updatedLabels,
} from './snapshot-record.ts';
import { type SnapshotDraft, SnapshotStore } from './snapshot-store.ts';

export type SnapshotServiceComponents = {
  readonly store: SnapshotStore;
  readonly directories: SnapshotDirectories;
  readonly lazy: LazyLayers;
  readonly log: ServiceLog;
};

export type SnapshotServiceOptions = {
  /** Holds `snapshotter` (the records) and `snapshots` (the directories). */
  readonly root: string;
  readonly lazy: LazyLayers;
  readonly log: ServiceLog;
};

export type CreateRequest = {
  readonly key: string;
  /** Undefined: none. */
  readonly parent: string | undefined;
  readonly labels: Labels;
  readonly signal: AbortSignal;
};

export type CommitRequest = CreateRequest & { readonly name: string };

export type UpdateRequest = {
  readonly name: string;
  readonly labels: Labels;
  /** `labels` or `labels.<key>`; none: all that can be changed. */
  readonly fields: readonly string[];
};

const NO_USAGE: Usage = { size: 0, inodes: 0 };

export class SnapshotService implements AsyncDisposable {
  readonly #store: SnapshotStore;
  readonly #directories: SnapshotDirectories;
  readonly #lazy: LazyLayers;
  readonly #log: ServiceLog;
  /** Of this host: they do not change while the daemon runs. */
  readonly #features: OverlayFeatures;
  #sweeping: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor({ store, directories, lazy, log }: SnapshotServiceComponents) {
    this.#store = store;
    this.#directories = directories;
    this.#lazy = lazy;
    this.#log = log;
    this.#features = overlayFeatures(directories.path);
  }

  /** Needs no network. @throws StateLockedError, StateDamagedError, DirectoryError */
  static async open({ root, lazy, log }: SnapshotServiceOptions): Promise<SnapshotService> {
    const directories = SnapshotDirectories.open(root, log);
    const store = await SnapshotStore.open(root);
    try {
      store.skipIds(await directories.highestId());
      const service = new SnapshotService({ store, directories, lazy, log });
      await restoreSnapshots({ store, directories }, lazy);
      service.#sweeping = sweepAfterStart({ store, directories }, log);
      return service;
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  /**
   * A new snapshot to write to.
   *
   * @throws SnapshotExistsError also when the layer is one that is not fetched: it is committed now
   */
  async prepare(request: CreateRequest): Promise<readonly Mount[]> {
    const { labels, parent } = checked(request);
    const target = targetOf(labels);
    if (target === undefined && !isUnpackKey(request.key)) return this.#open('active', request);
    if (target !== undefined) checkTarget(target);
    const chain = await this.#chain(parent);
    if (target !== undefined && (await this.#store.findTarget(target, parent)) !== undefined) {
      throw new SnapshotExistsError(target);
    }
    const parents = chain.map((snapshot) => this.#committed(snapshot));
    const decision = await this.#lazy.decide({ ...request, labels, parents });
    if (decision.kind === 'unpack') return this.#open('active', request, decision.mark);
    if (target === undefined)
      throw new SnapshotStateError(request.key, 'has no layer to stand for');
    await this.#skip({ labels, parent: chain[0], target, mark: decision.mark });
    throw new SnapshotExistsError(target);
  }

  /** A new snapshot to read. */
  async view(request: CreateRequest): Promise<readonly Mount[]> {
    return this.#open('view', request);
  }

  async #open(
    kind: 'active' | 'view',
    request: CreateRequest,
    mark?: LazyMark | undefined,
  ): Promise<readonly Mount[]> {
    const { key, labels, parent } = checked(request);
    const chain = await this.#chain(parent);
    const id = this.#store.nextId();
    const draft = { id, name: key, kind, labels, parent: chain[0], usage: undefined, mark };
    const owner = mappedRoot(labels);
    const lowers = await this.#lowers(chain);
    const wanted = { id, isWritable: kind === 'active', likePath: lowers[0], owner };
    await this.#directories.create(wanted, () => this.#store.create(draft));
    return this.#mountsOf({ ...draft, kind }, lowers);
  }

  /** The committed snapshot that stands for a layer which is not fetched. */
  async #skip(layer: {
    readonly labels: Labels;
    readonly parent: Snapshot | undefined;
    readonly target: string;
    readonly mark: LazyMark;
  }): Promise<void> {
    const { labels, parent, target, mark } = layer;
    const id = this.#store.nextId();
    const name = `lazy/${id}/${target}`;
    const draft: SnapshotDraft = {
      ...{ id, name, kind: 'committed', labels, parent, usage: NO_USAGE, mark },
    };
    const wanted = { id, isWritable: false, likePath: undefined, owner: undefined };
    const snapshot = await this.#directories.create(wanted, () => this.#store.create(draft));
    this.#lazy.committed(this.#committed(snapshot));
  }

  /** What has to be mounted for an active snapshot or a view, whenever it is asked. */
  async mounts(key: string): Promise<readonly Mount[]> {
    const snapshot = await this.#store.get(key);
    const { kind } = snapshot;
    if (kind === 'committed') throw new SnapshotStateError(key, 'is not active');
    const lowers = await this.#lowers(await this.#chain(snapshot.parent));
    return this.#mountsOf({ ...snapshot, kind }, lowers);
  }

  async commit(request: CommitRequest): Promise<void> {
    const { key, labels, parent } = checked(request);
    const { name, signal } = request;
    checkName(name, 'name');
    const active = await this.#store.get(key);
    if (active.kind !== 'active') throw new SnapshotStateError(key, 'is not active');
    if ((await this.#store.find(name)) !== undefined) throw new SnapshotExistsError(name);
    const directory = this.#directories.directory(active.id);
    const chain = await this.#store.chain(active.parent ?? parent);
    const parents = chain.map((snapshot) => this.#committed(snapshot));
    const layer = { key, labels, mark: active.mark, directory, parents, signal };
    const mark = await this.#lazy.committing(layer);
    const usage = await diskUsage(this.#directories.upper(active.id), { signal });
    const snapshot = await this.#store.commit({ key, name, parent, labels, usage, mark });
    if (mark !== undefined) this.#lazy.committed(this.#committed(snapshot));
  }

  /** @throws SnapshotStateError while it has children */
  async remove(key: string): Promise<void> {
    const snapshot = await this.#store.remove(key);
    if (snapshot.kind === 'committed' && snapshot.mark !== undefined) {
      await this.#lazy.removed(this.#committed(snapshot)).catch((error: unknown) => {
        this.#log.warn({ name: key, ...errorFields(error) }, 'a lazily loaded image stays');
      });
    }
    if (await this.#directories.discard(snapshot.id)) {
      await this.#store.forgetRemoved([snapshot.id]);
    }
  }

  async stat(key: string): Promise<Snapshot> {
    return this.#store.get(key);
  }

  async update({ name, labels, fields }: UpdateRequest): Promise<Snapshot> {
    checkName(name, 'name');
    checkFields(fields);
    checkLabels(labels);
    return this.#store.setLabels(name, (before) => {
      const after = updatedLabels(before, labels, fields);
      checkLabels(after);
      return after;
    });
  }

  /** Those that match one of the filters; all without filters. @throws SnapshotFilterError */
  async *list(filters: readonly string[]): AsyncGenerator<Snapshot, void, void> {
    const parsed = parseFilters(filters);
    for await (const snapshot of this.#store.list(selectionOf(parsed))) {
      if (matchesAny(parsed, snapshotFields(snapshot))) yield snapshot;
    }
  }

  /** What the snapshot takes without its parents; of a lazily loaded one what was fetched. */
  async usage(key: string, options: { readonly signal?: AbortSignal } = {}): Promise<Usage> {
    const snapshot = await this.#store.get(key);
    if (snapshot.kind === 'active') {
      return diskUsage(this.#directories.upper(snapshot.id), options);
    }
    if (snapshot.mark === undefined) return snapshot.usage ?? NO_USAGE;
    const lazy = await this.#lazy.usage(this.#committed(snapshot));
    return lazy ?? snapshot.usage ?? NO_USAGE;
  }

  /** Deletes the directories of snapshots that are gone. */
  async cleanup(): Promise<void> {
    await sweepSnapshots({ store: this.#store, directories: this.#directories });
  }

  async #chain(parent: string | undefined): Promise<Snapshot[]> {
    const chain = await this.#store.chain(parent);
    if (chain[0] === undefined || chain[0].kind === 'committed') return chain;
    throw new SnapshotRequestError(`parent ${chain[0].name.slice(0, 200)} is not committed`);
  }

  /** The directories below a snapshot, nearest first. */
  async #lowers(chain: readonly Snapshot[]): Promise<string[]> {
    const plain = chain.map(({ id }) => this.#directories.upper(id));
    if (chain.length === 0) return plain;
    const lazy = await this.#lazy.lower(chain.map((snapshot) => this.#committed(snapshot)));
    return lazy === undefined ? plain : [...plain.slice(0, lazy.above), lazy.path];
  }

  async #mountsOf(
    { id, kind, labels }: Pick<Snapshot, 'id' | 'labels'> & { kind: 'active' | 'view' },
    lowers: readonly string[],
  ): Promise<readonly Mount[]> {
    const paths = { upper: this.#directories.upper(id), work: this.#directories.work(id) };
    const features = this.#features;
    const mapsIds = features.mapsIds && !(await isMappedAlready(lowers[0], labels));
    return overlayMounts({ kind, labels, lowers, ...paths }, { ...features, mapsIds });
  }

  #committed(snapshot: Snapshot): CommittedSnapshot {
    return committedSnapshot(snapshot, this.#directories.directory(snapshot.id));
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#directories.close();
    await this.#sweeping;
    await this.#store.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function checked(request: CreateRequest): CreateRequest {
  checkName(request.key, 'key');
  if (request.parent !== undefined) checkName(request.parent, 'parent');
  checkLabels(request.labels);
  return { ...request, labels: labelsOf(Object.entries(request.labels)) };
}
