/**
 * The parts of a release that are for one processor, and the packages around them: Node itself, and
 * three modules with native code. Each file is named, so that nothing else comes along.
 */
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type ElfFile, isElf, parseElf } from './elf-file.ts';
import { findPackage, type Lock, type NpmPackage } from './npm-package.ts';

export const ARCHITECTURES = ['x64', 'arm64'] as const;
export type Architecture = (typeof ARCHITECTURES)[number];

/** Modules the bundle leaves alone: they look for their native part by themselves. */
export const NATIVE_MODULES = ['koffi', 'lz4-napi'] as const;

/**
 * SHA-256 of `bin/node` in the npm packages `node-linux-<architecture>`. They are not in the lock
 * file: npm's `node` package fetches them. To be changed with the version of `node` in package.json.
 */
const NODE_DIGESTS: Readonly<Record<Architecture, string>> = {
  x64: '7fde7b8afa198da66257f42ee2001d874c7355631e6d1579a5fb5ef1f246df4c',
  arm64: '0f8949d1028f6d61506b2d5bc57e7e6fe893d7b1997509b7847294fc9c616584',
};

type Part = {
  readonly name: string;
  /** Files of the package, and where they lie in the release when not in its `node_modules`. */
  readonly files: Readonly<Record<string, string | undefined>>;
};

function partsFor(arch: Architecture): Part[] {
  return [
    { name: `node-linux-${arch}`, files: { 'bin/node': 'libexec/node' } },
    {
      name: 'classic-level',
      files: { [LEVEL_FILE[arch]]: 'lib/classic-level.node' },
    },
    { name: 'koffi', files: inPlace(['package.json', ...KOFFI_FILES]) },
    {
      name: `@koromix/koffi-linux-${arch}`,
      files: inPlace(['package.json', 'index.js', `linux_${arch}/koffi.node`]),
    },
    { name: 'lz4-napi', files: inPlace(['package.json', 'index.js']) },
    {
      name: `@antoniomuso/lz4-napi-linux-${arch}-gnu`,
      files: inPlace(['package.json', `lz4-napi.linux-${arch}-gnu.node`]),
    },
  ];
}

const LEVEL_FILE: Readonly<Record<Architecture, string>> = {
  x64: 'prebuilds/linux-x64/classic-level.node',
  arm64: 'prebuilds/linux-arm64/classic-level.armv8.node',
};

const KOFFI_FILES = [
  'index.cjs',
  'index.js',
  'src/koffi/index.cjs',
  'src/koffi/index.js',
  'src/koffi/src/static.cjs',
  'src/koffi/src/static.js',
];

function inPlace(files: readonly string[]): Record<string, undefined> {
  return Object.fromEntries(files.map((file) => [file, undefined]));
}

export type PlacedPart = NpmPackage & {
  /** What its programs and libraries ask of the system. */
  readonly elfFiles: readonly ElfFile[];
};

/** Copies the parts into the release at `stage`, each checked to be for the architecture. */
export function placeNativeParts(
  root: string,
  stage: string,
  arch: Architecture,
  lock: Lock,
): PlacedPart[] {
  return partsFor(arch).map(({ name, files }) => {
    const found = findPart(root, name, lock);
    const elfFiles: ElfFile[] = [];
    for (const [from, to] of Object.entries(files)) {
      const target = join(stage, to ?? join('node_modules', name, from));
      mkdirSync(dirname(target), { recursive: true });
      const source = join(found.directory, from);
      copyFileSync(source, target);
      elfFiles.push(...checkElf(source, arch));
    }
    if (name.startsWith('node-linux-')) checkNode(found, arch);
    return { ...found, elfFiles };
  });
}

function findPart(root: string, name: string, lock: Lock): NpmPackage {
  const modules = join(root, 'node_modules');
  if (name.startsWith('node-linux-')) {
    const version = lock.get('node_modules/node')?.version ?? '';
    // npm's `node` package installs it below itself.
    return findPackage({ name, version, places: [join(modules, 'node', 'node_modules', name)] });
  }
  const locked = lock.get(`node_modules/${name}`);
  if (locked?.version === undefined) throw new Error(`package-lock.json has no ${name}`);
  const { version, integrity } = locked;
  return findPackage({ name, version, integrity, places: [join(modules, name)] });
}

function checkElf(file: string, arch: Architecture): ElfFile[] {
  const bytes = readFileSync(file);
  if (!isElf(bytes)) return [];
  const elf = parseElf(bytes);
  if (elf.machine === arch) return [elf];
  throw new Error(`${file} is for ${elf.machine}, not for ${arch}`);
}

function checkNode({ directory }: NpmPackage, arch: Architecture): void {
  const digest = createHash('sha256')
    .update(readFileSync(join(directory, 'bin/node')))
    .digest('hex');
  if (digest === NODE_DIGESTS[arch]) return;
  throw new Error(
    `${directory}/bin/node has the SHA-256 ${digest}, which native-parts.ts does not name`,
  );
}
