/**
 * Builds a release: `npm run release -- [--arch x64|arm64] [--out DIR] [--no-deb] [--allow-dirty]`.
 *
 * Makes a tarball, a Debian package, a bill of materials and their checksums, everything inside,
 * Node too. The same commit gives the same bytes. Works on the tree as it is committed, with the
 * packages of package-lock.json; what is not for this machine's processor is fetched with npm.
 */
import { globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { debianFileName, packDebian } from './release/debian-package.ts';
import { ARCHITECTURES, type Architecture } from './release/native-parts.ts';
import { readLock, readManifest } from './release/npm-package.ts';
import { formatSums, type ReleaseRequest, readSourceState, stageRelease } from './release/stage.ts';
import { packTarball } from './release/tarball.ts';

const root = resolve(import.meta.dirname, '..');

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      arch: { type: 'string', default: 'x64' },
      out: { type: 'string', default: join(root, 'dist') },
      'no-deb': { type: 'boolean', default: false },
      'allow-dirty': { type: 'boolean', default: false },
    },
  });
  const arch = ARCHITECTURES.find((each) => each === values.arch);
  if (arch === undefined) throw new Error(`--arch ${values.arch}: ${ARCHITECTURES.join(' or ')}`);
  // Modes of what is packed must not depend on who builds.
  process.umask(0o022);
  requireSameNode();
  const { version } = readManifest(root);
  requireOneVersion(version);
  const state = readSourceState(root, values['allow-dirty']);
  const request: ReleaseRequest = { root, version, arch, ...state };
  const out = resolve(values.out);
  const work = mkdtempSync(join(tmpdir(), 'shoal-release-'));
  try {
    await buildRelease(request, out, work, !values['no-deb']);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function buildRelease(
  request: ReleaseRequest,
  out: string,
  work: string,
  hasDebian: boolean,
): Promise<void> {
  const name = releaseName(request);
  const stage = join(work, name);
  mkdirSync(stage);
  mkdirSync(out, { recursive: true });
  const { parts, sbom } = await stageRelease(request, stage);
  const files = [`${name}.tar.gz`, `${name}.sbom.cdx.json`];
  writeFileSync(join(out, `${name}.sbom.cdx.json`), sbom);
  const packing = [packTarball(stage, join(out, `${name}.tar.gz`), request.builtAt)];
  if (hasDebian) {
    const debian = debianFileName(request);
    packing.push(packDebian(request, stage, parts, join(work, 'debian'), join(out, debian)));
    files.push(debian);
  }
  await Promise.all(packing);
  // One list of each architecture: both may be built into one directory.
  writeFileSync(join(out, `SHA256SUMS.${request.arch}`), formatSums(out, files.toSorted()));
  for (const file of files) console.log(join(out, file));
}

function releaseName({ version, arch }: { version: string; arch: Architecture }): string {
  return `shoal-${version}-linux-${arch}`;
}

/** The bill of materials says what is inside Node as this process knows it. */
function requireSameNode(): void {
  const locked = readLock(root).get('node_modules/node')?.version;
  if (process.versions.node === locked) return;
  throw new Error(`this is Node ${process.versions.node}; run it with npm run release (${locked})`);
}

/** Each package says its version in messages and image labels: a release has only one. */
function requireOneVersion(version: string): void {
  for (const file of globSync('packages/*/package.json', { cwd: root })) {
    const found = readManifest(join(root, dirname(file))).version;
    if (found !== version) throw new Error(`${file} is ${found}, package.json is ${version}`);
  }
}

await main();
