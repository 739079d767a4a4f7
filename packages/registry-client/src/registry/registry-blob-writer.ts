/**
 * Streams one blob into a registry. A blob that fits one buffer is sent in one request; a longer one
 * in chunks, of which one is being sent while the next is filled.
 */
import { type Descriptor, digestAlgorithm, quoted } from '@shoal/oci';
import { ClosedError, DigestMismatchError, ProtocolError, SizeMismatchError } from '../errors.ts';
import type { BlobIdentity, BlobWriter } from '../image-store.ts';
import { UPLOAD_CHUNK_BYTES, UPLOAD_CHUNK_BYTES_MAX } from '../limits.ts';
import { isUploadGone, type UploadPlace, UploadSession } from './upload-session.ts';

export type UploadTarget = {
  hasBlob(identity: BlobIdentity): Promise<boolean>;
  /** Called once, when the writer is done with. */
  onEnd(): void;
};

export class RegistryBlobWriter implements BlobWriter {
  readonly #place: UploadPlace;
  readonly #target: UploadTarget;
  #session: UploadSession | undefined;
  /** Being filled; allocated with the first byte. */
  #chunk: Buffer | undefined;
  #spare: Buffer | undefined;
  #filled = 0;
  /** Bytes handed to the registry, the chunk under way included. */
  #sentBytes = 0;
  #sending: Promise<void> | undefined;
  #isOpen = true;

  constructor(place: UploadPlace, target: UploadTarget) {
    this.#place = place;
    this.#target = target;
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#checkOpen();
    let rest = bytes;
    while (rest.byteLength > 0) {
      const chunk = this.#chunk ?? this.#takeBuffer();
      this.#chunk = chunk;
      const taken = Math.min(rest.byteLength, chunk.byteLength - this.#filled);
      chunk.set(rest.subarray(0, taken), this.#filled);
      this.#filled += taken;
      rest = rest.subarray(taken);
      if (this.#filled === chunk.byteLength && rest.byteLength > 0) await this.#send();
    }
  }

  #takeBuffer(): Buffer {
    const spare = this.#spare;
    this.#spare = undefined;
    return spare ?? Buffer.allocUnsafeSlow(this.#chunkBytes());
  }

  #chunkBytes(): number {
    const least = this.#session?.chunkBytesMin ?? 0;
    if (least > UPLOAD_CHUNK_BYTES_MAX) {
      throw new ProtocolError(
        `${this.#place.endpoint.registry}: wants uploads in chunks of ${least} bytes`,
        { remedy: 'ask whoever runs the registry for a smaller OCI-Chunk-Min-Length' },
      );
    }
    return Math.max(UPLOAD_CHUNK_BYTES, least);
  }

  /** Starts sending the full chunk; waits for the one before. */
  async #send(): Promise<void> {
    const chunk = this.#chunk;
    if (chunk === undefined) return;
    await this.#sending;
    this.#session ??= await UploadSession.open(this.#place);
    if (this.#filled < this.#session.chunkBytesMin) return this.#grow(chunk);
    const offset = this.#sentBytes;
    const sending = this.#session.append(chunk.subarray(0, this.#filled), offset);
    sending.catch(() => undefined);
    this.#sending = sending.then(() => {
      this.#spare = chunk;
    });
    this.#sending.catch(() => undefined);
    this.#sentBytes += this.#filled;
    this.#chunk = undefined;
    this.#filled = 0;
  }

  #grow(chunk: Buffer): void {
    const larger = Buffer.allocUnsafeSlow(this.#chunkBytes());
    larger.set(chunk.subarray(0, this.#filled));
    this.#chunk = larger;
  }

  async commit(identity: BlobIdentity): Promise<Descriptor> {
    this.#checkOpen();
    try {
      await this.#sending;
      const written = this.#sentBytes + this.#filled;
      if (written !== identity.size) {
        throw new SizeMismatchError(this.#where(), identity.digest, identity.size, `${written}`);
      }
      this.#session ??= await UploadSession.open(this.#place);
      await this.#finish(this.#session, identity);
      this.#end();
    } finally {
      await this.abort();
    }
    return { mediaType: identity.mediaType, digest: identity.digest, size: identity.size };
  }

  async #finish(session: UploadSession, identity: BlobIdentity): Promise<void> {
    const rest = this.#chunk?.subarray(0, this.#filled) ?? Buffer.alloc(0);
    try {
      const answer = await session.finish(identity.digest, rest, this.#sentBytes);
      const stored = answer.headers.get('docker-content-digest');
      // Some registries name what came with sha512 by its sha256.
      const isComparable = stored?.startsWith(`${digestAlgorithm(identity.digest)}:`) === true;
      if (isComparable && stored !== identity.digest) {
        throw new DigestMismatchError(this.#where(), identity.digest, quoted(stored));
      }
    } catch (error) {
      // the answer of a PUT that did its work may have been lost
      if (!isUploadGone(error) || !(await this.#target.hasBlob(identity))) throw error;
    }
  }

  async abort(): Promise<void> {
    if (!this.#isOpen) return;
    this.#end();
    await this.#sending?.catch(() => undefined);
    await this.#session?.cancel();
  }

  #end(): void {
    this.#isOpen = false;
    this.#target.onEnd();
    this.#chunk = undefined;
    this.#spare = undefined;
  }

  #checkOpen(): void {
    if (!this.#isOpen) throw new ClosedError(`the upload to ${this.#where()}`);
  }

  #where(): string {
    return `${this.#place.endpoint.registry}/${this.#place.repository}`;
  }
}
