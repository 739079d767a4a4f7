/** The demo; see bench/demo.sh. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import { type Measured, measureFullPull, measureLazyCat, measureLazyMount } from './measure.ts';
import {
  interruptPrograms,
  mustRun,
  output,
  outputBelow,
  runProgram,
  tellThatItWorks,
} from './run-program.ts';
import { SlowLink } from './slow-link.ts';
import { makeSourceImage } from './source-image.ts';

const root = resolve(import.meta.dirname, '..', '..');
const shoal = join(root, 'bin', 'shoal');
const isRoot = process.getuid?.() === 0;

const values = readOptions();
const megabits = Number(values.megabits);
if (!(megabits > 0)) endWithUsage('--megabits wants a number above 0');

// The metadata of a mount must lie on a disk file system, which /tmp need not be.
const base =
  process.env['SHOAL_DEMO_DIR'] ?? (isRoot ? '/var/tmp' : (process.env['HOME'] ?? '/tmp'));
const work = mkdtempSync(join(base, 'shoal-demo-'));
const environment = { SHOAL_ROOT: join(work, 'state'), SHOAL_RUN: join(work, 'run') };

function readOptions() {
  try {
    const options = {
      megabits: { type: 'string', default: '200' },
      keep: { type: 'boolean', default: false },
      json: { type: 'string' },
    } as const;
    return parseArgs({ options }).values;
  } catch (error) {
    return endWithUsage(error instanceof Error ? error.message : String(error));
  }
}

function endWithUsage(complaint: string): never {
  process.stderr.write(`demo: ${complaint}. See 'bench/demo.sh --help'.\n`);
  process.exit(2);
}

async function demo(): Promise<void> {
  tellThatItWorks();
  output(`Work directory ${work}`);
  output('1. An ordinary image of real programs');
  const image = await makeSourceImage(work);
  output(
    `   ${image.description}: ${mb(image.tarBytes)} unpacked, ${mb(image.gzipBytes)} as tar+gzip`,
  );

  output('2. An embedded registry; the image is pushed to it');
  mkdirSync(join(work, 'registry'));
  await using registry = await EmbeddedRegistry.listen({ directory: join(work, 'registry') });
  const plain = `${registry.host}/demo/programs:ordinary`;
  await mustRun('skopeo', [
    'copy',
    ...['--quiet', '--dest-tls-verify=false'],
    ...[`oci:${image.layout}:latest`, `docker://${plain}`],
  ]);

  output('3. shoal convert, registry to registry');
  const lazy = `${registry.host}/demo/programs:lazy`;
  const convert = ['convert', '--source', plain, '--target', lazy];
  const converted = await mustRun(shoal, convert, {}, outputBelow);
  output(`   done in ${seconds(converted.durationMs)}`);

  output(`4. Over a link of ${megabits} Mbit/s`);
  await using link = await SlowLink.listen({
    upstream: registry.host,
    bytesPerSecond: (megabits * 1e6) / 8,
  });
  const obstacle = await mountObstacle();
  const context = {
    ...{ shoal, link, work, environment, canMount: obstacle === undefined },
    repository: `${link.host}/demo/programs`,
  };
  const measured: Measured[] = [];
  if (obstacle === undefined) {
    output('   lazily: shoal mount, then Python with numpy from the mount');
    measured.push(await measureLazyMount(context));
    output('   in full: skopeo copy, umoci unpack, then the same program from the tree');
  } else {
    output(`   ${obstacle}.`);
    output('   So mounting, and running a program from the mount, are left out (bin/shoal doctor');
    output('   says more). Instead one file is read.');
    output('   lazily: shoal cat');
    measured.push(await measureLazyCat(context));
    output('   in full: skopeo copy, umoci unpack, then cat');
  }
  measured.push(await measureFullPull(context));
  report(measured);
  if (values.json !== undefined) {
    writeFileSync(values.json, `${JSON.stringify({ megabits, image, measured }, null, 2)}\n`);
  }
}

/** Why this host cannot mount; undefined when it can. */
async function mountObstacle(): Promise<string | undefined> {
  if (!isRoot) return 'Not root: this host may be able to mount, this user is not';
  const { stdout } = await runProgram(shoal, ['doctor', '--json'], environment);
  const { picked, drivers }: { picked?: string; drivers: { reason: string }[] } =
    JSON.parse(stdout);
  if (picked !== undefined) return undefined;
  return `This host cannot mount: ${drivers[0]?.reason ?? 'no driver'}`;
}

function report(measured: readonly Measured[]): void {
  const [lazy, full] = measured;
  if (lazy === undefined || full === undefined) return;
  const row = (...cells: string[]) =>
    output(
      `   ${cells.map((cell, index) => (index === 0 ? cell.padEnd(34) : cell.padStart(14))).join('')}`,
    );
  output('\n5. Side by side');
  row('', 'lazy', 'full pull', 'ratio');
  row(
    'time to first output',
    seconds(lazy.firstOutputMs),
    seconds(full.firstOutputMs),
    `${(full.firstOutputMs / lazy.firstOutputMs).toFixed(1)} x`,
  );
  row(
    'bytes moved over the link',
    mb(lazy.bytesMoved),
    mb(full.bytesMoved),
    `${((100 * lazy.bytesMoved) / full.bytesMoved).toFixed(1)} %`,
  );
  for (const note of lazy.notes) output(`   ${note}`);
  if (lazy.programOutput !== full.programOutput) throw new Error('the two outputs differ');
  output(`   Both printed: ${lazy.programOutput}`);
}

const mb = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
const seconds = (milliseconds: number) => `${(milliseconds / 1000).toFixed(2)} s`;

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, interruptPrograms);
try {
  await demo();
} catch (error) {
  process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
} finally {
  if (values.keep) output(`Kept: ${work}`);
  else rmSync(work, { recursive: true, force: true });
}
