/**
 * What a process has of the host now: descriptors and threads by kind, so that two readings compare
 * without slack. Connections are apart: idle ones of a pool come and go, and are bounded instead.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

type Counts = Readonly<Record<string, number>>;

export type Footprint = {
  /**
   * All but TCP connections and what codec threads have: files by their directory, the rest by what
   * the kernel calls it.
   */
  readonly descriptors: Counts;
  /** TCP connections by the other end, `127.0.0.1:5000`. */
  readonly connections: Counts;
  /** By name, without that of LevelDB and the codec's. */
  readonly threads: Counts;
  /** They start with a fetch and end after a minute without work. */
  readonly codecThreads: number;
  readonly residentBytes: number;
};

const QUIET_MS_MAX = 120_000;
const READING_MS = 200;
/** So many equal readings in a row: nothing is on its way. */
const EQUAL_READINGS = 5;
const CODEC_THREAD = 'shoal-codec';
/** What the event loop of a worker thread opens. */
const EVENT_LOOP: Counts = {
  'anon_inode:[eventfd]': 1,
  'anon_inode:[eventpoll]': 1,
  'anon_inode:[io_uring]': 1,
  'pipe:': 2,
};
const LIBUV_THREADS = 4;
const STATE_LISTENING = '0A';

/** Not a snapshot: what opens or closes meanwhile may be missed or taken for another kind. */
export function footprint(pid: number): Footprint {
  const links = readdirSync(`/proc/${pid}/fd`).flatMap((fd) => linkOf(`/proc/${pid}/fd/${fd}`));
  const remotes = tcpConnections(pid);
  const remoteOf = (link: string) => remotes.get(/^socket:\[(\d+)\]$/.exec(link)?.[1] ?? '');
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const { [CODEC_THREAD]: codecThreads = 0, ...threads } = count(threadNames(pid));
  const all = count(links.filter((link) => remoteOf(link) === undefined).map(kindOf));
  const descriptors = Object.entries(all).map(([kind, number]) => {
    return [kind, Math.max(0, number - codecThreads * (EVENT_LOOP[kind] ?? 0))] as const;
  });
  return {
    descriptors: Object.fromEntries(descriptors),
    connections: count(links.flatMap((link) => remoteOf(link) ?? [])),
    threads,
    codecThreads,
    residentBytes: Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) * 1024,
  };
}

/**
 * The footprint once the process is at rest: no TCP connection is left (a pool drops idle ones within
 * seconds) and descriptors and threads stay the same for a second. Throws when that never comes.
 */
export async function quietFootprint(pid: number): Promise<Footprint> {
  const giveUpAt = performance.now() + QUIET_MS_MAX;
  let [last, equal] = ['', 0];
  for (;;) {
    const found = footprint(pid);
    const { residentBytes: _, ...exact } = found;
    const text = JSON.stringify(exact);
    equal = text === last ? equal + 1 : 1;
    last = text;
    if (equal >= EQUAL_READINGS && total(found.connections) === 0) return found;
    if (performance.now() > giveUpAt)
      throw new Error(`process ${pid} does not come to rest: ${text}`);
    await sleep(READING_MS);
  }
}

/** Descriptors and threads that were not there before, by kind; empty when nothing was left behind. */
export function leftBehind(before: Footprint, after: Footprint): Counts {
  const surplus = (earlier: Counts, later: Counts) =>
    Object.entries(later)
      .map(([kind, number]) => [kind, number - (earlier[kind] ?? 0)] as const)
      .filter(([, number]) => number > 0);
  return Object.fromEntries([
    ...surplus(before.descriptors, after.descriptors),
    ...surplus(before.threads, after.threads),
  ]);
}

/** In one line, for a test's comment. */
export function formatFootprint(found: Footprint): string {
  const { descriptors, connections, threads, codecThreads, residentBytes } = found;
  const mebibytes = Math.round(residentBytes / 2 ** 20);
  return `${total(descriptors)} descriptors, ${total(connections)} connections, ${total(threads)} threads and ${codecThreads} of the codec, ${mebibytes} MiB`;
}

export function total(counts: Counts): number {
  return Object.values(counts).reduce((sum, number) => sum + number, 0);
}

/** Inode of a socket to its other end. */
function tcpConnections(pid: number): Map<string, string> {
  const rows = ['tcp', 'tcp6'].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, 'utf8').trim().split('\n').slice(1),
  );
  const connections = new Map<string, string>();
  for (const row of rows) {
    const [, , remote, state, , , , , , inode] = row.trim().split(/\s+/);
    if (remote === undefined || inode === undefined || state === STATE_LISTENING) continue;
    connections.set(inode, addressOf(remote));
  }
  return connections;
}

/** `0100007F:1388` as `127.0.0.1:5000`; an IPv6 address stays as it is. */
function addressOf(text: string): string {
  const [address = '', port = ''] = text.split(':');
  const isV4 = address.length === 8;
  const bytes = isV4 ? [...Buffer.from(address, 'hex').toReversed()].join('.') : address;
  return `${bytes}:${Number.parseInt(port, 16)}`;
}

/**
 * LevelDB starts one thread in the life of a process, when it first compacts, and keeps it. It has no
 * name of its own but that of the thread that asked: the main one, or one of libuv's.
 */
function threadNames(pid: number): string[] {
  const others = readdirSync(`/proc/${pid}/task`).filter((id) => id !== String(pid));
  const names = others.flatMap((id) => nameOf(`/proc/${pid}/task/${id}/comm`));
  const ofLibuv = names.filter((name) => name === 'libuv-worker').length;
  const heir = names.includes('MainThread') ? 'MainThread' : 'libuv-worker';
  const isThere = heir === 'MainThread' || ofLibuv > LIBUV_THREADS;
  return ['main', ...(isThere ? names.toSpliced(names.indexOf(heir), 1) : names)];
}

/** Without inode numbers; a file stands for its directory, since databases rename theirs. */
function kindOf(link: string): string {
  const isPlain = link.startsWith('/') && !link.startsWith('/dev/');
  return isPlain ? `files of ${dirname(link)}` : link.replace(/\[\d+\]$/, '');
}

function count(kinds: readonly string[]): Counts {
  const counts: Record<string, number> = {};
  for (const kind of kinds.toSorted()) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

/** Nothing when it has been closed meanwhile. */
function linkOf(path: string): string[] {
  try {
    return [readlinkSync(path)];
  } catch {
    return [];
  }
}

function nameOf(path: string): string[] {
  try {
    return [readFileSync(path, 'utf8').trim()];
  } catch {
    return [];
  }
}
