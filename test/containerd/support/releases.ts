/** The containerds that the tests run: Debian's 1.6, and 1.7 and 2.x built from their Go modules. */
import { join } from 'node:path';
import {
  type CommandOptions,
  type CommandResult,
  requireContainerdJudge,
  requireTool,
  runChecked,
  runCommand,
  type TestScope,
  until,
} from '@shoal/test-kit';
import {
  type Containerd,
  type ContainerdOptions,
  type ProxySnapshotter,
  requireContainerd,
  startContainerd,
} from '../../support/containerd.ts';
import type { OwnSnapshotter } from '../../support/own-snapshotter.ts';

/** For tests of what containerd is given: its mounts, its labels, what it pulls. */
export const RELEASES = ['1.6', '1.7', '2'] as const;
export type Release = (typeof RELEASES)[number];

/**
 * For tests of what befalls the daemon, its cache or the registry beside containers (restarts, faults,
 * what is collected), and of a whole Debian image. They are the longest, and what they show is the
 * daemon's: the oldest and the newest containerd above it are enough.
 */
export const OUTER_RELEASES = ['1.6', '2'] as const satisfies readonly Release[];
export type OuterRelease = (typeof OUTER_RELEASES)[number];

export type Installation = Containerd & {
  readonly release: Release;
  /** The client of test/conformance, which finds containerd by `env`. */
  readonly clientProgram: string;
  /**
   * Runs the client of test/conformance, which pulls as CRI does, runs and commits containers; an
   * exit code other than 0 is an error.
   */
  client(args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  /** Runs it; any exit code is a result. */
  tryClient(args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
};

/** Its containerd, to be asked without being started; undefined, with the test skipped or failed. */
export function containerdProgram(t: TestScope, release: Release): string | undefined {
  if (release === '1.6') return requireTool(t, 'containerd') ? 'containerd' : undefined;
  const judge = requireContainerdJudge(t, release);
  return judge === undefined ? undefined : join(judge.directory, 'containerd');
}

export type ReleaseOptions = ContainerdOptions &
  Pick<ProxySnapshotter, 'capabilities'> & {
    /** What containerd calls `shoal snapshotter`. @default 'shoal' */
    readonly proxyName?: string;
  };

/**
 * Starts a containerd of the release that knows `shoal snapshotter`; undefined, with the
 * test skipped or failed, where it cannot run. runc of Debian 12 needs no systemd and takes version 1
 * or 2 of control groups, so containers run with ctr's defaults.
 */
export async function startRelease(
  t: TestScope,
  release: Release,
  snapshotter: OwnSnapshotter,
  options: ReleaseOptions = {},
): Promise<Installation | undefined> {
  const judge = requireContainerdJudge(t, release);
  if (judge === undefined || !requireContainerd(t) || !requireTool(t, 'runc')) return undefined;
  const { socket, root } = snapshotter;
  const { proxyName = 'shoal', capabilities } = options;
  const containerd = await startContainerd(t, {
    ...options,
    built: release === '1.6' ? undefined : { line: release, directory: judge.directory },
    proxySnapshotters: { [proxyName]: { socket, root, capabilities } },
  });
  // It connects when it is asked first, and refuses when the socket does not greet it within a second.
  const list = ['snapshots', '--snapshotter', proxyName, 'list'];
  await until('it knows the snapshotter', async () => {
    return (await containerd.tryCtr(list)).exitCode === 0;
  });
  const { env } = containerd;
  return Object.assign(containerd, {
    release,
    clientProgram: judge.client,
    client: (args: readonly string[], more: CommandOptions = {}) =>
      runChecked(judge.client, ['-plain-http', ...args], { env, ...more }),
    tryClient: (args: readonly string[], more: CommandOptions = {}) =>
      runCommand(judge.client, ['-plain-http', ...args], { env, ...more }),
  });
}
