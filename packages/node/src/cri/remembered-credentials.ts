/**
 * Credentials that pulls through the image service brought, by repository. They count at once, since
 * the pull itself wants its image mounted; those of a pull that failed go again. Bounded in number
 * and in time: what no pull has proven never displaces what one has, or wrong secrets would take
 * running containers theirs.
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

  /** `entries` the newest first; behind that one those that are proven, before a client tires of trying. */
  #put({ registry, repository }: CredentialPlace, entries: readonly RememberedEntry[]): void {
    const key = keyOf({ registry, repository });
    this.#places.delete(key);
    const different = differing(entries);
    const proven = different.filter(({ isProven }) => isProven);
    const unproven = different.filter(({ isProven }) => !isProven);
    const kept = differing([
      ...different.slice(0, 1),
      ...proven.slice(0, CREDENTIALS_PER_REPOSITORY_MAX),
      ...unproven.slice(0, CREDENTIALS_PER_REPOSITORY_MAX),
    ]);
    if (kept.length > 0) this.#places.set(key, { registry, repository, entries: kept });
    if (this.#places.size > REPOSITORIES_REMEMBERED_MAX) this.#forgetOne(key);
  }

  /** The oldest place for which nothing is proven; the oldest when that is only the newest. */
  #forgetOne(newest: string): void {
    const isProven = (place: RememberedPlace) =>
      this.#entriesOf(place).some((entry) => entry.isProven);
    const places = [...this.#places];
    const unproven = places.find(([key, place]) => key !== newest && !isProven(place));
    const [key] = unproven ?? places[0] ?? [newest];
    this.#places.delete(key);
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

/** The first of each. */
function differing(entries: readonly RememberedEntry[]): readonly RememberedEntry[] {
  return entries.filter(
    (entry, index) => entries.findIndex(({ credentials }) => isSame(entry, credentials)) === index,
  );
}

function isSame(entry: RememberedEntry, credentials: Credentials): boolean {
  return JSON.stringify(entry.credentials) === JSON.stringify(credentials);
}
