/**
 * `REF|FILE` on the command line: an image anywhere, or a bare bootstrap file. What starts with
 * `/`, `./` or `../`, ends with `.boot`, or exists on disk, is a file.
 */
import type { BootstrapFile, ConvertedImage, OpenedImage } from '@shoal/converter';
import type { Platform } from '@shoal/oci';
import type { Command } from 'commander';
import type { ClientFlags } from './client-options.ts';
import { addClientOptions, clientOptionsOf } from './client-options.ts';
import type { CliContext } from './context.ts';

export type ImageFlags = ClientFlags & { readonly platform?: string };

export const IMAGE_ARGUMENT = 'an image (host/name:tag, oci:DIR, ...) or a bootstrap file';

/** Adds the options that choose and reach an image. */
export function addImageOptions(command: Command): Command {
  return addClientOptions(command).option(
    '--platform <platform>',
    'which image of an index, e.g. linux/arm64 (default: this host, or the only one)',
  );
}

/** The platform asked for. Throws `ERR_OCI_PLATFORM`. */
export async function platformOf({ platform }: ImageFlags): Promise<Platform | undefined> {
  if (platform === undefined) return undefined;
  const { parsePlatform } = await import('@shoal/oci');
  return parsePlatform(platform);
}

/** Opens an image of either kind. Throws `ERR_OCI_REFERENCE` and what opening throws. */
export async function openImageArgument(
  text: string,
  flags: ImageFlags,
  context: CliContext,
): Promise<OpenedImage> {
  const [{ openImage }, { parseReference }] = await loadPackages();
  return await openImage(parseReference(text), await openOptions(flags, context));
}

/** Opens an image that has to be a converted one. */
export async function openConvertedArgument(
  text: string,
  flags: ImageFlags,
  context: CliContext,
): Promise<ConvertedImage> {
  const [{ openConvertedImage }, { parseReference }] = await loadPackages();
  return await openConvertedImage(parseReference(text), await openOptions(flags, context));
}

/** Opens the bootstrap file the text names, if it is one. */
export async function openFileArgument(text: string): Promise<BootstrapFile | undefined> {
  const [{ isImageFile, openBootstrapFile }] = await loadPackages();
  return (await isImageFile(text)) ? await openBootstrapFile(text) : undefined;
}

/** Calls `use` with the tree of an image or a bootstrap file, and closes it afterwards. */
export async function withTree<T>(
  text: string,
  flags: ImageFlags,
  context: CliContext,
  use: (tree: BootstrapFile['tree']) => Promise<T>,
): Promise<T> {
  const file = await openFileArgument(text);
  if (file !== undefined) return await use(file.tree);
  await using image = await openConvertedArgument(text, flags, context);
  return await use(image.tree);
}

/** Loaded when a command runs: `shoal --help` does not wait for them. */
function loadPackages() {
  return Promise.all([import('@shoal/converter'), import('@shoal/oci')]);
}

async function openOptions(flags: ImageFlags, context: CliContext) {
  return {
    client: clientOptionsOf(flags, context),
    platform: await platformOf(flags),
    signal: context.signal,
  };
}
