/**
 * The command tree and one run of it: parse, call, turn the outcome into an exit code.
 */
import { ShoalError } from '@shoal/errors';
import { VERSION } from '@shoal/errors/version';
import { Command, CommanderError } from 'commander';
import type { CliContext } from './context.ts';
import { UsageError } from './errors.ts';
import { ExitCode, exitCodeOf } from './exit-code.ts';
import { describeFailure } from './failure.ts';
import { escapeText } from './output.ts';

const EXIT_STATUS = `
Exit status: 0 done; 1 failed (check: differences); 2 wrong use; 3 partly done; 130 interrupted.

References: host/name:tag, host/name@sha256:..., docker://..., oci:DIR[:TAG], oci-archive:FILE[:TAG],
docker-archive:FILE[:TAG].`;

/** The whole command tree, connected to the context. */
export function createProgram(context: CliContext): Command {
  const program = new Command('shoal');
  program
    .description('Starts containers before their image has arrived.')
    .version(VERSION, '-V, --version', 'print the version')
    .helpCommand('help [command]', 'explain a command')
    .helpOption('-h, --help', 'explain the command')
    .addHelpText('after', EXIT_STATUS)
    .showSuggestionAfterError(true)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.output.queue(text),
      writeErr: (text) => context.diagnostics.queue(text),
      outputError: () => {},
    });
  return program;
}

/** Runs the command line (without node and script) and gives the exit code. Never throws. */
export async function runProgram(
  program: Command,
  argv: readonly string[],
  context: CliContext,
): Promise<ExitCode> {
  try {
    await program.parseAsync(argv, { from: 'user' }).catch((error: unknown) => {
      // Help or version were asked for and wait to be written.
      if (!(error instanceof CommanderError) || error.exitCode !== 0) throw error;
    });
    await context.output.flush();
    return ExitCode.done;
  } catch (error) {
    return await reportFailure(program, argv, error, context);
  }
}

async function reportFailure(
  program: Command,
  argv: readonly string[],
  error: unknown,
  context: CliContext,
): Promise<ExitCode> {
  const command = commandOf(program, argv);
  // Help because no command was given: there is nothing to add.
  if (error instanceof CommanderError && error.code === 'commander.help') {
    await context.diagnostics.flush().catch(() => {});
    return ExitCode.usage;
  }
  const known =
    error instanceof CommanderError
      ? usageErrorOf(await unknownBeforeMissing(program, argv, error), command)
      : error;
  const code = exitCodeOf(known, context.signal);
  await context.output.flush().catch(() => {});
  if (code === ExitCode.done) return code;
  const text =
    code === ExitCode.interrupted && !(known instanceof ShoalError)
      ? `shoal ${command}: interrupted.`
      : describeFailure(command, known);
  const lines = [text];
  if (context.env['SHOAL_DEBUG'] === '1' && known instanceof Error) lines.push(stackOf(known));
  for (const line of lines) await context.diagnostics.raw(`${escapeText(line)}\n`).catch(() => {});
  return code;
}

/**
 * A mistyped option is why a required one is missing, but commander complains of the missing one:
 * without required options it says what it does not know, before it runs anything.
 */
async function unknownBeforeMissing(
  program: Command,
  argv: readonly string[],
  error: CommanderError,
): Promise<CommanderError> {
  if (error.code !== 'commander.missingMandatoryOptionValue') return error;
  const name = commandOf(program, argv);
  const command = program.commands.find((candidate) => candidate.name() === name);
  const { unknown } = command?.parseOptions(argv.slice(argv.indexOf(name) + 1)) ?? { unknown: [] };
  if (command === undefined || unknown.length === 0) return error;
  for (const option of command.options) option.mandatory = false;
  const better: unknown = await program
    .parseAsync(argv, { from: 'user' })
    .catch((thrown: unknown) => thrown);
  return better instanceof CommanderError ? better : error;
}

/** The words of commander as one of our sentences. */
function usageErrorOf(error: CommanderError, command: string): UsageError {
  const message = error.message.replace(/^error: /, '').replace(/\n\((.*)\)\s*$/s, '. $1');
  const page = command === '' ? 'shoal --help' : `shoal ${command} --help`;
  return new UsageError(message, { cause: error, remedy: `see '${page}'` });
}

/** The name of the command that was asked for, '' if there is none. */
function commandOf(program: Command, argv: readonly string[]): string {
  const names = new Set(program.commands.map((command) => command.name()));
  return argv.find((argument) => names.has(argument)) ?? '';
}

function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? ` <- ${stackOf(error.cause)}` : '';
  return `${error.stack ?? error.message}${cause}`;
}
