/** `shoal cat REF PATH` */
import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { UsageError } from '../errors.ts';
import type { ImageFlags } from '../image-argument.ts';
import { addImageOptions, openConvertedArgument } from '../image-argument.ts';
import { sizeParser } from '../option-values.ts';

const EXAMPLES = `
Examples:
  shoal cat registry.example/app:nydus /etc/os-release
  shoal cat oci:/srv/images:app /usr/lib/big.so --offset 1m --length 4k | xxd

Only the chunks that hold the wanted bytes are fetched; each is verified against its digest before
any of it is printed. Symlinks are followed inside the image.`;

type CatFlags = ImageFlags & { readonly offset?: number; readonly length?: number };

export function registerCat(program: Command, context: CliContext): void {
  const parseSize = sizeParser(0, Number.MAX_SAFE_INTEGER);
  const command = program
    .command('cat')
    .summary('write a file of a converted image to standard output')
    .description('Writes the bytes of one file of a converted image to standard output.')
    .argument('<REF>', 'a converted image')
    .argument('<PATH>', 'path inside the image')
    .option('--offset <bytes>', 'start here (k, m, g: powers of 1024)', parseSize)
    .option('--length <bytes>', 'write at most this much', parseSize);
  addImageOptions(command)
    .addHelpText('after', EXAMPLES)
    .action(async (text: string, path: string, flags: CatFlags) => {
      const { catFile } = await import('@shoal/converter');
      await refuseFile(text);
      await using image = await openConvertedArgument(text, flags, context);
      const { offset, length } = flags;
      const { signal } = context;
      for await (const bytes of catFile(image, path, { offset, length, signal })) {
        await context.output.bytes(bytes);
      }
    });
}

/** Other commands take a file; this one would only say that it is no reference. */
async function refuseFile(text: string): Promise<void> {
  const { isImageFile } = await import('@shoal/converter');
  if (!(await isImageFile(text))) return;
  throw new UsageError(`${text} is a file: a bootstrap file holds no file contents`, {
    remedy:
      'give a converted image: host/name:tag, oci:DIR[:TAG], oci-archive:FILE or docker-archive:FILE',
  });
}
