/**
 * The takeover test itself: readers of every kind on one session while its server is killed again
 * and again and a successor takes over. The quick test and the long one differ in numbers only.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { stopHolder } from '../../src/holder/holder.ts';
import { mountErofs, unmount } from '../../src/mount/mount.ts';
import { encodeTinyErofs, wholeDeviceFile } from '../../src/tiny-erofs.ts';
import { type DieAt, deviceContent, FILE_IDS, FIRST_ID, READER_KINDS } from './takeover-files.ts';

export type TakeoverKill = {
  readonly dieAt: DieAt;
  /** At which miss (`before-fill`, `after-fill`), or after how many milliseconds (`never`). */
  readonly after: number;
};

export type ReaderCounts = {
  readonly kind: string;
  readonly reads: number;
  readonly wrong: number;
  readonly errors: number;
  readonly longestMs: number;
};

type Program = { readonly child: ChildProcess; readonly lines: Interface };

const SUPPORT = import.meta.dirname;
const EXPECTED_SUM = createHash('sha256').update('shoal').digest('hex');

function start(script: string, args: readonly string[], running: Set<ChildProcess>): Program {
  const child = spawn(process.execPath, [join(SUPPORT, script), ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { PATH: process.env['PATH'] },
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  return { child, lines: createInterface({ input: child.stdout ?? process.stdin }) };
}

async function isReady(program: Program): Promise<void> {
  const died = once(program.child, 'exit').then(() => ['nothing and ended']);
  const [line] = await Promise.race([once(program.lines, 'line'), died]);
  if (line !== 'ready') throw new Error(`a process of the test said ${line}`);
}

/** Mounts every file of the session as `file-N`. */
function mountAll(directory: string): string {
  const files = FILE_IDS.map((fileId, index) =>
    wholeDeviceFile(`file-${fileId}`, 0o755, deviceContent(fileId).sizeBytes, index + 1),
  );
  const metadataFile = join(directory, 'metadata');
  const blocks = FILE_IDS.map((fileId) => deviceContent(fileId).sizeBytes / 4096);
  writeFileSync(metadataFile, encodeTinyErofs(files, blocks));
  const mountpoint = join(directory, 'erofs');
  mkdirSync(mountpoint);
  const devices = FILE_IDS.map((fileId) => join(directory, 'fuse', `blob-${fileId}`));
  mountErofs({ metadataFile, devices, mountpoint });
  return mountpoint;
}

function startReaders(directory: string, running: Set<ChildProcess>): Program[] {
  return READER_KINDS.map((kind, index) => {
    const fileId = FIRST_ID + index;
    // EROFS over files refuses O_DIRECT, so that reader goes to the FUSE file itself.
    const path =
      kind === 'direct'
        ? join(directory, 'fuse', `blob-${fileId}`)
        : join(directory, 'erofs', `file-${fileId}`);
    return start('takeover-reader.ts', [kind, path, String(fileId), EXPECTED_SUM], running);
  });
}

/** Lets the server die as asked; resolves when it is dead. */
async function killServer(server: Program, kill: TakeoverKill): Promise<void> {
  const exited = once(server.child, 'exit');
  if (kill.dieAt === 'never') {
    await new Promise((resolve) => setTimeout(resolve, kill.after));
    server.child.kill('SIGKILL');
  }
  await exited;
}

function startServer(
  directory: string,
  kill: TakeoverKill | undefined,
  running: Set<ChildProcess>,
) {
  const args = [directory, kill?.dieAt ?? 'never', String(kill?.after ?? 0)];
  return start('takeover-server.ts', args, running);
}

/** Runs until every kill has happened and every reader has read on after it. */
export async function runTakeover(
  directory: string,
  kills: readonly TakeoverKill[],
  deadlineMs = 90_000,
): Promise<ReaderCounts[]> {
  const running = new Set<ChildProcess>();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('the takeover test hangs')), deadlineMs);
  });
  try {
    return await Promise.race([killAndRead(directory, kills, running), late]);
  } finally {
    clearTimeout(timer);
    // The holder first: its end is what frees readers that still wait.
    await endHolder(directory);
    for (const child of running) child.kill('SIGKILL');
  }
}

async function killAndRead(
  directory: string,
  kills: readonly TakeoverKill[],
  running: Set<ChildProcess>,
): Promise<ReaderCounts[]> {
  mkdirSync(join(directory, 'fuse'), { mode: 0o700 });
  let server = startServer(directory, kills[0], running);
  await isReady(server);
  const mountpoint = mountAll(directory);
  const readers = startReaders(directory, running);
  // Not awaited here: the first death may come while a reader still opens its file.
  const allReady = Promise.all(readers.map(isReady));
  for (const [index, kill] of kills.entries()) {
    await killServer(server, kill);
    server = startServer(directory, kills[index + 1], running);
    // One that ends itself may do so while it still adopts.
    if ((kills[index + 1]?.dieAt ?? 'never') === 'never') await isReady(server);
  }
  await allReady;
  const counts = await finishReaders(readers);
  server.child.kill('SIGKILL');
  unmount(mountpoint);
  return counts;
}

async function finishReaders(readers: readonly Program[]): Promise<ReaderCounts[]> {
  return Promise.all(
    readers.map(async ({ child, lines }) => {
      const exited = once(child, 'exit');
      child.stdin?.end();
      const [line] = await once(lines, 'line');
      await exited;
      const counts: ReaderCounts = JSON.parse(String(line));
      return counts;
    }),
  );
}

async function endHolder(directory: string): Promise<void> {
  const path = join(directory, 'state.json');
  if (existsSync(path)) await stopHolder(JSON.parse(readFileSync(path, 'utf8')).holder);
}
