/**
 * Keeps remembered credentials over a restart: sealed in the root directory, the key in the run
 * directory. After a reboot the key is gone and with it what was sealed. Where the run directory is
 * on a disk nothing is kept: key and lock would lie side by side.
 */
import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as z from 'zod';
import type { Log } from '../log/log.ts';
import { bootClockMs } from './boot-clock.ts';
import type { CredentialKeeper, RememberedPlace } from './remembered-credentials.ts';
import {
  isInMemory,
  loadKey,
  readSecretFile,
  seal,
  unseal,
  writePrivately,
} from './sealed-file.ts';

const credentialsSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('password'), username: z.string(), password: z.string() }),
  z.object({ kind: z.literal('identity-token'), token: z.string() }),
  z.object({ kind: z.literal('registry-token'), token: z.string() }),
]);

const documentSchema = z.object({
  version: z.literal(1),
  places: z.array(
    z.object({
      registry: z.string(),
      repository: z.string(),
      entries: z.array(
        z.object({
          credentials: credentialsSchema,
          /** Milliseconds since 1970. */
          seenAtMs: z.number(),
          /** The same moment on the clock of this boot; 0.1.0 did not write it. */
          seenAtBootMs: z.number().optional(),
          isProven: z.boolean(),
        }),
      ),
    }),
  ),
});

export type SealedKeeperOptions = {
  /** Sealed, on a disk. */
  readonly file: string;
  /** In memory. */
  readonly keyFile: string;
  readonly log: Log;
};

export class SealedKeeper implements CredentialKeeper {
  readonly #options: SealedKeeperOptions;
  /** Undefined: nothing is kept. */
  readonly #key: Buffer | undefined;
  #next: (() => readonly RememberedPlace[]) | undefined;
  #writing: Promise<void> | undefined;

  private constructor(options: SealedKeeperOptions, key: Buffer | undefined) {
    this.#options = options;
    this.#key = key;
  }

  static async open(options: SealedKeeperOptions): Promise<SealedKeeper> {
    const directory = dirname(options.keyFile);
    if (isInMemory(directory)) return new SealedKeeper(options, await loadKey(options.keyFile));
    options.log.warn(
      { directory },
      'the run directory is not in memory: credentials of pulls are forgotten at a restart',
    );
    await rm(options.file, { force: true });
    return new SealedKeeper(options, undefined);
  }

  async load(): Promise<readonly RememberedPlace[]> {
    const { file, log } = this.#options;
    const sealed = this.#key === undefined ? undefined : await readSecretFile(file);
    if (sealed === undefined || this.#key === undefined) return [];
    const document = decode(unseal(sealed, this.#key));
    if (document !== undefined) return document;
    log.info({ file }, 'sealed credentials are of another boot: pulls bring new ones');
    await rm(file, { force: true });
    return [];
  }

  changed(snapshot: () => readonly RememberedPlace[]): void {
    if (this.#key === undefined) return;
    this.#next = snapshot;
    this.#writing ??= this.#writeAll();
  }

  /** One write after the other; changes that come meanwhile share the next one. */
  async #writeAll(): Promise<void> {
    const { file, log } = this.#options;
    for (let next = this.#next; next !== undefined; next = this.#next) {
      this.#next = undefined;
      try {
        await this.#write(next());
      } catch (error) {
        log.warn({ file, reason: String(error) }, 'credentials of pulls could not be kept');
      }
    }
    // With the last look at what is next: a change that comes a moment later begins anew.
    this.#writing = undefined;
  }

  async #write(places: readonly RememberedPlace[]): Promise<void> {
    if (this.#key === undefined) return;
    const text = Buffer.from(JSON.stringify(encode(places)), 'utf8');
    await writePrivately(this.#options.file, seal(text, this.#key));
  }

  async close(): Promise<void> {
    await this.#writing;
  }
}

function encode(places: readonly RememberedPlace[]): z.input<typeof documentSchema> {
  const wallMs = Date.now() - bootClockMs();
  return {
    version: 1,
    places: places.map(({ registry, repository, entries }) => ({
      ...{ registry, repository: repository ?? '' },
      entries: entries.map(({ seenAtMs, ...entry }) => ({
        ...entry,
        ...{ seenAtMs: wallMs + seenAtMs, seenAtBootMs: seenAtMs },
      })),
    })),
  };
}

/** Undefined for what is no such document. */
function decode(text: Buffer | undefined): readonly RememberedPlace[] | undefined {
  if (text === undefined) return undefined;
  try {
    const { places } = documentSchema.parse(JSON.parse(text.toString('utf8')));
    const nowMs = bootClockMs();
    return places.map((place) => ({
      ...place,
      entries: place.entries.map(({ seenAtBootMs, seenAtMs, ...entry }) => ({
        ...entry,
        // Without it only the wall clock is left, which may have been set back.
        seenAtMs: seenAtBootMs ?? nowMs - Math.max(0, Date.now() - seenAtMs),
      })),
    }));
  } catch {
    return undefined;
  }
}
