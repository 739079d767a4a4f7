/** Hosts start one image together while some who are believed as they are do harm. */
import { readFileSync } from 'node:fs';
import { HostileHost } from './hostile-host.ts';
import { type Asserting, startTogether, type TogetherOptions } from './start-together.ts';

/** Of one liar to one reader: more than are under way when the first is found out. */
const LIES_MAX = 32;
/** Refusals of one host to one reader: what is asked in 250 ms, then one block for each pause, which doubles. */
const REFUSALS_MAX = 100;
const MEMORY_BYTES_MAX = 400 << 20;

/** All say they hold everything: one sends other bytes, one refuses, one never answers. */
export async function startAmongLiars(t: Asserting, options: TogetherOptions): Promise<void> {
  const liars = new Map<string, HostileHost>();
  await startTogether(t, {
    ...options,
    before: async ({ network }) => {
      for (const kind of ['corrupts', 'withholds', 'stalls'] as const) {
        liars.set(kind, await HostileHost.start(t, network, { kind }));
      }
    },
    afterFirst: async (peer) => {
      for (const liar of liars.values()) await liar.untilMet(peer);
    },
    after: async ({ peers }) => {
      for (const [kind, liar] of liars) {
        const asked = peers.map(({ name }) => liar.count(`blocks ${name}`));
        t.comment(`blocks that hosts have asked of the one that ${kind}: ${asked}`);
        if (kind === 'withholds') {
          t.ok(
            Math.max(...asked) <= REFUSALS_MAX,
            `nobody has asked for more than ${REFUSALS_MAX}`,
          );
        }
        if (kind !== 'corrupts') continue;
        t.ok(Math.max(...asked) > 0, 'somebody has asked the one that lies');
        t.ok(Math.max(...asked) <= LIES_MAX, `nobody has asked for more than ${LIES_MAX} blocks`);
      }
    },
  });
}

/** Every daemon is flooded until all have read. */
export async function startUnderFlood(
  t: Asserting,
  options: TogetherOptions,
  connections: number,
): Promise<void> {
  let flood: HostileHost | undefined;
  await startTogether(t, {
    ...options,
    before: async ({ network, seeds, peers }) => {
      const victims = [...seeds, ...peers];
      flood = await HostileHost.start(t, network, { kind: 'floods', victims, connections });
    },
    after: async ({ seeds, peers }) => {
      await flood?.stop();
      t.comment(`connections of each flood: ${JSON.stringify(flood?.counts())}`);
      const memory = [...seeds, ...peers].map(({ program }) => memoryOf(program.pid));
      const most = Math.max(...memory.map(({ most }) => most));
      const now = Math.max(...memory.map(({ now }) => now));
      t.comment(`memory of a daemon: ${now >> 20} MiB, ${most >> 20} at most`);
      t.ok(now > 0 && most <= MEMORY_BYTES_MAX, 'all daemons live, and none has become large');
    },
  });
}

/** 0 for a process that is gone. */
function memoryOf(pid: number | undefined): { readonly now: number; readonly most: number } {
  const text = pid === undefined ? '' : readFileSync(`/proc/${pid}/status`, 'utf8');
  const bytesOf = (field: string) =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) << 10;
  return { now: bytesOf('VmRSS'), most: bytesOf('VmHWM') };
}
