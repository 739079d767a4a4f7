/** `shoal convert --source REF --target REF` */
import type {
  BuildCacheLocation,
  Compressor,
  ConvertOptions,
  ConvertProgress,
  ConvertReport,
  Digester,
} from '@shoal/converter';
import type { Command } from 'commander';
import { Option } from 'commander';
import type { ClientFlags } from '../client-options.ts';
import { addClientOptions, clientOptionsOf } from '../client-options.ts';
import type { CliContext } from '../context.ts';
import { UsageError } from '../errors.ts';
import { sizeParser } from '../option-values.ts';
import type { Output } from '../output.ts';
import { formatBytes, formatCount } from '../quantity-text.ts';
import { ConvertProgressPrinter } from './convert-progress.ts';
import { openReportFile } from './convert-report-file.ts';

const EXAMPLES = `
Examples:
  shoal convert --source debian:12 --target registry.example/debian:12-nydus
  shoal convert --source oci:build:app --target registry.example/app:1 --build-cache .cache/app
  shoal convert --source app:1 --target app:1-lazy --merge-platform --all-platforms
  shoal convert --source dir:/srv/model --target registry.example/model:7 --chunk-size 4m

The tag is written last, after everything was read back: a conversion that fails or is interrupted
leaves nothing behind the tag. --build-cache takes a directory (made if absent) or, with oci: or a
registry name, an image; layers that did not change are then neither read nor uploaded again. It needs
a target that keeps its blobs, a layout or a registry: an archive is written anew each time, as a whole,
also when oci-archive:FILE:TAG names another image than the file holds.

Each data blob gets a torrent, an artifact beside the image, where the target takes it; that costs a
warning where it does not, and nothing is read back from a registry for it.`;

/** The converter's bounds, repeated because help must not load it. */
const CHUNK_SIZE_MIN = 4096;
const CHUNK_SIZE_MAX = 16 << 20;
const COMPRESSORS: readonly Compressor[] = ['zstd', 'lz4_block', 'none'];
const DIGESTERS: readonly Digester[] = ['sha256', 'blake3'];

type ConvertFlags = ClientFlags & {
  readonly source: string;
  readonly target: string;
  readonly platform?: string;
  readonly allPlatforms?: boolean;
  readonly compressor: Compressor;
  readonly chunkSize: number;
  readonly digester: Digester;
  readonly chunkDict?: readonly string[];
  readonly mergePlatform?: boolean;
  readonly withReferrer?: boolean;
  readonly torrent?: boolean;
  readonly prefetchPatterns?: string;
  readonly buildCache?: string;
  readonly outputJson?: string;
};

export function registerConvert(program: Command, context: CliContext): void {
  const command = program
    .command('convert')
    .summary('convert an OCI image to a lazily loadable one')
    .description('Converts an OCI image, or a directory, to a lazily loadable image (RAFS v6).')
    .requiredOption('--source <REF>', 'the image to convert; dir:PATH for a directory tree')
    .requiredOption('--target <REF>', 'where the converted image goes')
    .option('--platform <platform>', 'which image of an index (default: this host)')
    .option('--all-platforms', 'convert every Linux image of an index')
    .addOption(new Option('--compressor <kind>', 'of chunks').choices(COMPRESSORS).default('zstd'))
    .option(
      '--chunk-size <size>',
      'a power of two from 4k to 16m',
      sizeParser(CHUNK_SIZE_MIN, CHUNK_SIZE_MAX),
      1 << 20,
    )
    .addOption(new Option('--digester <kind>', 'of chunks').choices(DIGESTERS).default('sha256'))
    .option('--chunk-dict <REF...>', 'converted images whose chunks are not stored again')
    .option('--merge-platform', 'one index with the original and the converted image')
    .option('--with-referrer', 'make the converted image a referrer of the original')
    .option('--torrent', 'fail when a data blob cannot have its torrent beside the image')
    .option('--no-torrent', 'publish no torrents of the data blobs')
    .option('--prefetch-patterns <file>', 'what to fetch first after a mount, one path per line')
    .option('--build-cache <DIR|REF>', 'keep records of converted layers there')
    .option('--output-json <file>', 'write a report: sizes, ratios, deduplication, times');
  addClientOptions(command)
    .addHelpText('after', EXAMPLES)
    .action(async (flags: ConvertFlags) => {
      await convert(flags, context);
    });
}

