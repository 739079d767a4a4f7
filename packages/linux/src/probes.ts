/**
 * What this host can do, found by trying it and not by reading version numbers. Every probe cleans
 * up after itself; none needs more than a few milliseconds.
 */
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { release } from 'node:os';
import { join } from 'node:path';
import { errorCode } from '@shoal/errors';
import { canResend } from './fuse/init.ts';
import { openFlatFuseSession } from './fuse/session.ts';
import { holderKind, startHolder, stopHolder } from './holder/holder.ts';
import { adoptFromHolder } from './holder/holder-fds.ts';
import { mountErofs, mountOverlay, unmount } from './mount/mount.ts';
import { closeFd } from './syscalls.ts';
import { EROFS_BLOCK_BYTES, encodeTinyErofs, wholeDeviceFile } from './tiny-erofs.ts';

/** One fact about this host, as `doctor` tells it. */
export type Finding = {
  /** Stable name; of probes `kernel`, `root`, `erofs-file`, `fuse-session`, `overlay`, `take-over`. */
  readonly name: string;
  readonly ok: boolean;
  /** One sentence with the measured fact. */
  readonly detail: string;
  /** What the user can do when it is not ok. */
  readonly remedy?: string | undefined;
};

type Probe = {
  readonly name: string;
  readonly remedy: string;
  /** Returns the fact; throws what went wrong. */
  readonly run: (directory: string) => Promise<string> | string;
};

const CONTENT = Buffer.alloc(EROFS_BLOCK_BYTES, 'shoal');
const FILE_ID = 2;
/** linux/capability.h */
const CAP_SYS_ADMIN = 21n;

function writeImage(directory: string): string {
  const metadataFile = join(directory, 'metadata');
  const image = encodeTinyErofs([wholeDeviceFile('probe', 0o644, EROFS_BLOCK_BYTES, 1)], [1]);
  writeFileSync(metadataFile, image);
  return metadataFile;
}

/** Mounts the probe image over a device, and checks what reading it gives. */
async function mountAndRead(directory: string, device: string): Promise<boolean> {
  const mountpoint = join(directory, 'erofs');
  mkdirSync(mountpoint);
  const { directIo } = mountErofs({
    metadataFile: writeImage(directory),
    devices: [device],
    mountpoint,
  });
  try {
    const file = await open(join(mountpoint, 'probe'));
    const bytes = await file.readFile().finally(() => file.close());
    if (!bytes.equals(CONTENT)) throw new Error('the kernel read wrong bytes from a device file');
    return directIo;
  } finally {
    unmount(mountpoint, { lazy: true });
  }
}

function probeRoot(): Finding {
  const name = 'root';
  const uid = process.getuid?.();
  if (uid !== 0) {
    const detail = `this process runs as user ${uid}, and mounting needs root`;
    return { name, ok: false, detail, remedy: 'run as root' };
  }
  if (mayMount()) return { name, ok: true, detail: 'runs as root' };
  return {
    name,
    ok: false,
    detail: 'root here may not mount: CAP_SYS_ADMIN is missing, as in an ordinary container',
    remedy: 'run on the host, or in a privileged container',
  };
}

/** Whether CAP_SYS_ADMIN is among the effective capabilities; proc(5), `CapEff`. */
function mayMount(): boolean {
  const status = readFileSync('/proc/self/status', 'latin1');
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0';
  return ((BigInt(`0x${effective}`) >> CAP_SYS_ADMIN) & 1n) === 1n;
}

async function probeFuseSession(directory: string): Promise<string> {
  const path = join(directory, 'device');
  writeFileSync(path, CONTENT);
  const readyMap = new SharedArrayBuffer(1);
  const session = await openFlatFuseSession({
    threads: 1,
    files: [{ fileId: FILE_ID, name: 'probe', sizeBytes: CONTENT.length, path, readyMap }],
    onMiss: async () => {
      new Uint8Array(readyMap).fill(0xff);
      return undefined;
    },
    errnoOf: () => 5,
  });
  try {
    const directIo = await mountAndRead(directory, session.pathOf(FILE_ID));
    if (!canResend(session.init)) {
      throw new Error('this kernel cannot send FUSE requests again (Linux 6.9 can)');
    }
    return `reads of absent bytes wait for their fetch; directio ${directIo ? 'works' : 'does not work'}`;
  } finally {
    await session.close();
  }
}

