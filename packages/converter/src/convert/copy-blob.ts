/**
 * Brings a blob of another image to the target: nothing when it is there, a mount inside one
 * registry, a bounded copy otherwise.
 */
import type { Descriptor, ImageReference } from '@shoal/oci';
import type { ImageStore, ImageTarget } from '@shoal/registry-client';

/** Repository a blob may be mounted from: the same registry, another repository. */
export function mountableRepository(
  from: ImageReference,
  target: ImageReference,
): string | undefined {
  if (from.kind !== 'registry' || target.kind !== 'registry') return undefined;
  return from.registry === target.registry ? from.repository : undefined;
}

/** Copies unless it is there; the bytes that were moved. */
export async function copyBlob(
  source: ImageStore,
  target: ImageTarget,
  descriptor: Descriptor,
  options: { readonly fromRepository: string | undefined; readonly signal: AbortSignal },
): Promise<number> {
  const { fromRepository, signal } = options;
  if (await target.hasBlob(descriptor, { signal })) return 0;
  if (fromRepository !== undefined) {
    if (await target.mountBlob(descriptor, fromRepository, { signal })) return 0;
  }
  const writer = await target.openBlobWriter({ signal });
  try {
    for await (const bytes of await source.readBlob(descriptor, { signal })) {
      await writer.write(bytes);
    }
    await writer.commit(descriptor);
  } catch (error) {
    await writer.abort();
    throw error;
  }
  return descriptor.size;
}

/** Stores bytes as a blob. */
export async function writeBlob(
  target: ImageTarget,
  bytes: Buffer,
  identity: { readonly digest: Descriptor['digest']; readonly mediaType: string },
  signal: AbortSignal,
): Promise<Descriptor> {
  const descriptor = { ...identity, size: bytes.length };
  if (await target.hasBlob(descriptor, { signal })) return descriptor;
  const writer = await target.openBlobWriter({ signal });
  try {
    await writer.write(bytes);
    return await writer.commit(descriptor);
  } catch (error) {
    await writer.abort();
    throw error;
  }
}
