/**
 * Whether a blob has the size that somebody names: manifests, images and hosts may name any. What counts
 * is what the place says that the blob is from.
 */
import type { BlobReadOptions, BlobSource, SizedBlob } from '@shoal/blob-store';
import { LRUCache } from 'lru-cache';
import { type ByteRange, rangeBytes } from '../ranges/byte-range.ts';
import { HOME_FAILING_MS, SIZE_QUESTIONS_MAX } from './limits.ts';

/** As little of a blob as proves that it is there, and has its size said. */
export const FIRST_BYTE: ByteRange = { start: 0, end: 1 };

/** False also where it does not say any size. Rejects as the origin's read does. */
export async function hasSize(
  origin: BlobSource,
  blob: SizedBlob,
  signal?: AbortSignal,
): Promise<boolean> {
  return (await sizeSaid(origin, blob, signal)) === blob.sizeBytes;
}

type Answer = { readonly said: Promise<number | undefined>; untilMs: number };

/**
 * Questions that others cause: one for each blob of a repository, whatever sizes are named, and not again
 * soon after it. All who name one meanwhile are told by what was said then.
 */
export class SizeQuestions {
  readonly #answers = new LRUCache<string, Answer>({ max: SIZE_QUESTIONS_MAX });
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** `origin` is the repository's. Never rejects. */
  async ask(origin: BlobSource, repository: string, blob: SizedBlob): Promise<boolean> {
    const key = `${repository} ${blob.blobId}`;
    const known = this.#answers.get(key);
    const isFresh = known !== undefined && known.untilMs > this.#nowMs();
    const { said } = isFresh ? known : this.#begin(key, origin, blob);
    return (await said) === blob.sizeBytes;
  }

  #begin(key: string, origin: BlobSource, blob: SizedBlob): Answer {
    const said = sizeSaid(origin, blob).catch(() => undefined);
    const answer = { said, untilMs: Number.POSITIVE_INFINITY };
    this.#answers.set(key, answer);
    void said.then(() => {
      answer.untilMs = this.#nowMs() + HOME_FAILING_MS;
    });
    return answer;
  }
}

async function sizeSaid(
  origin: BlobSource,
  blob: SizedBlob,
  signal?: AbortSignal,
): Promise<number | undefined> {
  const options = signal === undefined ? {} : { signal };
  return (await readHearingSize(origin, blob, FIRST_BYTE, options)).said;
}

/** `said`: undefined where the origin says none. */
export async function readHearingSize(
  origin: BlobSource,
  { blobId, sizeBytes }: SizedBlob,
  range: ByteRange,
  options: BlobReadOptions,
): Promise<{ readonly bytes: Buffer; readonly said: number | undefined }> {
  let said: number | undefined;
  const onSize = (size: number) => {
    said = size;
  };
  const reading = { ...options, onSize };
  const bytes = await origin.read({ blobId, sizeBytes }, range.start, rangeBytes(range), reading);
  return { bytes, said };
}
