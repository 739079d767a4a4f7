/**
 * Chain ids: the name of a layer on top of the layers below it. Spec: OCI image configuration,
 * "Layer ChainID".
 */
import { type Digest, sha256Digest } from './digest.ts';

/** `parent` is the chain id of the layers below; undefined for the lowest layer. */
export function chainId(parent: string | undefined, diffId: Digest): Digest {
  return parent === undefined ? diffId : sha256Digest(Buffer.from(`${parent} ${diffId}`));
}
