/** The files of an artifact: layers that say their name, as ORAS pushes them. */
import type { Descriptor, ImageManifest } from '@shoal/oci';
import { SubjectError, TitleError } from '../errors.ts';
import { TITLES_NAMED_MAX } from '../limits.ts';
import { titleParts } from '../target/file-title.ts';

const TITLE = 'org.opencontainers.image.title';

export type TitledLayer = { readonly title: string; readonly descriptor: Descriptor };

/** As they are written: not checked. */
export function titledLayers({ layers }: ImageManifest): readonly TitledLayer[] {
  return layers.flatMap((descriptor) => {
    const title = descriptor.annotations?.[TITLE];
    return title === undefined ? [] : [{ title, descriptor }];
  });
}

/** All, each under a name that can be made, no two in each other's way. Throws `ERR_DOWNLOADS_TITLE`. */
export function checkTitles(layers: readonly TitledLayer[]): void {
  const files = new Set<string>();
  const directories = new Set<string>();
  for (const { title } of layers) {
    const parts = titleParts(title);
    if (files.has(title)) throw new TitleError(title, 'twice');
    files.add(title);
    for (let count = 1; count < parts.length; count++) {
      directories.add(parts.slice(0, count).join('/'));
    }
  }
  for (const file of files) {
    if (directories.has(file)) throw new TitleError(file, 'which is a directory of another one');
  }
}

/** The one of that name. Throws `ERR_DOWNLOADS_SUBJECT`, which names some that there are. */
export function layerTitled(
  layers: readonly TitledLayer[],
  path: string,
  where: string,
): TitledLayer {
  const wanted = path.replace(/^\/+/, '');
  const found = layers.filter(({ title }) => title === wanted);
  const [first] = found;
  if (first !== undefined && found.length === 1) return first;
  if (first !== undefined) throw new TitleError(wanted, 'twice');
  const names = layers.slice(0, TITLES_NAMED_MAX).map(({ title }) => title.slice(0, 100));
  const more = layers.length > names.length ? ' and more' : '';
  throw new SubjectError(`${where} has no file ${wanted}`, {
    remedy: `it has ${names.join(', ')}${more}`,
  });
}
