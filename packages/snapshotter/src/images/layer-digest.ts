/**
 * The digest of a data layer whose client sends no labels, asked of containerd's content store. It is
 * what the image's manifest says, as a label would be.
 */
import { type Digest, isDigest } from '@shoal/oci';
import { errorFields } from '../service-log.ts';
import type { LayerRequest } from '../snapshots/lazy-layers.ts';
import { hasChainId } from './chain-proof.ts';
import type { ContentStore } from './content-store.ts';
import { LazyImageError, LazyImageUnreachableError } from './errors.ts';
import { COMMIT_DEADLINE_MS } from './limits.ts';

const DETAIL = 'the client does not say which registry and layers it comes from';
const REMEDY =
  'turn snapshot annotations on in containerd, or give [snapshotter] containerd_address';

/** @throws LazyImageError when nobody knows it: no containerd can unpack a data layer */
export async function askLayerDigest(
  content: ContentStore | undefined,
  request: LayerRequest,
  imageRef = 'the image',
): Promise<Digest> {
  if (content === undefined) throw new LazyImageError(imageRef, DETAIL, { remedy: REMEDY });
  const namespace = request.key.split('/')[0] ?? '';
  const deadline = AbortSignal.timeout(COMMIT_DEADLINE_MS);
  const isIt = (text: string) => isDigest(text) && hasChainId(request, text);
  const found = await content
    .findLayer(namespace, isIt, AbortSignal.any([request.signal, deadline]))
    .catch((error: unknown): never => {
      const { reason } = errorFields(error);
      const detail = `containerd does not answer: ${reason}`;
      throw new LazyImageUnreachableError(imageRef, detail, { cause: error });
    });
  if (found !== undefined && isDigest(found)) return found;
  throw new LazyImageError(imageRef, `${DETAIL}, nor does containerd`, { remedy: REMEDY });
}
