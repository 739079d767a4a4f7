/** `shoal cache gc` and `shoal cache verify`: what the caches hold that may go, and whether it is right. */
import type { CollectedCache, VerifiedCache } from '@shoal/node/client';
import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { addDaemonOptions, type DaemonOptionValues, daemonPathsOf } from '../daemon-options.ts';
import { ExitCode } from '../exit-code.ts';
import { formatBytes, formatCount } from '../quantity-text.ts';

type CacheOptions = DaemonOptionValues & {
  readonly dryRun?: boolean;
  readonly all?: boolean;
  readonly json?: boolean;
};

const EXAMPLES = `
Examples:
  shoal cache gc --dry-run
  shoal cache gc --all
  shoal cache verify

gc removes what the daemon would remove by itself within a minute: blobs that no mount uses, by age and by the
watermarks of the configuration, those of images that containerd has removed first. A blob that a mount uses
is never touched. verify compares what mounts have here with the digests of their images; what is
damaged is fetched again when it is read (exit status 1 when there was any).`;

const ACTIONS = ['gc', 'verify'] as const;
type Action = (typeof ACTIONS)[number];

export function registerCache(program: Command, context: CliContext): void {
  const command = program
    .command('cache')
    .summary('remove what no mount uses, or check what they use')
    .description('Remove blobs that no mount uses, or check those that mounts use.')
    .addArgument(program.createArgument('<ACTION>', 'what to do').choices(ACTIONS))
    .option('--dry-run', 'gc: only list what would go')
    .option('--all', 'gc: everything that no mount uses')
    .option('--json', 'print JSON');
  addDaemonOptions(command)
    .addHelpText('after', EXAMPLES)
    .action((action: Action, options: CacheOptions) =>
      action === 'gc' ? runGc(options, context) : runVerify(options, context),
    );
}

async function clientOf(options: CacheOptions, context: CliContext) {
  const { ControlClient } = await import('@shoal/node/client');
  return new ControlClient((await daemonPathsOf(options, context)).socket);
}

async function runGc(options: CacheOptions, context: CliContext): Promise<void> {
  const { output, signal } = context;
  const client = await clientOf(options, context);
  const request = { isDryRun: options.dryRun === true, takesAll: options.all === true };
  const caches = await client.collectCaches(request, { signal });
  if (options.json === true) return output.json(caches);
  for (const cache of caches) {
    for (const line of gcLines(cache, request.isDryRun)) await output.line(line);
  }
}

function gcLines(cache: CollectedCache, isDryRun: boolean): readonly string[] {
  const { directory, bytes, unusedBytes, diskUsedPercent, freedBytes, blobs } = cache;
  const verb = isDryRun ? 'would be freed' : 'freed';
  return [
    `${directory}: ${formatBytes(bytes)}, ${formatBytes(unusedBytes)} of it unused; disk ${diskUsedPercent} % full`,
    ...blobs.map(({ key, bytes: size, lastUse, reason, isRemoved }) => {
      const why = isRemoved ? `${reason}; its image was removed` : reason;
      return `  ${key}  ${formatBytes(size)}  last used ${lastUse}  (${why})`;
    }),
    `  ${formatBytes(freedBytes)} ${verb}, ${formatCount(blobs.length, 'blob')}`,
  ];
}

async function runVerify(options: CacheOptions, context: CliContext): Promise<void> {
  const { output, signal } = context;
  const caches = await (await clientOf(options, context)).verifyCaches({ signal });
  const isDamaged = caches.some(({ blobs }) =>
    blobs.some(({ chunksDamaged }) => chunksDamaged > 0),
  );
  if (options.json === true) await output.json(caches);
  else for (const line of caches.flatMap(verifyLines)) await output.line(line);
  if (isDamaged) context.finish(ExitCode.failed);
}

function verifyLines({ directory, blobs, unusedBlobs }: VerifiedCache): readonly string[] {
  return [
    directory,
    ...blobs.map(({ key, chunksChecked, bytesChecked, chunksDamaged }) => {
      const result =
        chunksDamaged === 0 ? 'sound' : `${formatCount(chunksDamaged, 'chunk')} damaged`;
      return `  ${key}  ${formatCount(chunksChecked, 'chunk')}, ${formatBytes(bytesChecked)}: ${result}`;
    }),
    `  ${formatCount(unusedBlobs, 'blob')} not used by a mount, not checked`,
  ];
}
