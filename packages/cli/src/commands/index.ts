/** Every subcommand, in the order the help lists them. */
import type { Command } from 'commander';
import type { CliContext } from '../context.ts';

/** Adds all commands to the program. */
export function registerCommands(_program: Command, _context: CliContext): void {}
