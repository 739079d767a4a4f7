/**
 * Credentials that pulls through the image service brought, by repository. They count at once, since
 * the pull itself wants its image mounted; those of a pull that failed go again. Bounded in number
 * and in time.
 */
import type {
  CredentialPlace,
  CredentialQuestion,
  CredentialSource,
  Credentials,
} from '@shoal/registry-client';
import { CREDENTIALS_PER_REPOSITORY_MAX, REPOSITORIES_REMEMBERED_MAX } from '../limits.ts';
import { bootClockMs } from './boot-clock.ts';

export type RememberedEntry = {
  readonly credentials: Credentials;
  /** When the last pull brought them, on the clock of `bootClockMs`. */
  readonly seenAtMs: number;
  /** A pull with them succeeded. */
  readonly isProven: boolean;
};

export type RememberedPlace = CredentialPlace & { readonly entries: readonly RememberedEntry[] };

/** Keeps what is remembered over a restart. */
export interface CredentialKeeper {
  load(): Promise<readonly RememberedPlace[]>;
  /** Called after each change; may gather several. */
  changed(snapshot: () => readonly RememberedPlace[]): void;
  close(): Promise<void>;
}

export type PullTrial = { succeeded(): void; failed(): void };

export class RememberedCredentials implements CredentialSource {
  readonly name = 'image service';
  readonly remembers = true;
  readonly #keeper: CredentialKeeper;
  readonly #lifetimeMs: number;
  readonly #places = new Map<string, RememberedPlace>();

  private constructor(keeper: CredentialKeeper, lifetimeMs: number) {
    this.#keeper = keeper;
    this.#lifetimeMs = lifetimeMs;
  }

  static async open(keeper: CredentialKeeper, lifetimeMs: number): Promise<RememberedCredentials> {
    const remembered = new RememberedCredentials(keeper, lifetimeMs);
    for (const place of await keeper.load()) remembered.#put(place, place.entries);
    return remembered;
  }

  /** Repositories for which there is something. */
  get size(): number {
    return this.#places.size;
  }

  /** A pull begins: what it brought is tried from now on. */
  begin(place: CredentialPlace, credentials: Credentials): PullTrial {
    const known = this.#entriesOf(place);
    const isProven = known.some((entry) => entry.isProven && isSame(entry, credentials));
    this.#put(place, [{ credentials, seenAtMs: bootClockMs(), isProven }, ...known]);
    if (isProven) this.#keep();
    return {
      succeeded: () => {
        const entry = { credentials, seenAtMs: bootClockMs(), isProven: true };
        this.#put(place, [entry, ...this.#entriesOf(place)]);
        this.#keep();
      },
      failed: () => {
        const left = this.#entriesOf(place);
        this.#put(
          place,
          left.filter((entry) => entry.isProven || !isSame(entry, credentials)),
        );
      },
    };
  }

  async find({ registry, repository }: CredentialQuestion): Promise<readonly Credentials[]> {
    return this.#entriesOf({ registry, repository }).map(({ credentials }) => credentials);
  }

  /** Writes what is not written yet. */
  close(): Promise<void> {
    return this.#keeper.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Those whose time is not over, whatever becomes of the wall clock. */
  #entriesOf(place: CredentialPlace): readonly RememberedEntry[] {
    const nowMs = bootClockMs();
    return (this.#places.get(keyOf(place))?.entries ?? []).filter(
      ({ seenAtMs }) => nowMs - seenAtMs < this.#lifetimeMs,
    );
  }

  #put({ registry, repository }: CredentialPlace, entries: readonly RememberedEntry[]): void {
    const key = keyOf({ registry, repository });
    this.#places.delete(key);
    const different = entries.filter(
      (entry, index) =>
        entries.findIndex(({ credentials }) => isSame(entry, credentials)) === index,
    );
    const kept = different.slice(0, CREDENTIALS_PER_REPOSITORY_MAX);
    if (kept.length > 0) this.#places.set(key, { registry, repository, entries: kept });
    const [oldest] = this.#places.keys();
    if (this.#places.size > REPOSITORIES_REMEMBERED_MAX && oldest !== undefined) {
      this.#places.delete(oldest);
    }
  }

  #keep(): void {
    this.#keeper.changed(() =>
      [...this.#places.values()].flatMap((place) => {
        const entries = this.#entriesOf(place).filter(({ isProven }) => isProven);
        return entries.length === 0 ? [] : [{ ...place, entries }];
      }),
    );
  }
}

function keyOf({ registry, repository }: CredentialPlace): string {
  return `${registry}/${repository ?? ''}`;
}

function isSame(entry: RememberedEntry, credentials: Credentials): boolean {
  return JSON.stringify(entry.credentials) === JSON.stringify(credentials);
}
