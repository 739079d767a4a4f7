/** `shoal dump REF|FILE [STRUCTURE] [SELECTOR]` */
import type { BootstrapFile, DumpStructure } from '@shoal/converter';
import type { Command } from 'commander';
import { Argument } from 'commander';
import type { CliContext } from '../context.ts';
import { UsageError } from '../errors.ts';
import { printFacts } from '../facts.ts';
import type { ImageFlags } from '../image-argument.ts';
import { addImageOptions, IMAGE_ARGUMENT, withTree } from '../image-argument.ts';

const EXAMPLES = `
Structures:
  superblock          superblock and RAFS extension (the default)
  blobs               blob table and device slots
  prefetch            prefetch table
  chunks [BLOB]       chunk table, all of it or of one blob (numbered from 0)
  inode PATH|'#NID'   one inode: fields, attributes, directory entries or chunks

Examples:
  shoal dump ./image.boot
  shoal dump registry.example/app:nydus inode /usr/bin/env
  shoal dump oci:/srv/images:app inode '#128' --json
  shoal dump oci:/srv/images:app chunks 0`;

/** The values of `DUMP_STRUCTURES`, repeated because help must not load the converter. */
const STRUCTURES: readonly DumpStructure[] = ['superblock', 'blobs', 'prefetch', 'chunks', 'inode'];
const BLOB_INDEX_MAX = 255;

type DumpFlags = ImageFlags & { readonly json?: boolean };

export function registerDump(program: Command, context: CliContext): void {
  const structure = new Argument('[STRUCTURE]', 'what to show');
  const command = program
    .command('dump')
    .summary('structures of a bootstrap as they are stored')
    .description('Shows structures of a bootstrap as they are stored.')
    .argument('<REF|FILE>', IMAGE_ARGUMENT)
    .addArgument(structure.choices(STRUCTURES).default('superblock'))
    .argument('[SELECTOR]', 'which one: a path, a quoted #NID, or the number of a blob')
    .option('--json', 'print JSON');
  addImageOptions(command)
    .addHelpText('after', EXAMPLES)
    .action(
      async (text: string, what: DumpStructure, selector: string | undefined, flags: DumpFlags) => {
        const blob = checkSelector(what, selector);
        await withTree(text, flags, context, async (tree) => {
          const facts = await gather(tree, what, selector, blob);
          if (flags.json === true) await context.output.json(facts);
          else if (Array.isArray(facts)) await printFacts(context.output, { [what]: facts });
          else await printFacts(context.output, facts);
        });
      },
    );
}

/** Refuses selectors that cannot be meant, before anything is opened; gives the blob's number. */
function checkSelector(what: DumpStructure, selector: string | undefined): number | undefined {
  if (what === 'inode' && selector === undefined) {
    throw new UsageError('which inode to dump is missing', {
      remedy: "give a path inside the image or a quoted '#NID'",
    });
  }
  if (what === 'inode' && selector?.startsWith('#') === true && !/^#[1-9]\d{0,9}$/.test(selector)) {
    throw new UsageError(`${selector} is not an inode number`, {
      remedy: "write '#' and a whole number above 0, in quotes",
    });
  }
  if (what === 'inode' || selector === undefined) return undefined;
  if (what !== 'chunks') {
    throw new UsageError(`${what} takes no selector, but ${selector} was given`);
  }
  const blob = /^\d{1,3}$/.test(selector) ? Number(selector) : Number.NaN;
  if (Number.isInteger(blob) && blob < BLOB_INDEX_MAX) return blob;
  throw new UsageError(`${selector} is not the number of a blob`, {
    remedy: `give a whole number from 0 to ${BLOB_INDEX_MAX - 1}`,
  });
}

async function gather(
  tree: BootstrapFile['tree'],
  what: DumpStructure,
  selector: string | undefined,
  blob: number | undefined,
): Promise<object> {
  const dump = await import('@shoal/converter');
  switch (what) {
    case 'blobs':
      return dump.dumpBlobs(tree.bootstrap);
    case 'prefetch':
      return dump.dumpPrefetch(tree);
    case 'chunks':
      return [...dump.dumpChunks(tree.bootstrap, blob)];
    case 'inode':
      return dump.dumpInode(tree, selector ?? '/');
    default:
      return dump.dumpSuperblock(tree.bootstrap);
  }
}
