/** `shoal get URL|REF[:PATH]` */
import type { DownloadedFile, OpenedGet } from '@shoal/downloads';
import type { Command } from 'commander';
import { ByteProgress } from '../byte-progress.ts';
import type { CliContext } from '../context.ts';
import { addDaemonOptions } from '../daemon-options.ts';
import { UsageError } from '../errors.ts';
import { addImageOptions, platformOf } from '../image-argument.ts';
import { type GetFlags, GetRoute } from './get-route.ts';

const EXAMPLES = `
Examples:
  shoal get registry.example/models/llama:7b -o models
  shoal get registry.example/models/llama:7b:tokenizer.json
  shoal get registry.example/app:nydus:/usr/lib/big.so -o big.so
  shoal get https://files.example/disk.img --digest sha256:4f5e... -o disk.img

Of an artifact all files go into a directory, or the one that is named; of a converted image any file
that is named. Where a daemon with peers runs, bytes come through them; whatever fails there comes
from the registry or server itself. A file has its name only once it is whole and its digest is
right; what an interrupted get leaves (FILE.shoal-partial) is continued by the same command.`;

export function registerGet(program: Command, context: CliContext): void {
  const command = program
    .command('get')
    .summary('fetch files of artifacts, images and URLs, through the peers')
    .description('Fetches files of an artifact or image, or of a URL, verified and resumable.')
    .argument('<URL|REF[:PATH]>', 'what to fetch')
    .option('-o, --output <path>', 'file or directory to write (default: into this directory)')
    .option('--digest <digest>', 'what a file of a URL must have, as sha256:HEX')
    .option('--force', 'replace what is there')
    .option('--direct', 'ask no daemon and no peers')
    .option('--json', 'print the outcome as JSON');
  addDaemonOptions(addImageOptions(command))
    .addHelpText('after', EXAMPLES)
    .action((text: string, flags: GetFlags) => get(text, flags, context));
}

async function get(text: string, flags: GetFlags, context: CliContext): Promise<void> {
  const { openGet, parseSubject } = await import('@shoal/downloads');
  const { reportOf, shownFile } = await import('./get-text.ts');
  const subject = parseSubject(text);
  const digest = await digestOf(flags);
  const route = await GetRoute.open(flags, context);
  const { signal } = context;
  const request = { subject, digest, platform: await platformOf(flags), signal };
  const opened = await openGet(request, route.access);
  try {
    const files = await fetchAll(opened, flags, context);
    for (const note of route.notes(subject, digest)) {
      await context.diagnostics.line(`shoal get: ${note}`);
    }
    if (flags.json === true) await context.output.json(reportOf(files, route));
    else for (const file of files) await context.output.line(shownFile(file));
    await context.diagnostics.flush();
  } catch (error) {
    if (signal.aborted) {
      await context.diagnostics.line(
        'shoal get: what was had is kept; the same command goes on with it',
      );
      await context.diagnostics.flush();
    }
    throw error;
  } finally {
    await opened.close();
  }
}

async function fetchAll(
  opened: OpenedGet,
  flags: GetFlags,
  { diagnostics, signal }: CliContext,
): Promise<readonly DownloadedFile[]> {
  const { getTo } = await import('@shoal/downloads');
  await using progress = new ByteProgress(diagnostics, 'fetched');
  return await getTo(opened, flags.output ?? './', {
    replaces: flags.force,
    signal,
    onBytes: (bytes) => progress.add(bytes),
  });
}

async function digestOf({ digest }: GetFlags) {
  if (digest === undefined) return undefined;
  const { isDigest } = await import('@shoal/oci');
  if (isDigest(digest)) return digest;
  throw new UsageError(`--digest ${digest} is no digest`, {
    remedy: 'write sha256: and 64 digits',
  });
}
