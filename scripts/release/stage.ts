/** Lays out a release in a directory: the tree that the tarball has and `/opt/shoal/versions/` gets. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  globSync,
  mkdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import {
  MOUNTS_VERSION,
  SNAPSHOTS_VERSION,
} from '../../packages/snapshotter/src/state/state-version.ts';
import { bundleSources } from './bundle.ts';
import { includedPackages } from './included-packages.ts';
import { licenceTexts } from './licences.ts';
import { listFiles } from './list-files.ts';
import { type Architecture, type PlacedPart, placeNativeParts } from './native-parts.ts';
import { readLock } from './npm-package.ts';
import { formatSbom } from './sbom.ts';

export type ReleaseRequest = {
  readonly root: string;
  readonly version: string;
  readonly arch: Architecture;
  /** Of the commit, `-dirty` behind it when the tree is not what was committed. */
  readonly revision: string;
  /** Seconds since 1970: the time of every file. */
  readonly builtAt: number;
};

export type StagedRelease = {
  readonly parts: readonly PlacedPart[];
  readonly sbom: string;
};

const SBOM_FILE = 'share/sbom.cdx.json';
const EXECUTABLES = new Set(['bin/shoal', 'libexec/node']);
/** Copied as they are, by what they are called in the release. */
const DOCUMENTS = {
  'share/doc': ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'docs'],
  'share/systemd': ['packaging/systemd/*.service'],
  'share/containerd': ['packaging/containerd/*.toml'],
  'share/kubernetes': ['packaging/Dockerfile', 'packaging/helm/shoal'],
} as const;

/** Fills the empty directory `stage`. */
export async function stageRelease(request: ReleaseRequest, stage: string): Promise<StagedRelease> {
  const { root, version, arch, revision, builtAt } = request;
  const lock = readLock(root);
  const bundle = await bundleSources(root, join(stage, 'lib'), version);
  const parts = placeNativeParts(root, stage, arch, lock);
  const packages = includedPackages(root, bundle.inputs, parts, lock);
  mkdirSync(join(stage, 'bin'));
  copyFileSync(join(root, 'bin/shoal'), join(stage, 'bin/shoal'));
  copyFileSync(join(root, 'LICENSE'), join(stage, 'LICENSE'));
  for (const [directory, patterns] of Object.entries(DOCUMENTS)) {
    copyMatching(root, patterns, join(stage, directory));
  }
  const sbom = formatSbom({
    version,
    arch,
    builtAt,
    packages,
    lock,
    nodeLibraries: process.versions,
    nodeDigest: sha256(join(stage, 'libexec/node')),
  });
  writeFileSync(join(stage, SBOM_FILE), sbom);
  writeFileSync(join(stage, 'THIRD-PARTY-LICENSES.txt'), licenceTexts(root, packages));
  const state = { mounts: MOUNTS_VERSION, snapshots: SNAPSHOTS_VERSION };
  const facts = { name: 'shoal', version, arch, revision, node: process.versions.node, state };
  writeFileSync(join(stage, 'release.json'), `${JSON.stringify(facts, undefined, 2)}\n`);
  setModes(stage);
  writeFileSync(join(stage, 'SHA256SUMS'), formatSums(stage, listFiles(stage)));
  return { parts, sbom };
}

function copyMatching(root: string, patterns: readonly string[], target: string): void {
  mkdirSync(target, { recursive: true });
  const files = patterns.flatMap((pattern) => globSync(pattern, { cwd: root }));
  for (const file of files)
    cpSync(join(root, file), join(target, basename(file)), { recursive: true });
}

/** Whatever the umask, and whatever npm made of them. */
function setModes(stage: string): void {
  const files = listFiles(stage);
  const directories = new Set(files.flatMap((file) => parentsOf(file)));
  for (const directory of directories) chmodSync(join(stage, directory), 0o755);
  for (const file of files) chmodSync(join(stage, file), EXECUTABLES.has(file) ? 0o755 : 0o644);
}

function parentsOf(file: string): string[] {
  const parent = dirname(file);
  return parent === '.' ? ['.'] : [parent, ...parentsOf(parent)];
}

/** As `sha256sum` prints and checks them. */
export function formatSums(directory: string, files: readonly string[]): string {
  return files.map((file) => `${sha256(join(directory, file))}  ${file}\n`).join('');
}

function sha256(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

export type SourceState = Pick<ReleaseRequest, 'revision' | 'builtAt'>;

/**
 * Commit and time of the sources. `SOURCE_DATE_EPOCH` goes before the time of the commit.
 *
 * @throws when the tree has changes and they are not allowed
 */
export function readSourceState(root: string, isDirtyAllowed: boolean): SourceState {
  const git = (...argv: string[]) => execFileSync('git', argv, { cwd: root, encoding: 'utf8' });
  const changes = git('status', '--porcelain', '--', '.').trim();
  if (changes !== '' && !isDirtyAllowed) {
    const first = changes.split('\n').slice(0, 5).join('\n');
    throw new Error(`the tree has changes that are not committed (--allow-dirty):\n${first}`);
  }
  const commit = git('rev-parse', 'HEAD').trim();
  const time = process.env['SOURCE_DATE_EPOCH'] ?? git('log', '-1', '--format=%ct').trim();
  return { revision: changes === '' ? commit : `${commit}-dirty`, builtAt: Number(time) };
}
