/** What is known of every opened image, and the ordinary kind. */
import type { Descriptor, ImageConfig, ImageIndex, ImageManifest } from '@shoal/oci';
import type { ImageStore } from '@shoal/registry-client';

export type OpenedImageFacts = {
  /** The reference, for messages. */
  readonly description: string;
  readonly store: ImageStore;
  /** Of the manifest. */
  readonly descriptor: Descriptor;
  readonly manifest: ImageManifest;
  readonly config: ImageConfig;
  /** The index the manifest was chosen from. */
  readonly index: ImageIndex | undefined;
};

/** An image of ordinary layers. */
export class OrdinaryImage implements AsyncDisposable {
  readonly kind = 'ordinary';
  readonly facts: OpenedImageFacts;

  constructor(facts: OpenedImageFacts) {
    this.facts = facts;
  }

  async close(): Promise<void> {
    await this.facts.store.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
