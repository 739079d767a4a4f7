/** `shoal trace IMAGE|MOUNTPOINT`: which files a program waited for, in order. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { addDaemonOptions, type DaemonOptionValues, daemonPathsOf } from '../daemon-options.ts';
import { formatBytes, formatCount } from '../quantity-text.ts';
import type { TracedMount, TracedRead } from './traced-reads.ts';

type TraceOptions = DaemonOptionValues & {
  readonly prefetchPatterns?: boolean;
  readonly json?: boolean;
};

const EXAMPLES = `
Examples:
  shoal trace registry.example/app:latest
  shoal trace /mnt/app --json
  shoal trace /mnt/app --prefetch-patterns > first.txt
  shoal convert --prefetch-patterns first.txt ...

Reads of bytes that were not here, in the order they began: seconds since the first one, how long it
waited, who delivered, size, file and offset. What the page cache or the blob cache answered is not
listed, nor what was fetched ahead: start with an empty cache (shoal mount --cache DIR), and with
[cache] readahead = false in the configuration, to see all. Images that share a blob share
its reads. Prefetch patterns name whole files, and of files above 4 MiB of which less than half was
read the parts: path, offset and length, with tabs between. Kept are the first 2048 and the last reads of
each blob since the daemon opened it.`;

export function registerTrace(program: Command, context: CliContext): void {
  const command = program
    .command('trace')
    .summary('which files of a mounted image were waited for, in order')
    .description('Print the reads of a mounted image that had to wait, in order.')
    .argument('<IMAGE|MOUNTPOINT>', 'what is mounted: a reference or a directory')
    .option(
      '--prefetch-patterns',
      "only what was read, as 'shoal convert --prefetch-patterns' takes it",
    )
    .option('--json', 'print JSON');
  addDaemonOptions(command)
    .addHelpText('after', EXAMPLES)
    .action((name: string, options: TraceOptions) => runTrace(name, options, context));
}

async function runTrace(name: string, options: TraceOptions, context: CliContext): Promise<void> {
  const { ControlClient } = await import('@shoal/node/client');
  const { prefetchPatterns, tracedReads } = await import('./traced-reads.ts');
  const { output, signal } = context;
  const client = new ControlClient((await daemonPathsOf(options, context)).socket);
  const traces = await client.trace({ names: [name, resolve(name)] }, { signal });
  const mounts = await Promise.all(traces.map(tracedReads));
  if (options.prefetchPatterns === true) {
    await output.bytes(
      Buffer.from(
        prefetchPatterns(mounts)
          .map((path) => `${path}\n`)
          .join(''),
      ),
    );
    return;
  }
  const { printablePath } = await import('@shoal/converter/printable-path');
  const shown = (path: Parameters<typeof printablePath>[0]) => `/${printablePath(path)}`;
  if (options.json === true) await output.json(mounts.map((mount) => withPaths(mount, shown)));
  else for (const mount of mounts) await printMount(mount, shown, context);
}

type ShowPath = (path: TracedRead['files'][number]['path']) => string;

function withPaths(mount: TracedMount, shown: ShowPath) {
  const reads = mount.reads.map((read) => ({
    ...read,
    files: read.files.map((file) => ({ ...file, path: shown(file.path) })),
  }));
  return { ...mount, reads };
}

async function printMount(
  { mountpoint, reference, reads, dropped }: TracedMount,
  shown: ShowPath,
  { output }: CliContext,
): Promise<void> {
  await output.line(`${mountpoint}  ${reference}`);
  for (const read of reads) await output.line(`  ${readText(read, shown)}`);
  if (reads.length === 0) await output.line('  nobody has waited for anything');
  if (dropped > 0) await output.line(`  ${formatCount(dropped, 'read')} in between are not kept`);
}

function readText(read: TracedRead, shown: ShowPath): string {
  const { sinceMs, waitMs, source, isFailed, length, blobId, offset, files } = read;
  const [first, ...others] = files;
  const where =
    first === undefined
      ? `blob ${blobId.slice(0, 12)} at ${offset}`
      : `${shown(first.path)} at ${first.offset}`;
  const more = others.length === 0 ? '' : ` and ${formatCount(others.length, 'more file')}`;
  return [
    `+${(sinceMs / 1000).toFixed(3)} s`.padStart(11),
    `${waitMs.toFixed(1)} ms`.padStart(11),
    (isFailed ? 'failed' : source).padEnd(8),
    formatBytes(length).padStart(10),
    `${where}${more}`,
  ].join('  ');
}
