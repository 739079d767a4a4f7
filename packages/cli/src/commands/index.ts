/**
 * Every subcommand, in the order the help lists them. Each is loaded when it is wanted: a command
 * that was asked for by its name starts without the others.
 */
import type { Command } from 'commander';
import type { CliContext } from '../context.ts';

type Register = (program: Command, context: CliContext) => void;

const COMMANDS: ReadonlyMap<string, () => Promise<Register>> = new Map([
  ['convert', async () => (await import('./convert.ts')).registerConvert],
  ['check', async () => (await import('./check.ts')).registerCheck],
  ['unpack', async () => (await import('./unpack.ts')).registerUnpack],
  ['inspect', async () => (await import('./inspect.ts')).registerInspect],
  ['ls', async () => (await import('./ls.ts')).registerLs],
  ['cat', async () => (await import('./cat.ts')).registerCat],
  ['dump', async () => (await import('./dump.ts')).registerDump],
  ['mount', async () => (await import('./mount.ts')).registerMount],
  ['unmount', async () => (await import('./unmount.ts')).registerUnmount],
  ['status', async () => (await import('./status.ts')).registerStatus],
  ['trace', async () => (await import('./trace.ts')).registerTrace],
  ['drain', async () => (await import('./drain.ts')).registerDrain],
  ['cache', async () => (await import('./cache.ts')).registerCache],
  ['upgrade', async () => (await import('./upgrade.ts')).registerUpgrade],
  ['doctor', async () => (await import('./doctor.ts')).registerDoctor],
  ['node', async () => (await import('./node.ts')).registerNode],
  ['snapshotter', async () => (await import('./snapshotter.ts')).registerSnapshotter],
  ['peer', async () => (await import('./peer.ts')).registerPeer],
  ['proxy', async () => (await import('./proxy.ts')).registerProxy],
  ['get', async () => (await import('./get.ts')).registerGet],
  ['preheat', async () => (await import('./preheat.ts')).registerPreheat],
  ['tracker', async () => (await import('./tracker.ts')).registerTracker],
  ['ca', async () => (await import('./ca.ts')).registerCa],
]);

/** Adds the command of that name to the program, or all when there is none. */
export async function registerCommands(
  program: Command,
  context: CliContext,
  name?: string,
): Promise<void> {
  const asked = name === undefined ? undefined : COMMANDS.get(name);
  const wanted = asked === undefined ? [...COMMANDS.values()] : [asked];
  for (const load of wanted) (await load())(program, context);
}
