/** docs/cli.md: the help of every command, as the command prints it. */
import { createProgram, Output, registerCommands } from '../../packages/cli/src/index.ts';

const INTRODUCTION = `<!-- Written by scripts/gen-docs.ts from the commands' help; run "npm run gen". -->
# Command line

Every command explains itself with \`--help\`. Results go to standard output, progress and errors to
standard error. What comes out of images or arguments is printed with control characters and bytes
that are no UTF-8 escaped (\`\\x1b\`, \`\\n\`); \`--json\` gives exact values, with a \`...Base64\` field
beside text that is no UTF-8. A reader that stops reading (\`shoal ls ... | head\`) is no error.
`;

/** Width of the pages: help is wrapped to it whatever the terminal. */
const COLUMNS = 100;

export async function renderCliPage(): Promise<string> {
  const nowhere = { write: (_: unknown, callback: (error?: Error | null) => void) => callback() };
  const output = new Output(nowhere);
  const context = {
    ...{ output, diagnostics: output, env: {}, uid: undefined },
    ...{ signal: new AbortController().signal, finish: () => {} },
  };
  const program = createProgram(context);
  await registerCommands(program, context);
  const parts = [INTRODUCTION, block(helpOf(program))];
  for (const command of program.commands) {
    parts.push(`## shoal ${command.name()}\n`, block(helpOf(command)));
  }
  return `${parts.join('\n').trimEnd()}\n`;
}

type HelpSource = ReturnType<typeof createProgram>;

/** The help with what is printed after it. */
function helpOf(command: HelpSource): string {
  let text = '';
  command.configureOutput({
    writeOut: (piece) => {
      text += piece;
    },
    getOutHelpWidth: () => COLUMNS,
    getOutHasColors: () => false,
  });
  command.outputHelp();
  return text.trimEnd();
}

function block(text: string): string {
  return `\`\`\`text\n${text}\n\`\`\`\n`;
}
