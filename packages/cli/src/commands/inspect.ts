/** `shoal inspect REF|FILE` */
import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { printFacts } from '../facts.ts';
import type { ImageFlags } from '../image-argument.ts';
import {
  addImageOptions,
  IMAGE_ARGUMENT,
  openFileArgument,
  openImageArgument,
} from '../image-argument.ts';

const EXAMPLES = `
Examples:
  shoal inspect registry.example/app:nydus
  shoal inspect oci:/srv/images:app --json
  shoal inspect ./image.boot

Reads the bootstrap only, never data. Counts are exact: the whole tree is walked.`;

type InspectFlags = ImageFlags & { readonly json?: boolean };

export function registerInspect(program: Command, context: CliContext): void {
  const command = program
    .command('inspect')
    .summary('sizes, chunks, blobs, deduplication, features of an image')
    .description('Tells what an image is made of: documents, layers, bootstrap, blobs, chunks.')
    .argument('<REF|FILE>', IMAGE_ARGUMENT)
    .option('--json', 'print JSON');
  addImageOptions(command)
    .addHelpText('after', EXAMPLES)
    .action(async (text: string, flags: InspectFlags) => {
      const facts = await gather(text, flags, context);
      if (flags.json === true) await context.output.json(facts);
      else await printFacts(context.output, facts);
    });
}

async function gather(text: string, flags: InspectFlags, context: CliContext): Promise<object> {
  const { inspectFile, inspectImage } = await import('@shoal/converter');
  const file = await openFileArgument(text);
  if (file !== undefined) return inspectFile(file);
  await using image = await openImageArgument(text, flags, context);
  return inspectImage(image);
}
