/** Collects the licence texts of everything that is inside a release, in one file. */
import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { listFiles } from './list-files.ts';
import type { NpmPackage } from './npm-package.ts';

/** A package inside the release. */
export type IncludedPackage = NpmPackage & { readonly license: string };

const LICENCE_FILE = /^(licen[cs]e|copying|notice)([-.][\w.-]+)?$/i;
/** Parts of packages that bring no text of their own: the text of the project they belong to. */
const TEXT_OF: readonly (readonly [RegExp, string])[] = [
  [/^@koromix\/koffi-/, 'koffi'],
  [/^@antoniomuso\/lz4-napi-/, 'lz4-napi'],
];

/** Texts of packages whose own files have none, as `scope+name.txt`. */
const KEPT_TEXTS = 'packaging/licences';

/** The file's text. @throws when a package has no licence text */
export function licenceTexts(root: string, packages: readonly IncludedPackage[]): string {
  const sections = packages.map((each) => section(each, texts(root, each, packages)));
  const introduction =
    'Shoal is licensed under the Apache License 2.0, see LICENSE. It contains the following\n' +
    `${packages.length} packages, each under the licence that follows its name.\n`;
  return [introduction, ...sections].join('\n');
}

function section({ name, version, license }: IncludedPackage, found: readonly string[]): string {
  const title = `${name} ${version} (${license})`;
  return [`${'='.repeat(78)}\n${title}\n${'='.repeat(78)}\n`, ...found].join('\n');
}

function texts(
  root: string,
  each: IncludedPackage,
  packages: readonly IncludedPackage[],
): string[] {
  const own = licenceFiles(each.directory);
  if (own.length > 0) return own;
  const project = TEXT_OF.find(([pattern]) => pattern.test(each.name))?.[1];
  const other = packages.find(({ name }) => name === project);
  const shared = other === undefined ? [] : licenceFiles(other.directory);
  if (shared.length > 0) return shared;
  const kept = join(root, KEPT_TEXTS, `${each.name.replace('/', '+')}.txt`);
  if (existsSync(kept)) return [readFileSync(kept, 'utf8')];
  throw new Error(`${each.name}@${each.version} brings no licence text: put one in ${KEPT_TEXTS}`);
}

/** Also those of libraries it contains, but not of packages below it. */
function licenceFiles(directory: string): string[] {
  return listFiles(directory)
    .filter((file) => !file.startsWith('node_modules/') && !file.includes('/node_modules/'))
    .filter((file) => LICENCE_FILE.test(basename(file)))
    .map((file) => `--- ${file}\n\n${readFileSync(join(directory, file), 'utf8').trim()}\n`);
}
