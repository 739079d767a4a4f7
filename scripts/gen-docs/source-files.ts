/** Finds the source files pages are made from, and reads comments and literals out of them. */
import { globSync, readFileSync } from 'node:fs';

export type SourceFile = { readonly package: string; readonly path: string; readonly text: string };

/** All files of one name in the packages' sources, by package and path. */
export function sourceFiles(root: string, name: string): SourceFile[] {
  const paths = globSync(`packages/*/src/**/${name}`, { cwd: root }).sort();
  return paths.map((path) => ({
    package: path.split('/')[1] ?? '',
    path,
    text: readFileSync(`${root}/${path}`, 'utf8'),
  }));
}

/** The files by package, packages in order of their names. */
export function byPackage(files: readonly SourceFile[]): ReadonlyMap<string, SourceFile[]> {
  return Map.groupBy(files, (file) => file.package);
}

/** The words of a `/** ... *\/` comment, on one line. */
export function commentText(comment: string): string {
  return comment
    .replace(/^\/\*\*|\*\/$/g, '')
    .split('\n')
    .map((line) => line.replace(/^\s*\*?\s?/, '').trim())
    .filter((line) => line !== '')
    .join(' ');
}

/** Text as it may stand in a cell of a table. */
export function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
