/** The swarms of a host, by blob: opened at their first use, closed when nobody has used them for long. */
import type { SizedBlob } from '@shoal/blob-store';
import { KeyedLock } from '@shoal/concurrency';
import type { BlobId } from '@shoal/oci';
import { PeerClosedError, StoredBlobSizeError } from '../errors.ts';
import { SWARM_CHECK_MS, SWARM_IDLE_MS, SWARMS_MAX } from './limits.ts';
import type { Swarm } from './swarm.ts';

export type SwarmTableInput = {
  /** Of a blob of which bytes are stored. */
  readonly storedSize: (blobId: BlobId) => number | undefined;
  /** Throws where the blob cannot be stored, or is known with another size. */
  readonly open: (blobId: BlobId, sizeBytes: number) => Promise<Swarm>;
  /** Nobody uses it any more. */
  readonly onClosed: (swarm: Swarm) => void;
  readonly nowMs: () => number;
};

export type WantedSwarm = SizedBlob & {
  /**
   * Whether the blob is of that size where it is from: asked when another one is known, which gives way
   * unless its own place has said so. @default it is not known
   */
  readonly confirm?: () => Promise<boolean>;
};

type Entry = { readonly swarm: Swarm; users: number; usedAtMs: number };

export class SwarmTable implements AsyncDisposable {
  readonly #input: SwarmTableInput;
  readonly #entries = new Map<BlobId, Entry>();
  readonly #turns = new KeyedLock();
  readonly #timer: NodeJS.Timeout;
  #isClosed = false;

  constructor(input: SwarmTableInput) {
    this.#input = input;
    this.#timer = setInterval(() => void this.#closeIdle(SWARM_IDLE_MS), SWARM_CHECK_MS).unref();
  }

  get count(): number {
    return this.#entries.size;
  }

  get(blobId: BlobId): Swarm | undefined {
    return this.#entries.get(blobId)?.swarm;
  }

  all(): readonly Swarm[] {
    return Array.from(this.#entries.values(), ({ swarm }) => swarm);
  }

  /**
   * Uses the swarm of a blob; it stays open meanwhile. Throws `ERR_P2P_STORED_BLOB_SIZE` where another size
   * counts, and what opening it or `confirm` throws.
   */
  async use<T>(blob: WantedSwarm, work: (swarm: Swarm) => Promise<T> | T): Promise<T> {
    const entry = await this.#enter(blob);
    try {
      return await work(entry.swarm);
    } finally {
      entry.users -= 1;
      entry.usedAtMs = this.#input.nowMs();
    }
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    const entries = [...this.#entries.keys()];
    await Promise.all(entries.map((blobId) => this.#turns.run(blobId, () => this.#end(blobId))));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #enter(wanted: WantedSwarm): Promise<Entry> {
    const { blobId, sizeBytes, confirm } = wanted;
    const known = this.#entries.get(blobId);
    const knownSize = known?.swarm.sizeBytes ?? this.#input.storedSize(blobId);
    const isOther = knownSize !== undefined && knownSize !== sizeBytes;
    if (isOther && known?.swarm.isSizeConfirmed === true) throw otherSize(wanted);
    const isConfirmed = isOther && (await confirm?.()) === true;
    if (isOther && !isConfirmed) throw otherSize(wanted);
    const isOpen = known !== undefined && !isOther;
    const opening = () => this.#open(wanted, isConfirmed);
    const entry = isOpen ? known : await this.#turns.run(blobId, opening);
    entry.users += 1;
    entry.usedAtMs = this.#input.nowMs();
    return entry;
  }

  async #open(wanted: WantedSwarm, isConfirmed: boolean): Promise<Entry> {
    const { blobId, sizeBytes } = wanted;
    const known = this.#entries.get(blobId);
    if (known?.swarm.sizeBytes === sizeBytes) return known;
    if (this.#isClosed) throw new PeerClosedError();
    if (known !== undefined) {
      if (!isConfirmed || known.swarm.isSizeConfirmed) throw otherSize(wanted);
      await this.#close(known);
    }
    if (this.#entries.size >= SWARMS_MAX) await this.#closeIdle(0);
    const swarm = await this.#input.open(blobId, sizeBytes);
    if (isConfirmed) swarm.confirmSize();
    const entry = { swarm, users: 0, usedAtMs: this.#input.nowMs() };
    this.#entries.set(blobId, entry);
    return entry;
  }

  /** The longest unused first; those in use stay. */
  async #closeIdle(idleMs: number): Promise<void> {
    const before = this.#input.nowMs() - idleMs;
    const idle = [...this.#entries]
      .filter(([, { users, usedAtMs }]) => users === 0 && usedAtMs <= before)
      .sort(([, a], [, b]) => a.usedAtMs - b.usedAtMs);
    const count = idleMs > 0 ? idle.length : Math.ceil(SWARMS_MAX / 8);
    await Promise.all(idle.slice(0, count).map(([blobId]) => this.#end(blobId)));
  }

  async #end(blobId: BlobId): Promise<void> {
    const entry = this.#entries.get(blobId);
    if (entry === undefined || (entry.users > 0 && !this.#isClosed)) return;
    await this.#close(entry);
  }

  /** Whoever uses it hears that it is closed. */
  async #close({ swarm }: Entry): Promise<void> {
    this.#entries.delete(swarm.blobId);
    this.#input.onClosed(swarm);
    await swarm.close();
  }
}

function otherSize({ blobId, sizeBytes }: WantedSwarm): StoredBlobSizeError {
  return new StoredBlobSizeError(blobId, sizeBytes, 'it is known with another size');
}