async function convert(flags: ConvertFlags, context: CliContext): Promise<void> {
  const { CodecThreads } = await import('@shoal/converter/threads');
  await using threads = new CodecThreads();
  // They start on the other cores while this one loads the rest. With a build cache there may be
  // nothing for them to do.
  if (flags.buildCache === undefined) threads.open();
  const { convertImage } = await import('@shoal/converter/convert');
  const options = await convertOptionsOf(flags, context);
  await using file =
    flags.outputJson === undefined
      ? undefined
      : await openReportFile(flags.outputJson, placesOf(options));
  const report = await convertShowing(context.diagnostics, (onProgress) =>
    convertImage({ ...options, threads, onProgress }),
  );
  await file?.commit(report);
  await printSummary(report, context);
}

/** The moving line is gone before anything else is printed. */
async function convertShowing(
  output: Output,
  run: (onProgress: (event: ConvertProgress) => void) => Promise<ConvertReport>,
): Promise<ConvertReport> {
  await using progress = new ConvertProgressPrinter(output);
  return await run((event) => progress.show(event));
}

/** Files and directories the conversion reads or writes. */
function placesOf({ source, target, buildCache }: ConvertOptions): string[] {
  const cache = buildCache?.kind === 'image' ? buildCache.reference : buildCache;
  return [source, target, cache].flatMap((end) =>
    end !== undefined && 'path' in end ? [end.path] : [],
  );
}

async function convertOptionsOf(flags: ConvertFlags, context: CliContext): Promise<ConvertOptions> {
  if (flags.platform !== undefined && flags.allPlatforms === true) {
    throw new UsageError('--platform and --all-platforms exclude each other', {
      remedy: 'leave one of them out',
    });
  }
  const [{ parseReference, parsePlatform }, { readPrefetchFile }] = await Promise.all([
    import('@shoal/oci'),
    import('@shoal/converter/convert'),
  ]);
  const platforms = flags.allPlatforms
    ? ({ kind: 'all' } as const)
    : flags.platform === undefined
      ? ({ kind: 'host' } as const)
      : ({ kind: 'one', platform: parsePlatform(flags.platform) } as const);
  return {
    source: parseReference(flags.source),
    target: parseReference(flags.target),
    client: clientOptionsOf(flags, context),
    platforms,
    compressor: flags.compressor,
    chunkSizeBytes: flags.chunkSize,
    digester: flags.digester,
    chunkDicts: (flags.chunkDict ?? []).map(parseReference),
    mergePlatform: flags.mergePlatform,
    withReferrer: flags.withReferrer,
    torrent: flags.torrent ?? 'if-possible',
    prefetchPatterns:
      flags.prefetchPatterns === undefined ? [] : await readPrefetchFile(flags.prefetchPatterns),
    buildCache: flags.buildCache === undefined ? undefined : await cacheOf(flags.buildCache),
    signal: context.signal,
  };
}

/** A path, or a plain word, is a directory; anything that looks like a reference is an image. */
async function cacheOf(text: string): Promise<BuildCacheLocation> {
  const isPath = text.startsWith('/') || text.startsWith('.') || !/[:/]/.test(text);
  if (isPath) return { kind: 'directory', path: text };
  const { parseReference } = await import('@shoal/oci');
  const reference = parseReference(text);
  if (reference.kind === 'directory') return { kind: 'directory', path: reference.path };
  return { kind: 'image', reference };
}

async function printSummary(report: ConvertReport, { output }: CliContext): Promise<void> {
  for (const { platform, targetManifest, layers } of report.manifests) {
    const cached = layers.filter(({ origin }) => origin === 'build-cache').length;
    const reuse = cached === 0 ? '' : `, ${cached} of them from the build cache`;
    await output.line(
      `${platform}: ${targetManifest}, ${formatCount(layers.length, 'layer')}${reuse}`,
    );
  }
  const sizes = `${formatBytes(report.sourceBytes)} -> ${formatBytes(report.targetBytes)}`;
  const seconds = (report.durationMs / 1000).toFixed(1);
  await output.line(`wrote ${report.target}: ${sizes} in ${seconds} s`);
  await output.line(report.digest);
}
