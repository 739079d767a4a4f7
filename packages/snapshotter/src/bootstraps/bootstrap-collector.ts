/**
 * Bootstraps of images that nobody mounts any more stay as a cache, so that mounting again needs no
 * fetch and no walk: those used last, for a while. The others are deleted.
 */
import { randomBytes } from 'node:crypto';
import { renameSync, utimesSync } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { digestHex, parseDigest } from '@shoal/oci';
import { BOOTSTRAPS_UNUSED_MAX, BOOTSTRAPS_UNUSED_MS_MAX, COLLECT_INTERVAL_MS } from '../limits.ts';
import { errorFields, type ServiceLog } from '../service-log.ts';
import type { StateStore } from '../state/state-store.ts';

const IMAGE = /^[0-9a-f]{64,128}$/;
const GONE = /^\.gone-/;

type Unused = { readonly name: string; readonly usedAtMs: number };

export class BootstrapCollector {
  readonly #directory: string;
  readonly #state: StateStore;
  /** By directory name: how many plans use it. */
  readonly #held = new Map<string, number>();
  readonly #log: ServiceLog;
  #running: Promise<unknown> = Promise.resolve();
  #collectedAtMs = Number.NEGATIVE_INFINITY;

  constructor(root: string, state: StateStore, log: ServiceLog) {
    this.#directory = join(root, 'images');
    this.#state = state;
    this.#log = log;
  }

  /** Keeps the bootstrap of a layer until the returned function is called. */
  hold(layerDigest: string): () => void {
    const name = nameOf(layerDigest);
    this.#held.set(name, (this.#held.get(name) ?? 0) + 1);
    this.#touch(name);
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#touch(name);
      const left = (this.#held.get(name) ?? 1) - 1;
      if (left > 0) this.#held.set(name, left);
      else this.#held.delete(name);
    };
  }

  /** Deletes what is too old or too many; `alsoHeld` are layers that records speak of. */
  collect(alsoHeld: readonly string[] = []): Promise<void> {
    const kept = new Set(alsoHeld.map(nameOf));
    const result = this.#running.then(() => this.#collect(kept));
    this.#running = result.catch(() => undefined);
    return result;
  }

  /** Collects in the background, unless it did a moment ago. */
  collectSometimes(alsoHeld: readonly string[]): void {
    const now = performance.now();
    if (now - this.#collectedAtMs < COLLECT_INTERVAL_MS) return;
    this.#collectedAtMs = now;
    this.collect(alsoHeld).catch((error: unknown) => {
      this.#log.warn(errorFields(error), 'bootstraps that nobody uses were not deleted');
    });
  }

  /** Waits for a collection that runs. */
  async close(): Promise<void> {
    await this.#running;
  }

  async #collect(kept: ReadonlySet<string>): Promise<void> {
    const names = await readdir(this.#directory);
    for (const name of names.filter((each) => GONE.test(each))) await this.#delete(name);
    const unused = await this.#unused(names.filter((name) => IMAGE.test(name) && !kept.has(name)));
    const oldest = Date.now() - BOOTSTRAPS_UNUSED_MS_MAX;
    for (const [at, { name, usedAtMs }] of unused.entries()) {
      if (at < BOOTSTRAPS_UNUSED_MAX && usedAtMs >= oldest) continue;
      // Somebody may have begun to use it meanwhile; from here to the rename nobody can.
      if (this.#held.has(name)) continue;
      const gone = `.gone-${randomBytes(8).toString('hex')}`;
      renameSync(join(this.#directory, name), join(this.#directory, gone));
      await this.#state.deleteVerified(name);
      await this.#delete(gone);
    }
  }

  /** Those used last in front. */
  async #unused(names: readonly string[]): Promise<Unused[]> {
    const unused: Unused[] = [];
    for (const name of names) {
      if (this.#held.has(name)) continue;
      const facts = await stat(join(this.#directory, name)).catch(() => undefined);
      if (facts !== undefined) unused.push({ name, usedAtMs: facts.mtimeMs });
    }
    return unused.sort((a, b) => b.usedAtMs - a.usedAtMs);
  }

  async #delete(name: string): Promise<void> {
    await rm(join(this.#directory, name), { recursive: true, force: true });
  }

  #touch(name: string): void {
    const now = new Date();
    try {
      utimesSync(join(this.#directory, name), now, now);
    } catch {
      // Not there yet: it is about to be fetched.
    }
  }
}

function nameOf(layerDigest: string): string {
  return digestHex(parseDigest(layerDigest));
}