async function probeErofs(directory: string): Promise<string> {
  const device = join(directory, 'device');
  writeFileSync(device, CONTENT);
  const directIo = await mountAndRead(directory, device);
  return `EROFS mounts files in this directory; directio ${directIo ? 'works' : 'does not work'}`;
}

function probeOverlay(directory: string): string {
  const path = (name: string) => join(directory, name);
  for (const name of ['lower', 'upper', 'work', 'merged']) mkdirSync(path(name));
  mountOverlay({
    lower: [path('lower')],
    upper: path('upper'),
    work: path('work'),
    mountpoint: path('merged'),
  });
  try {
    writeFileSync(join(path('merged'), 'file'), 'x');
    readFileSync(join(path('upper'), 'file'));
    return 'writable overlays work in this directory';
  } finally {
    unmount(path('merged'), { lazy: true });
  }
}

const HOW = {
  traced: 'by pidfd_getfd',
  socket: 'over a socket, because pidfd_getfd is refused here',
} as const;

async function probeTakeOver(directory: string): Promise<string> {
  const file = await open(join(directory, 'held'), 'w+');
  const options = { socketDirectory: directory };
  const holder = await startHolder({ held: file.fd }, directory, options).finally(() =>
    file.close(),
  );
  try {
    const { held } = adoptFromHolder(holder);
    if (held !== undefined) closeFd(held);
    const score = readFileSync(`/proc/${holder.pid}/oom_score_adj`, 'latin1').trim();
    const oom = score === '-1000' ? 'spares it' : 'may end it (no CAP_SYS_RESOURCE)';
    const how = HOW[holderKind(holder)];
    return `a restarted daemon gets its session back from the holder (${how}); the OOM killer ${oom}`;
  } finally {
    await stopHolder(holder);
  }
}

const PROBES: readonly Probe[] = [
  {
    name: 'erofs-file',
    remedy:
      'use Linux 6.12 or newer with CONFIG_EROFS_FS_BACKED_BY_FILE, and a directory on ext4, xfs or btrfs',
    run: probeErofs,
  },
  {
    name: 'fuse-session',
    remedy: 'load the fuse module and give this process /dev/fuse',
    run: probeFuseSession,
  },
  {
    name: 'overlay',
    remedy: 'load the overlay module; needed for writable mounts only',
    run: probeOverlay,
  },
  {
    name: 'take-over',
    remedy:
      'give a --root on a file system with unix sockets, or allow pidfd_getfd (CAP_SYS_PTRACE)',
    run: probeTakeOver,
  },
];

async function runProbe(probe: Probe, parent: string): Promise<Finding> {
  const { name, remedy } = probe;
  let directory: string;
  try {
    directory = realpathSync(mkdtempSync(join(parent, '.shoal-probe-')));
  } catch (error) {
    const detail = `not tried: no directory can be made in ${parent} (${errorCode(error) ?? error})`;
    return { name, ok: false, detail, remedy: 'give a --root that can be written' };
  }
  try {
    return { name, ok: true, detail: await probe.run(directory) };
  } catch (error) {
    return { name, ok: false, detail: messageOf(error), remedy };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Runs every probe in a directory of its own below `directory`: use the one that will hold data.
 * Where nothing may be mounted nothing else is tried: every attempt would fail for that one reason.
 */
export async function probeHost(directory: string): Promise<Finding[]> {
  const root = probeRoot();
  const results: Finding[] = [{ name: 'kernel', ok: true, detail: `Linux ${release()}` }, root];
  for (const probe of PROBES) {
    results.push(root.ok ? await runProbe(probe, directory) : notTried(probe));
  }
  return results;
}

function notTried({ name }: Probe): Finding {
  return { name, ok: false, detail: 'not tried: nothing can be mounted' };
}
