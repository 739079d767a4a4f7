/** The two ways to start a program from an image, measured the same way. */
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { mustRun, runProgram } from './run-program.ts';
import type { SlowLink } from './slow-link.ts';

export type MeasureContext = {
  /** Path of the shoal command. */
  readonly shoal: string;
  readonly link: SlowLink;
  readonly work: string;
  /** Whether this host can mount; else a file is read instead of running the program. */
  readonly canMount: boolean;
  /** Where the demo's own daemon keeps its state. */
  readonly environment: NodeJS.ProcessEnv;
  /** Host and repository, through the link; tags `ordinary` and `lazy`. */
  readonly repository: string;
};

export type Measured = {
  readonly name: string;
  readonly firstOutputMs: number;
  readonly bytesMoved: number;
  readonly programOutput: string;
  readonly notes: readonly string[];
};

/** A program that loads an interpreter, its library and a large extension module. */
const PROGRAM = [
  'import sys',
  'print("python", sys.version.split()[0], flush=True)',
  'import numpy',
  'print("numpy", numpy.__version__, int(numpy.arange(1000).sum()))',
].join('; ');
/** Read instead of run when nothing may be mounted. */
const FILE = '/usr/lib/os-release';

/** Mounts lazily, runs the program, lists the whole tree; the daemon is ended at the end. */
export async function measureLazyMount(context: MeasureContext): Promise<Measured> {
  const mountpoint = join(context.work, 'lazy');
  mkdirSync(mountpoint);
  const { shoal, link, environment } = context;
  const mount = ['mount', '--plain-http', `${context.repository}:lazy`, mountpoint];
  const bytesBefore = link.bytesMoved;
  try {
    const { durationMs: mountMs } = await mustRun(shoal, mount, environment);
    const ran = await runInside(mountpoint);
    const bytesMoved = link.bytesMoved - bytesBefore;
    const listed = await mustRun('find', [mountpoint, '-xdev', '-ls']);
    const listedBytes = link.bytesMoved - bytesBefore - bytesMoved;
    const count = listed.stdout.split('\n').length - 1;
    await mustRun(shoal, ['unmount', mountpoint], environment);
    const again = await mustRun(shoal, mount, environment);
    return {
      name: 'lazy',
      firstOutputMs: mountMs + ran.firstOutputMs,
      bytesMoved,
      programOutput: ran.text,
      notes: [
        `The mount was usable after ${seconds(mountMs)}, the start of the daemon included;`,
        `mounting it once more took ${seconds(again.durationMs)}.`,
        `Listing all ${count} files took ${seconds(listed.durationMs)} and moved ${listedBytes} bytes.`,
      ],
    };
  } finally {
    await runProgram(shoal, ['drain', '--lazy'], environment);
  }
}

/** Pulls everything, unpacks everything, runs the program. */
export async function measureFullPull(context: MeasureContext): Promise<Measured> {
  const { link, work } = context;
  const layout = join(work, 'pulled');
  const bundle = join(work, 'bundle');
  const bytesBefore = link.bytesMoved;
  const startedAt = performance.now();
  await mustRun('skopeo', [
    'copy',
    ...['--quiet', '--src-tls-verify=false'],
    ...[`docker://${context.repository}:ordinary`, `oci:${layout}:latest`],
  ]);
  const isRoot = process.getuid?.() === 0;
  await mustRun('umoci', [
    'unpack',
    ...(isRoot ? [] : ['--rootless']),
    ...['--image', `${layout}:latest`, bundle],
  ]);
  const readyMs = performance.now() - startedAt;
  const rootfs = join(bundle, 'rootfs');
  const ran = context.canMount ? await runInside(rootfs) : await readInside(rootfs);
  rmSync(bundle, { recursive: true, force: true });
  return {
    name: 'full',
    firstOutputMs: readyMs + ran.firstOutputMs,
    bytesMoved: link.bytesMoved - bytesBefore,
    programOutput: ran.text,
    notes: [],
  };
}

/** Without root: one file out of the image, fetched on demand. */
export async function measureLazyCat(context: MeasureContext): Promise<Measured> {
  const { link, shoal, environment } = context;
  const bytesBefore = link.bytesMoved;
  const read = await mustRun(
    shoal,
    ['cat', '--plain-http', `${context.repository}:lazy`, FILE],
    environment,
  );
  return {
    name: 'lazy',
    firstOutputMs: read.firstOutputMs ?? read.durationMs,
    bytesMoved: link.bytesMoved - bytesBefore,
    programOutput: firstLine(read.stdout),
    notes: [],
  };
}

type Ran = { readonly firstOutputMs: number; readonly text: string };

/** Runs the program with the tree as its root. */
async function runInside(tree: string): Promise<Ran> {
  const python = existsSync(join(tree, 'usr/bin/python3')) ? '/usr/bin/python3' : 'python3';
  const result = await mustRun('chroot', [tree, python, '-c', PROGRAM]);
  const text = result.stdout.trim().split('\n').join(', ');
  return { firstOutputMs: result.firstOutputMs ?? result.durationMs, text };
}

async function readInside(tree: string): Promise<Ran> {
  const result = await mustRun('cat', [join(tree, FILE)]);
  return { firstOutputMs: result.durationMs, text: firstLine(result.stdout) };
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(2)} s`;
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? '';
}
