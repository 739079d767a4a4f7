/**
 * Makes the JavaScript of a release: one file per program and thread, what they share in chunks.
 * Packages from npm are bundled too, except those with native parts, which stay packages.
 */
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { lazyPackages } from './lazy-packages.ts';
import { NATIVE_MODULES } from './native-parts.ts';
import { findOwnFiles, ownFilesPlugin } from './own-files.ts';

export type Bundle = {
  /** Files that went in, relative to the root. */
  readonly inputs: readonly string[];
  /** Names of the programs and threads in `lib/`. */
  readonly entries: readonly string[];
};

/** CommonJS inside the bundle asks for Node's modules with `require`, which ES modules have not. */
const BANNER =
  "import { createRequire as shoalCreateRequire } from 'node:module';" +
  'const require = shoalCreateRequire(import.meta.url);';

const MAIN = 'packages/cli/src/main.ts';

/** Bundles everything below `root` into the directory `lib`. */
export async function bundleSources(root: string, lib: string, version: string): Promise<Bundle> {
  const own = findOwnFiles(root);
  const entries = { main: join(root, MAIN), ...Object.fromEntries(own.entries) };
  const result = await build({
    absWorkingDir: root,
    entryPoints: entries,
    outdir: lib,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    // A source with one character above U+00FF takes twice the memory in every process that loads it.
    charset: 'ascii',
    // Names of classes are names of errors; lines stay readable in a stack.
    keepNames: true,
    legalComments: 'none',
    chunkNames: 'shared-[hash]',
    banner: { js: BANNER },
    external: [...NATIVE_MODULES],
    plugins: [ownFilesPlugin(root), levelBinding, englishErrors, lazyPackages(NATIVE_MODULES)],
    metafile: true,
    logLevel: 'warning',
  });
  mkdirSync(lib, { recursive: true });
  simplifyComments(lib);
  for (const [name, file] of own.copies) copyFileSync(file, join(lib, name));
  const manifest = { name: 'shoal', version, type: 'module', private: true };
  writeFileSync(join(lib, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`);
  return {
    inputs: Object.keys(result.metafile.inputs).toSorted(),
    entries: Object.keys(entries).toSorted(),
  };
}

/** Strings are escaped already; comments of packages are left as they are, quotation marks and dashes too. */
function simplifyComments(lib: string): void {
  for (const name of readdirSync(lib).filter((each) => each.endsWith('.js'))) {
    const file = join(lib, name);
    const text = readFileSync(file, 'utf8');
    const simple = text.replaceAll(/(?:^|\s)\/\/ .*$/gmu, (comment) =>
      comment.replaceAll(/[^\0-\u00ff]/gu, '?'),
    );
    if (simple !== text) writeFileSync(file, simple);
  }
}

/** The database's native part lies beside the bundle: its own search looks for a package. */
const levelBinding: Plugin = {
  name: 'level-binding',
  setup(build) {
    build.onLoad({ filter: /\/classic-level\/binding\.js$/ }, () => ({
      contents: "module.exports = require('./classic-level.node');",
      loader: 'js',
    }));
    build.onResolve({ filter: /\/classic-level\.node$/ }, ({ path }) => ({
      path,
      external: true,
    }));
  },
};

/** zod's messages in other languages, which nobody asks for: 3 MiB of memory in every process that checks anything. */
const englishErrors: Plugin = {
  name: 'english-errors',
  setup(build) {
    build.onLoad({ filter: /\/zod\/v4\/locales\/index\.js$/ }, () => ({
      contents: "export { default as en } from './en.js';",
      loader: 'js',
    }));
  },
};
