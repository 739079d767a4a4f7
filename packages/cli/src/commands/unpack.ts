/** `shoal unpack --source REF --target REF` */
import type { LayerCompression, UnpackReport } from '@shoal/converter';
import type { Command } from 'commander';
import { Option } from 'commander';
import { ByteProgress } from '../byte-progress.ts';
import { clientOptionsOf } from '../client-options.ts';
import type { CliContext } from '../context.ts';
import { ExitCode } from '../exit-code.ts';
import type { ImageFlags } from '../image-argument.ts';
import { addImageOptions, platformOf } from '../image-argument.ts';

const EXAMPLES = `
Examples:
  shoal unpack --source registry.example/app:nydus --target oci:/srv/images:app
  shoal unpack --source oci:/srv/images:nydus --target docker-archive:/tmp/app.tar:app

The root file system of the result is identical. Its layers become one merged layer, because a
converted image does not keep which layer a file came from; the history stays readable. What no
layer can hold (sockets, names that start with .wh.) is left out and listed, and the command ends
with 3. When the command fails, the target is not tagged and nothing new is left behind.
An archive is replaced as a whole, whatever tag it held before.`;

/** The values of `LAYER_COMPRESSIONS`, repeated because help must not load the converter. */
const COMPRESSIONS: readonly LayerCompression[] = ['gzip', 'zstd', 'none'];

type UnpackFlags = ImageFlags & {
  readonly source: string;
  readonly target: string;
  readonly layerCompression: LayerCompression;
  readonly json?: boolean;
};

export function registerUnpack(program: Command, context: CliContext): void {
  const compression = new Option('--layer-compression <kind>', 'how the layer is stored');
  const command = program
    .command('unpack')
    .summary('turn a converted image back into an ordinary OCI image')
    .description('Turns a converted image back into an ordinary one with one merged layer.')
    .requiredOption('--source <REF>', 'a converted image')
    .requiredOption('--target <REF>', 'where the ordinary image goes')
    .addOption(compression.choices(COMPRESSIONS).default('gzip'))
    .option('--json', 'print JSON');
  addImageOptions(command)
    .addHelpText('after', EXAMPLES)
    .action(async (flags: UnpackFlags) => {
      const report = await unpack(flags, context);
      if (flags.json === true) await context.output.json(report);
      else await printReport(report, context);
      if (report.leftOut.length > 0) context.finish(ExitCode.partly);
    });
}

async function unpack(flags: UnpackFlags, context: CliContext): Promise<UnpackReport> {
  const [{ unpackImage }, { parseReference }] = await Promise.all([
    import('@shoal/converter'),
    import('@shoal/oci'),
  ]);
  await using progress = new ByteProgress(context.diagnostics, 'unpacked');
  return await unpackImage({
    source: parseReference(flags.source),
    target: parseReference(flags.target),
    client: clientOptionsOf(flags, context),
    platform: await platformOf(flags),
    compression: flags.layerCompression,
    signal: context.signal,
    onBytes: (bytes) => progress.add(bytes),
  });
}

async function printReport(report: UnpackReport, { output }: CliContext): Promise<void> {
  for (const { path, reason } of report.leftOut) {
    await output.line(`left out: ${path} (${reason})`);
  }
  await output.line(`manifest ${report.manifest}`);
  await output.line(`layer ${report.layer}, ${report.layerBytes} bytes`);
  await output.line(`wrote ${report.target}: ${report.archiveBytes} bytes of archive`);
}
