/**
 * `index.json` of an OCI image layout: which tag names which manifest. Spec: OCI "Image layout".
 */
import {
  type Descriptor,
  type ImageIndex,
  MANIFEST_BYTES_MAX,
  MediaType,
  OciAnnotation,
  parseManifest,
  quoted,
  sha256Digest,
} from '@shoal/oci';
import { AmbiguousTagError, LayoutError, NotFoundError } from '../errors.ts';
import { LAYOUT_FILE_BYTES_MAX } from '../limits.ts';
import type { FileTree } from '../local/file-tree.ts';

export const LAYOUT_FILE = 'oci-layout';
export const INDEX_FILE = 'index.json';
export const LAYOUT_CONTENT = '{"imageLayoutVersion":"1.0.0"}';
const TAGS_SHOWN_MAX = 8;

export type LayoutIndex = {
  readonly index: ImageIndex;
  /** The bytes as stored, for layouts whose `index.json` itself is the image's index. */
  readonly bytes: Buffer;
};

export const EMPTY_INDEX: ImageIndex = {
  kind: 'index',
  schemaVersion: 2,
  mediaType: MediaType.ociIndex,
  manifests: [],
};

/** Reads `oci-layout` and `index.json`. Throws `ERR_REGISTRY_CLIENT_LAYOUT` when one is missing. */
export async function readLayoutIndex(tree: FileTree): Promise<LayoutIndex> {
  for (const name of [LAYOUT_FILE, INDEX_FILE]) {
    if ((await tree.sizeOf(name)) === undefined) {
      throw new LayoutError(`${tree.description} is not an OCI image layout: no file ${name}`, {
        remedy: 'give the directory or archive that an OCI tool wrote',
      });
    }
  }
  await checkLayoutVersion(tree);
  const bytes = await tree.readBounded(INDEX_FILE, MANIFEST_BYTES_MAX);
  const index = parseManifest(bytes, `${INDEX_FILE} of ${tree.description}`);
  if (index.kind !== 'index') {
    throw new LayoutError(`${INDEX_FILE} of ${tree.description} is not an index`, {
      remedy: 'give the directory or archive that an OCI tool wrote',
    });
  }
  return { index, bytes };
}

async function checkLayoutVersion(tree: FileTree): Promise<void> {
  const text = (await tree.readBounded(LAYOUT_FILE, LAYOUT_FILE_BYTES_MAX)).toString('utf8');
  if (/"imageLayoutVersion"\s*:\s*"1\.\d+\.\d+"/.test(text)) return;
  throw new LayoutError(`${LAYOUT_FILE} of ${tree.description} names no known version`, {
    remedy: 'this version of Shoal reads image layouts 1.x',
  });
}

/** The descriptor a tag names; without a tag the only image, or the one tagged `latest`. */
export function findTagged(
  layout: LayoutIndex,
  tag: string | undefined,
  where: string,
): Descriptor {
  const { manifests } = layout.index;
  if (tag !== undefined) {
    const found = manifests.find((entry) => namesOf(entry).includes(tag));
    if (found !== undefined) return found;
    throw new NotFoundError(`${where}: no image is tagged ${quoted(tag)}`, {
      remedy: tagsRemedy(manifests),
    });
  }
  return findOnly(layout, where);
}

function findOnly(layout: LayoutIndex, where: string): Descriptor {
  const { manifests } = layout.index;
  const tagged = manifests.filter((entry) => namesOf(entry).length > 0);
  const candidates = tagged.length > 0 ? tagged : manifests;
  const [first] = candidates;
  if (first === undefined) {
    throw new NotFoundError(`${where} holds no image`, { remedy: 'check the path' });
  }
  if (candidates.every((entry) => entry.digest === first.digest)) return first;
  const latest = tagged.find((entry) => namesOf(entry).includes('latest'));
  if (latest !== undefined) return latest;
  if (tagged.length === 0 && manifests.every((entry) => entry.platform !== undefined)) {
    const { bytes } = layout;
    const digest = sha256Digest(bytes);
    return { mediaType: MediaType.ociIndex, digest, size: bytes.byteLength };
  }
  throw new AmbiguousTagError(`${where} holds several images`, { remedy: tagsRemedy(manifests) });
}

/** Names an entry is known by: its tag, and the full name some tools add. */
function namesOf(entry: Descriptor): readonly string[] {
  const { annotations } = entry;
  const names = [
    annotations?.[OciAnnotation.refName],
    annotations?.[OciAnnotation.containerdImageName],
  ];
  return names.filter((name) => name !== undefined);
}

function tagsRemedy(manifests: readonly Descriptor[]): string {
  const tags = [...new Set(manifests.flatMap(namesOf))];
  if (tags.length === 0) return 'leave the tag out';
  const shown = tags.slice(0, TAGS_SHOWN_MAX).map(quoted).join(', ');
  return `write one of its tags: ${shown}${tags.length > TAGS_SHOWN_MAX ? ', ...' : ''}`;
}

/** The index with `tag` pointing at `descriptor`; an entry without a tag is added as it is. */
export function withEntry(
  index: ImageIndex,
  descriptor: Descriptor,
  tag: string | undefined,
): ImageIndex {
  const kept = index.manifests.filter((entry) =>
    tag === undefined
      ? entry.digest !== descriptor.digest || namesOf(entry).length > 0
      : entry.annotations?.[OciAnnotation.refName] !== tag,
  );
  const entry =
    tag === undefined
      ? descriptor
      : {
          ...descriptor,
          annotations: { ...descriptor.annotations, [OciAnnotation.refName]: tag },
        };
  return { ...index, manifests: [...kept, entry] };
}
