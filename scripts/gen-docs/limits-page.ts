/** docs/limits.md: every maximum and its reason. */
import type { SourceFile } from './source-files.ts';
import { byPackage, cell, commentText, sourceFiles } from './source-files.ts';

const INTRODUCTION = `<!-- Written by scripts/gen-docs.ts from the limits.ts files; run "npm run gen". -->
# Limits

Whatever comes from a stranger (images, registries, archives) or could grow without end is bounded.
Passing a bound is a coded error (see errors.md), never a crash. Sizes are bytes unless the name says
otherwise.
`;

export type DocumentedLimit = {
  readonly name: string;
  readonly value: string;
  readonly reason: string;
};

const LIMIT =
  /(\/\*\*(?:[^*]|\*(?!\/))*\*\/)?\s*export const ([A-Z][A-Z0-9_]*)(?::[^=]+)? =\s*([^;]+);/g;

export function limitsOfFile({ text }: SourceFile): DocumentedLimit[] {
  return [...text.matchAll(LIMIT)].map((match) => ({
    name: match[2] ?? '',
    value: (match[3] ?? '').replaceAll(/\s+/g, ' '),
    reason: commentText(match[1] ?? ''),
  }));
}

export function renderLimitsPage(root: string): string {
  const parts = [INTRODUCTION];
  for (const [name, files] of byPackage(sourceFiles(root, 'limits.ts'))) {
    parts.push(`## ${name}\n`);
    parts.push('| limit | value | reason |\n| --- | --- | --- |');
    for (const limit of files.flatMap(limitsOfFile)) {
      parts.push(`| \`${limit.name}\` | \`${cell(limit.value)}\` | ${cell(limit.reason)} |`);
    }
    parts.push('');
  }
  return `${parts.join('\n').trimEnd()}\n`;
}
