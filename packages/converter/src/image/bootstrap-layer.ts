/**
 * The last layer of a converted image: an archive with the bootstrap and, for each blob, a file
 * with its chunk information. Spec: format page, section 10.2.
 */
import type { Descriptor } from '@shoal/oci';
import type { BootstrapLayer } from '@shoal/rafs';
import { decodeBootstrapLayerTar } from '@shoal/rafs';
import type { ImageStore } from '@shoal/registry-client';
import { readLayer } from '../layer/layer-stream.ts';
import { BootstrapLayerError } from './errors.ts';
import { BOOTSTRAP_LAYER_BYTES_MAX } from './limits.ts';

/** Reads, checks the digest and decodes the layer. */
export async function readBootstrapLayer(
  store: ImageStore,
  layer: Descriptor,
  signal: AbortSignal,
): Promise<BootstrapLayer> {
  const pieces: Buffer[] = [];
  let length = 0;
  const stored = await store.readBlob(layer, { signal });
  for await (const bytes of readLayer(stored, layer.digest, () => {})) {
    length += bytes.length;
    if (length > BOOTSTRAP_LAYER_BYTES_MAX) {
      throw new BootstrapLayerError(layer.digest, `more than ${BOOTSTRAP_LAYER_BYTES_MAX} bytes`);
    }
    // A yielded buffer is valid until the next only.
    pieces.push(Buffer.from(bytes));
  }
  return decodeBootstrapLayerTar(Buffer.concat(pieces));
}
