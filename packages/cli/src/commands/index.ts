/** Every subcommand, in the order the help lists them. */
import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { registerCache } from './cache.ts';
import { registerCat } from './cat.ts';
import { registerCheck } from './check.ts';
import { registerConvert } from './convert.ts';
import { registerDoctor } from './doctor.ts';
import { registerDrain } from './drain.ts';
import { registerDump } from './dump.ts';
import { registerInspect } from './inspect.ts';
import { registerLs } from './ls.ts';
import { registerMount } from './mount.ts';
import { registerNode } from './node.ts';
import { registerSnapshotter } from './snapshotter.ts';
import { registerStatus } from './status.ts';
import { registerTrace } from './trace.ts';
import { registerUnmount } from './unmount.ts';
import { registerUnpack } from './unpack.ts';
import { registerUpgrade } from './upgrade.ts';

/** Adds all commands to the program. */
export function registerCommands(program: Command, context: CliContext): void {
  registerConvert(program, context);
  registerCheck(program, context);
  registerUnpack(program, context);
  registerInspect(program, context);
  registerLs(program, context);
  registerCat(program, context);
  registerDump(program, context);
  registerMount(program, context);
  registerUnmount(program, context);
  registerStatus(program, context);
  registerTrace(program, context);
  registerDrain(program, context);
  registerCache(program, context);
  registerUpgrade(program, context);
  registerDoctor(program, context);
  registerNode(program, context);
  registerSnapshotter(program, context);
}
