/** `shoal ls REF|FILE [PATH]` */
import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import type { ImageFlags } from '../image-argument.ts';
import { addImageOptions, IMAGE_ARGUMENT, withTree } from '../image-argument.ts';

const EXAMPLES = `
Examples:
  shoal ls registry.example/app:nydus /usr/bin
  shoal ls -l oci:/srv/images:app /etc/passwd
  shoal ls -lR ./image.boot

Names that are not UTF-8 and control characters are printed as \\xNN. A symlink named last is shown,
not followed, unless the path ends with a slash. No data of the image is fetched.`;

type LsFlags = ImageFlags & {
  readonly long?: boolean;
  readonly recursive?: boolean;
  readonly json?: boolean;
};

export function registerLs(program: Command, context: CliContext): void {
  const command = program
    .command('ls')
    .summary('list files of a converted image')
    .description('Lists what a converted image holds below a path.')
    .argument('<REF|FILE>', IMAGE_ARGUMENT)
    .argument('[PATH]', 'path inside the image', '/')
    .option('-l, --long', 'show type, mode, links, owner, size and time to the nanosecond')
    .option('-R, --recursive', 'show everything below directories')
    .option('--json', 'print JSON, one list with every attribute');
  addImageOptions(command)
    .addHelpText('after', EXAMPLES)
    .action(async (text: string, path: string, flags: LsFlags) => {
      await withTree(text, flags, context, async (tree) => {
        const { entryFacts, formatLongEntry, listTree, printablePath } = await import(
          '@shoal/converter'
        );
        const entries = listTree(tree, { path, isRecursive: flags.recursive === true });
        if (flags.json === true) {
          await context.output.jsonList(entries.map(entryFacts));
          return;
        }
        for (const entry of entries) {
          const isLong = flags.long === true;
          const shown = isLong ? formatLongEntry(entry) : printablePath(entry.path);
          await context.output.line(shown);
          context.signal.throwIfAborted();
        }
      });
    });
}
