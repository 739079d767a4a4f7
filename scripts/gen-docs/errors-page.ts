/** docs/errors.md: every error code, what it means, what to do. */
import { exitCodeOf } from '../../packages/cli/src/exit-code.ts';
import { ShoalError } from '../../packages/errors/src/index.ts';
import type { SourceFile } from './source-files.ts';
import { byPackage, cell, commentText, sourceFiles } from './source-files.ts';

export type DocumentedError = {
  readonly code: string;
  readonly className: string;
  readonly meaning: string;
  readonly remedy: string;
  readonly path: string;
};

const INTRODUCTION = `<!-- Written by scripts/gen-docs.ts from the error classes; run "npm run gen". -->
# Errors

Every error Shoal reports on purpose has a stable code; scripts and callers test the code, never the
message. A command prints one sentence on standard error, \`shoal <command>: <what>. <remedy>.\`, and
ends with the exit code below (3 means partly done, 130 interrupted; neither belongs to a code).
\`SHOAL_DEBUG=1\` adds where in the code it happened.
`;

const CLASS =
  /(\/\*\*(?:[^*]|\*(?!\/))*\*\/)?\s*export (?:abstract )?class (\w+) extends (\w+)[^{]*\{/g;

/** All documented errors of the packages, by package and place. */
export function documentedErrors(root: string): DocumentedError[] {
  return sourceFiles(root, 'errors.ts').flatMap(errorsOfFile);
}

export function renderErrorsPage(root: string): string {
  const parts = [INTRODUCTION];
  for (const [name, files] of byPackage(sourceFiles(root, 'errors.ts'))) {
    const errors = files.flatMap(errorsOfFile).sort((a, b) => (a.code < b.code ? -1 : 1));
    if (errors.length === 0) continue;
    parts.push(`## ${name}\n`);
    parts.push('| code | meaning | exit | what to do |\n| --- | --- | --- | --- |');
    for (const { code, meaning, remedy } of errors) {
      parts.push(`| \`${code}\` | ${cell(meaning)} | ${exitCode(code)} | ${cell(remedy)} |`);
    }
    parts.push('');
  }
  return `${parts.join('\n').trimEnd()}\n`;
}

/** The exit code of a command that ends with this error, by the one function that decides it. */
function exitCode(code: string): number {
  class Sample extends ShoalError {
    override readonly code = code;
  }
  return exitCodeOf(new Sample(''), new AbortController().signal);
}

type ClassBody = { readonly comment: string; readonly base: string; readonly body: string };

function errorsOfFile({ text, path }: SourceFile): DocumentedError[] {
  const classes = new Map<string, ClassBody>();
  const starts = [...text.matchAll(CLASS)];
  for (const [index, match] of starts.entries()) {
    const end = starts[index + 1]?.index ?? text.length;
    const body = text.slice(match.index + match[0].length, end);
    classes.set(match[2] ?? '', { comment: match[1] ?? '', base: match[3] ?? '', body });
  }
  const errors: DocumentedError[] = [];
  for (const [className, { comment, body }] of classes) {
    const code = /override readonly code(?:: string)? = '([A-Z0-9_]+)'/.exec(body)?.[1];
    if (code === undefined) continue;
    const meaning = commentText(comment);
    errors.push({ code, className, meaning, remedy: remedyOf(className, classes, text), path });
  }
  return errors;
}

/** The remedy a class gives, its own or that of the class it extends. */
function remedyOf(
  className: string,
  classes: ReadonlyMap<string, ClassBody>,
  text: string,
): string {
  const found = classes.get(className);
  if (found === undefined) return '';
  const own =
    /remedy:\s*((?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`|[A-Z_]+\b))/s.exec(
      found.body,
    )?.[1];
  if (own === undefined) return remedyOf(found.base, classes, text);
  return literalText(own, text);
}

/** The words of a string literal, or of the constant of that name. */
function literalText(literal: string, text: string): string {
  const quote = literal.charAt(0);
  if (!'\'"`'.includes(quote)) {
    const constant = new RegExp(`const ${literal} =\\s*(?:\\n\\s*)?('[^']*'|"[^"]*"|\`[^\`]*\`)`);
    const value = constant.exec(text)?.[1];
    return value === undefined ? '' : literalText(value, text);
  }
  return literal
    .slice(1, -1)
    .replaceAll(/\$\{[^}]*\}/g, '...')
    .replaceAll(/\\(['"`])/g, '$1');
}
