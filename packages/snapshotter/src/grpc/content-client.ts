/**
 * containerd's content service, as far as Shoal asks it: where an image came from whose client sends
 * no labels. Connected for each question, which is one a pull at most.
 */
import { credentials, Metadata } from '@grpc/grpc-js';
import {
  addressIn,
  type ContentInfo,
  type ContentStore,
  layerIn,
  MANIFEST_FILTER,
} from '../images/content-store.ts';
import type { ImageAddress } from '../images/image-labels.ts';
import { ContentClient, type ListContentResponse } from './gen/content.ts';
import { CONTENT_MESSAGE_BYTES_MAX } from './limits.ts';

export class ContainerdContent implements ContentStore {
  readonly #address: string;

  /** `address` is the path of containerd's socket. */
  constructor(address: string) {
    this.#address = address;
  }

  async findImage(
    namespace: string,
    blobIds: readonly string[],
    signal: AbortSignal,
  ): Promise<ImageAddress | undefined> {
    return this.#ask(namespace, (infos) => addressIn(infos, blobIds), signal);
  }

  async findLayer(
    namespace: string,
    isIt: (digest: string) => boolean,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    return this.#ask(namespace, (infos) => layerIn(infos, isIt), signal);
  }

  async #ask<T>(
    namespace: string,
    find: (infos: AsyncIterable<ContentInfo>) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    signal.throwIfAborted();
    const client = new ContentClient(`unix://${this.#address}`, credentials.createInsecure(), {
      'grpc.max_receive_message_length': CONTENT_MESSAGE_BYTES_MAX,
    });
    const metadata = new Metadata();
    metadata.set('containerd-namespace', namespace);
    const answers = client.list({ filters: [MANIFEST_FILTER] }, metadata);
    // Closing the client would leave a call that runs to a containerd that hangs.
    const cancel = () => answers.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      return await find(manifestsOf(answers));
    } catch (error) {
      throw signal.aborted ? signal.reason : error;
    } finally {
      signal.removeEventListener('abort', cancel);
      cancel();
      client.close();
    }
  }
}

async function* manifestsOf(
  answers: AsyncIterable<ListContentResponse>,
): AsyncGenerator<ContentInfo> {
  for await (const { info } of answers) {
    for (const { digest, labels } of info) yield { digest, labels: Object.fromEntries(labels) };
  }
}
