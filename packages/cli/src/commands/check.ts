/** `shoal check --source REF --target REF` */
import type { CheckReport, Difference } from '@shoal/converter';
import type { Command } from 'commander';
import { ByteProgress } from '../byte-progress.ts';
import { clientOptionsOf } from '../client-options.ts';
import type { CliContext } from '../context.ts';
import { UsageError } from '../errors.ts';
import { ExitCode } from '../exit-code.ts';
import type { ImageFlags } from '../image-argument.ts';
import { addImageOptions, platformOf } from '../image-argument.ts';

const EXAMPLES = `
Examples:
  shoal check --source registry.example/app:1 --target registry.example/app:1-nydus
  shoal check --source oci:/srv/images:a --target oci:/srv/images:b --json

Each side may be an ordinary or a converted image. Everything is compared: manifest and
configuration (what a conversion changes by design is listed, not counted), every attribute of every
file, link counts and hard links, every byte. Every data blob of a converted image is read once as a
whole: its size and digest are verified, and the digest of each chunk that some file uses. Ends with
1 when there are differences.`;

type CheckFlags = ImageFlags & {
  readonly source: string;
  readonly target: string;
  readonly allPlatforms?: boolean;
  readonly json?: boolean;
};

export function registerCheck(program: Command, context: CliContext): void {
  const command = program
    .command('check')
    .summary('compare two images completely: documents, attributes, every byte')
    .description('Compares two images completely and lists every difference.')
    .requiredOption('--source <REF>', 'the image as it should be, usually the original')
    .requiredOption('--target <REF>', 'the image to be checked')
    .option('--all-platforms', 'compare every platform the source comes for')
    .option('--json', 'print JSON');
  addImageOptions(command)
    .addHelpText('after', EXAMPLES)
    .action(async (flags: CheckFlags) => {
      const reports = await compare(flags, context);
      const isList = flags.allPlatforms === true;
      if (flags.json === true) await context.output.json(isList ? reports : reports[0]);
      else for (const report of reports) await printReport(report, context);
      if (!reports.every(({ isEqual }) => isEqual)) context.finish(ExitCode.failed);
    });
}

async function compare(flags: CheckFlags, context: CliContext): Promise<CheckReport[]> {
  if (flags.allPlatforms === true && flags.platform !== undefined) {
    throw new UsageError('--platform and --all-platforms exclude each other');
  }
  const [{ checkAllPlatforms, checkImages }, { parseReference }] = await Promise.all([
    import('@shoal/converter'),
    import('@shoal/oci'),
  ]);
  await using progress = new ByteProgress(context.diagnostics, 'checked');
  const options = {
    source: parseReference(flags.source),
    target: parseReference(flags.target),
    client: clientOptionsOf(flags, context),
    platform: await platformOf(flags),
    signal: context.signal,
    onBytes: (bytes: number) => progress.add(bytes),
  };
  if (flags.allPlatforms === true) return await checkAllPlatforms(options);
  return [await checkImages(options)];
}

async function printReport(report: CheckReport, { output }: CliContext): Promise<void> {
  for (const side of ['source', 'target'] as const) {
    const { reference, kind, manifest, platform } = report[side];
    await output.line(`${side}: ${reference}, ${kind}, ${platform ?? 'no platform'}, ${manifest}`);
  }
  for (const warning of report.warnings) await output.line(`warning: ${warning}`);
  for (const { scope, path, reason } of report.allowedChanges) {
    await output.line(`changed by design: ${scope} ${path} (${reason})`);
  }
  for (const difference of report.differences) await output.line(formatDifference(difference));
  const unlisted = report.differenceCount - report.differences.length;
  if (unlisted > 0) await output.line(`... and ${unlisted} more differences`);
  const { inodes, files, bytes, chunksVerified, blobsVerified } = report;
  await output.line(
    `compared ${inodes} objects, ${files} files, ${bytes} bytes; ` +
      `${chunksVerified} chunks verified in ${blobsVerified} whole blobs`,
  );
  await output.line(
    report.isEqual ? 'the images are equal' : `${report.differenceCount} differences`,
  );
}

function formatDifference({ scope, path, attribute, source, target }: Difference): string {
  if (scope === 'content' && path.startsWith('blob ')) {
    const side = source === undefined ? 'target' : 'source';
    return `damaged: ${side}, ${path}: ${attribute}: ${source ?? target}`;
  }
  const values = `source has ${source ?? 'nothing'}, target has ${target ?? 'nothing'}`;
  return `different: ${scope} ${path}: ${attribute}: ${values}`;
}
