/**
 * Layers that were never fetched, because an image above them is loaded lazily, and that somebody
 * wants without that image: another image that shares them, or the base image itself. They are
 * fetched now, as containerd would have done. Once for all who wait.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Semaphore } from '@shoal/concurrency';
import { isRetryable } from '@shoal/errors';
import { type ImageStore, readDocument } from '@shoal/registry-client';
import * as z from 'zod';
import { errorFields, type ServiceLog } from '../service-log.ts';
import { diskUsage } from '../snapshots/disk-usage.ts';
import type { CommittedSnapshot } from '../snapshots/lazy-layers.ts';
import { writeDurably } from '../state/durable-file.ts';
import type { OpenStore } from './converted-counterpart.ts';
import { LayerAbsentError } from './errors.ts';
import { compressionOf, unpackLayer } from './layer-unpack.ts';
import { type AbsentMark, decodeMark } from './lazy-mark.ts';
import { RESTORE_MS_MAX, RESTORES_PARALLEL_MAX } from './limits.ts';

/** Beside `fs`: the layer is complete in it, and takes so much. */
const DONE = 'restored.json';
const usageSchema = z.strictObject({
  size: z.number().int().min(0),
  inodes: z.number().int().min(0),
});

export type LayerRestorerParts = { readonly open: OpenStore; readonly log: ServiceLog };

export class LayerRestorer {
  readonly #parts: LayerRestorerParts;
  readonly #turns = new Semaphore(RESTORES_PARALLEL_MAX);
  /** By snapshot. */
  readonly #running = new Map<number, Promise<void>>();
  readonly #ending = new AbortController();

  constructor(parts: LayerRestorerParts) {
    this.#parts = parts;
  }

  /** Brings the content of these layers into their directories. @throws LayerAbsentError */
  async restore(absent: readonly CommittedSnapshot[]): Promise<void> {
    await Promise.all(absent.map((snapshot) => this.#restoreOnce(snapshot)));
  }

  /** What the layer takes; nothing before it was fetched. */
  async usageOf({ directory }: CommittedSnapshot): Promise<{ size: number; inodes: number }> {
    try {
      return usageSchema.parse(JSON.parse(await readFile(join(directory, DONE), 'utf8')));
    } catch {
      return { size: 0, inodes: 0 };
    }
  }

  /** Gives up what runs; the next request begins anew. */
  async close(): Promise<void> {
    this.#ending.abort();
    await Promise.allSettled(this.#running.values());
  }

  #restoreOnce(snapshot: CommittedSnapshot): Promise<void> {
    const { id, directory, mark } = snapshot;
    if (mark === undefined || existsSync(join(directory, DONE))) return Promise.resolve();
    const content = decodeMark(mark);
    if (content.kind !== 'absent') return Promise.resolve();
    const running =
      this.#running.get(id) ?? this.#turns.run(() => this.#restore(snapshot, content));
    this.#running.set(id, running);
    return running.finally(() => this.#running.delete(id));
  }

  async #restore({ directory }: CommittedSnapshot, mark: AbsentMark): Promise<void> {
    const { repository, manifestDigest, layerDigest } = mark;
    const { open, log } = this.#parts;
    const timeout = AbortSignal.timeout(RESTORE_MS_MAX);
    const signal = AbortSignal.any([this.#ending.signal, timeout]);
    log.info({ repository, layerDigest }, 'a layer is fetched after all: it is used by itself');
    try {
      await using store = await open(`${repository}@${manifestDigest}`);
      await this.#fetch(store, mark, directory, signal);
    } catch (error) {
      const retryable = signal.aborted || isRetryable(error);
      const { reason } = errorFields(error);
      throw new LayerAbsentError(layerDigest, reason, { cause: error, retryable });
    }
  }

  async #fetch(
    store: ImageStore,
    { layerDigest }: AbsentMark,
    directory: string,
    signal: AbortSignal,
  ): Promise<void> {
    const document = await readDocument(store, await store.resolve({ signal }), signal);
    const layers = document.kind === 'manifest' ? document.layers : [];
    const layer = layers.find(({ digest }) => digest === layerDigest);
    if (layer === undefined) {
      throw new LayerAbsentError(layerDigest, `${store.description} does not name it`);
    }
    const fresh = join(directory, 'fs.new');
    await rm(fresh, { recursive: true, force: true });
    await mkdir(fresh, { mode: 0o755 });
    const stream = await store.readBlob(layer, { signal });
    await unpackLayer(stream, compressionOf(layer.mediaType), fresh, signal);
    const files = join(directory, 'fs');
    // Not empty only if the daemon ended a moment before it was done; nothing was mounted from it.
    if ((await readdir(files)).length > 0) await rm(files, { recursive: true });
    await rename(fresh, files);
    const usage = await diskUsage(files, { signal });
    await writeDurably(directory, DONE, Buffer.from(JSON.stringify(usage)));
  }
}
