/**
 * Writes one image of a registry. Spec: OCI distribution, "Push".
 */
import { errorCode } from '@shoal/errors';
import {
  type Descriptor,
  type Digest,
  encodeManifest,
  type ImageIndex,
  MediaType,
  parseManifest,
  quoted,
  sha256Digest,
} from '@shoal/oci';
import { DigestMismatchError, StatusError, TargetRefusedError } from '../errors.ts';
import { discardBody } from '../http/body-pieces.ts';
import type {
  BlobIdentity,
  BlobWriter,
  CallOptions,
  ImageTarget,
  WriteManifestOptions,
} from '../image-store.ts';
import { referrerDescriptor } from '../referrer-descriptor.ts';
import { verifyDigest } from '../verify.ts';
import { referrersTag } from './referrers.ts';
import { RegistryBlobWriter } from './registry-blob-writer.ts';
import { RegistryStore } from './registry-store.ts';
import { UploadSession } from './upload-session.ts';

export class RegistryTarget extends RegistryStore implements ImageTarget {
  readonly #writers = new Set<RegistryBlobWriter>();

  hasBlob(descriptor: Descriptor, options: CallOptions = {}): Promise<boolean> {
    const signal = this.signalOf(options);
    return this.calls.run(() => this.#askForBlob(descriptor, signal));
  }

  async #askForBlob(
    descriptor: Pick<Descriptor, 'digest'>,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const answer = await this.endpoint.callForHead({
      method: 'HEAD',
      target: `/v2/${this.reference.repository}/blobs/${descriptor.digest}`,
      scopes: this.#scopes(),
      accept: [200, 301, 302, 303, 307, 308, 404],
      subject: `${this.reference.repository}: blob ${descriptor.digest}`,
      signal,
    });
    return answer.status !== 404;
  }

  #scopes(): string[] {
    return [`repository:${this.reference.repository}:pull,push`];
  }

  mountBlob(
    descriptor: Descriptor,
    fromRepository: string,
    options: CallOptions = {},
  ): Promise<boolean> {
    const signal = this.signalOf(options);
    return this.calls.run(() => this.#askForMount(descriptor, fromRepository, signal));
  }

  async #askForMount(
    descriptor: Descriptor,
    fromRepository: string,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const { repository } = this.reference;
    const query = new URLSearchParams({ mount: descriptor.digest, from: fromRepository });
    try {
      const answer = await this.endpoint.callForHead({
        method: 'POST',
        target: `/v2/${repository}/blobs/uploads/?${query}`,
        scopes: [...this.#scopes(), `repository:${fromRepository}:pull`],
        headers: { 'content-length': '0' },
        accept: [201, 202],
        subject: `${repository}: mount of ${descriptor.digest}`,
        signal,
      });
      if (answer.status === 201) return true;
      const place = { endpoint: this.endpoint, repository, signal };
      await UploadSession.adopt(place, answer).cancel();
      return false;
    } catch (error) {
      if (isMountRefused(error)) return false;
      throw error;
    }
  }

  async openBlobWriter(options: CallOptions = {}): Promise<BlobWriter> {
    const signal = this.signalOf(options);
    const place = { endpoint: this.endpoint, repository: this.reference.repository, signal };
    const writer = new RegistryBlobWriter(place, {
      hasBlob: (identity: BlobIdentity) => this.#askForBlob(identity, signal),
      onEnd: () => this.#writers.delete(writer),
    });
    this.#writers.add(writer);
    return writer;
  }

  /** Cancels uploads that were not committed. */
  override async close(): Promise<void> {
    for (const writer of this.#writers) await writer.abort();
    await super.close();
  }

  writeManifest(
    bytes: Buffer,
    mediaType: string,
    options: WriteManifestOptions = {},
  ): Promise<Descriptor> {
    return this.calls.run(() => this.#writeManifest(bytes, mediaType, options));
  }

  async #writeManifest(
    bytes: Buffer,
    mediaType: string,
    options: WriteManifestOptions,
  ): Promise<Descriptor> {
    const usual = sha256Digest(bytes);
    const digest = await this.#nameManifest(bytes, mediaType, options);
    const descriptor = { mediaType, digest, size: bytes.byteLength };
    const document = parseManifest(bytes, `manifest ${digest}`);
    const name = options.tag === false ? digest : (options.tag ?? this.#ownTag());
    const headers = await this.#putManifest(name, bytes, mediaType, options);
    const stored = headers.get('docker-content-digest');
    if (stored?.startsWith('sha256:') && stored !== usual) {
      throw new DigestMismatchError(`${this.where}:${name}`, usual, quoted(stored));
    }
    const { subject } = document;
    if (subject !== undefined && !headers.has('oci-subject')) {
      await this.#addToReferrersTag(
        subject.digest,
        referrerDescriptor(descriptor, document),
        options,
      );
    }
    return descriptor;
  }

  /**
   * The digest the registry knows it by. By its tag alone that would be its sha256; another one is
   * tried, and many registries refuse it.
   */
  async #nameManifest(
    bytes: Buffer,
    mediaType: string,
    options: WriteManifestOptions,
  ): Promise<Digest> {
    const usual = sha256Digest(bytes);
    const { digest = usual } = options;
    if (digest === usual) return usual;
    verifyDigest(bytes, digest, this.where);
    try {
      await this.#putManifest(digest, bytes, mediaType, options);
      return digest;
    } catch (error) {
      if (error instanceof StatusError && error.status === 400) return usual;
      throw error;
    }
  }

  #ownTag(): string {
    const { tag, digest } = this.reference;
    if (tag !== undefined) return tag;
    if (digest === undefined) return 'latest';
    throw new TargetRefusedError(`${this.description} names a digest, which cannot be written`, {
      remedy: 'give the target a tag',
    });
  }

  async #putManifest(
    name: string,
    bytes: Buffer,
    mediaType: string,
    options: CallOptions,
  ): Promise<ReadonlyMap<string, string>> {
    const { repository } = this.reference;
    const answer = await this.endpoint.call({
      method: 'PUT',
      target: `/v2/${repository}/manifests/${name}`,
      scopes: this.#scopes(),
      headers: { 'content-type': mediaType },
      body: bytes,
      accept: [201, 200, 202, 204],
      subject: `${repository}: manifest ${name}`,
      signal: this.signalOf(options),
    });
    await discardBody(answer);
    return answer.headers;
  }

  /** Registries without the referrers API: the list is an index under a tag of its own. */
  async #addToReferrersTag(
    subject: Digest,
    referrer: Descriptor,
    options: CallOptions,
  ): Promise<void> {
    const known = await this.listReferrers(subject, options);
    if (known.some((entry) => entry.digest === referrer.digest)) return;
    const index: ImageIndex = {
      kind: 'index',
      schemaVersion: 2,
      mediaType: MediaType.ociIndex,
      manifests: [...known, referrer],
    };
    await this.#putManifest(
      referrersTag(subject),
      encodeManifest(index),
      MediaType.ociIndex,
      options,
    );
  }
}

/** Mounting is an offer: whatever the registry has against it, the blob can still be uploaded. */
function isMountRefused(error: unknown): boolean {
  if (error instanceof StatusError) return error.status < 500 && error.status !== 429;
  const refusals = ['NOT_FOUND', 'UNAUTHORIZED', 'DENIED'];
  return refusals.some((name) => errorCode(error) === `ERR_REGISTRY_CLIENT_${name}`);
}
