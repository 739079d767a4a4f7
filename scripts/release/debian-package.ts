/**
 * The `.deb` of a release: the tree in `/opt/shoal/versions/<version>`, `/opt/shoal/current` and
 * `/usr/bin/shoal` pointing to it, units, and a configuration file that stays the administrator's.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  globSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { listFiles } from './list-files.ts';
import type { Architecture, PlacedPart } from './native-parts.ts';
import type { ReleaseRequest } from './stage.ts';

const DEBIAN_ARCHITECTURE: Readonly<Record<Architecture, string>> = {
  x64: 'amd64',
  arm64: 'arm64',
};
const CONFIG_FILE = 'etc/shoal/config.toml';
const SCRIPTS = ['preinst', 'postinst', 'prerm', 'postrm'] as const;
/** Tools of every Debian read it; the better ones take minutes for a tenth. */
const COMPRESSION = ['-Zgzip', '-z6'];

/** The Debian package that has each library. Those of the C library are one package. */
const PACKAGE_OF_LIBRARY: readonly (readonly [RegExp, string])[] = [
  [/^(libc|libm|libdl|librt|libpthread|ld-linux-.*)\.so\.\d+$/, 'libc6'],
  [/^libstdc\+\+\.so\.6$/, 'libstdc++6'],
  [/^libgcc_s\.so\.1$/, 'libgcc-s1'],
];

/** `shoal_0.1.0_amd64.deb`; a version such as 1.0.0-rc.1 sorts before 1.0.0. */
export function debianFileName({
  version,
  arch,
}: Pick<ReleaseRequest, 'version' | 'arch'>): string {
  return `shoal_${debianVersion(version)}_${DEBIAN_ARCHITECTURE[arch]}.deb`;
}

function debianVersion(version: string): string {
  return version.replace('-', '~');
}

/** Makes the package from the staged tree; `work` is a directory of its own, used up. */
export async function packDebian(
  request: ReleaseRequest,
  stage: string,
  parts: readonly PlacedPart[],
  work: string,
  file: string,
): Promise<void> {
  const { root, version, builtAt } = request;
  mkdirSync(join(work, 'opt/shoal/versions'), { recursive: true, mode: 0o755 });
  cpSync(stage, join(work, 'opt/shoal/versions', version), { recursive: true });
  symlinkSync(join('versions', version), join(work, 'opt/shoal/current'));
  mkdirSync(join(work, 'usr/bin'), { recursive: true });
  symlinkSync('/opt/shoal/current/bin/shoal', join(work, 'usr/bin/shoal'));
  place(join(root, 'docs/config.example.toml'), join(work, CONFIG_FILE));
  for (const unit of globSync('packaging/systemd/*.service', { cwd: root })) {
    place(join(root, unit), join(work, 'usr/lib/systemd/system', basename(unit)));
  }
  place(join(root, 'packaging/debian/copyright'), join(work, 'usr/share/doc/shoal/copyright'));
  const overrides = join(work, 'usr/share/lintian/overrides/shoal');
  place(join(root, 'packaging/debian/lintian-overrides'), overrides);
  writeChangelog(request, join(work, 'usr/share/doc/shoal/changelog.gz'));
  writeControl(request, parts, work);
  rmSync(file, { force: true });
  const argv = ['--root-owner-group', ...COMPRESSION, '--build', work, file];
  const env = { ...process.env, SOURCE_DATE_EPOCH: String(builtAt) };
  await promisify(execFile)('dpkg-deb', argv, { env });
}

function place(source: string, target: string): void {
  mkdirSync(join(target, '..'), { recursive: true });
  copyFileSync(source, target);
  chmodSync(target, 0o644);
}

function writeControl(request: ReleaseRequest, parts: readonly PlacedPart[], work: string): void {
  const control = join(work, 'DEBIAN');
  const files = listFiles(work);
  const bytes = files.reduce((sum, file) => sum + statSync(join(work, file)).size, 0);
  mkdirSync(control);
  writeFileSync(join(control, 'control'), formatControl(request, parts, bytes));
  writeFileSync(join(control, 'conffiles'), `/${CONFIG_FILE}\n`);
  const sums = files.filter((file) => file !== CONFIG_FILE).map((file) => md5Line(work, file));
  writeFileSync(join(control, 'md5sums'), sums.join(''));
  for (const script of SCRIPTS) {
    const text = readFileSync(join(request.root, 'packaging/debian', script), 'utf8');
    writeFileSync(join(control, script), text.replaceAll('@VERSION@', request.version));
    chmodSync(join(control, script), 0o755);
  }
}

function md5Line(work: string, file: string): string {
  return `${createHash('md5')
    .update(readFileSync(join(work, file)))
    .digest('hex')}  ${file}\n`;
}

function formatControl(
  { version, arch }: ReleaseRequest,
  parts: readonly PlacedPart[],
  bytes: number,
): string {
  return `Package: shoal
Version: ${debianVersion(version)}
Architecture: ${DEBIAN_ARCHITECTURE[arch]}
Maintainer: Shoal maintainers <maintainers@shoal.invalid>
Installed-Size: ${Math.ceil(bytes / 1024)}
Depends: ${dependencies(parts).join(', ')}
Suggests: containerd
Section: admin
Priority: optional
Description: starts containers before their image has arrived
 Shoal converts an ordinary OCI image to a form whose files can be fetched one
 by one, keeps it in the same registry, and mounts it on a Linux host. Programs
 run from the mount at once; the bytes they touch are fetched, verified and
 kept. As a snapshotter it does so for containerd.
 .
 Node.js and everything else it needs is inside. Mounting needs Linux 6.12.
`;
}

/** Also the C library's version that the most demanding part asks for. `mount` has umount. */
export function dependencies(parts: readonly Pick<PlacedPart, 'elfFiles'>[]): string[] {
  const elfFiles = parts.flatMap((part) => part.elfFiles);
  const names = new Set(elfFiles.flatMap(({ needs }) => needs.map(packageOf)));
  const versions = elfFiles.flatMap(({ glibc }) => (glibc === undefined ? [] : [glibc]));
  const [major, minor] = versions.toSorted((a, b) => a[0] - b[0] || a[1] - b[1]).at(-1) ?? [2, 0];
  names.add('mount');
  return [...names]
    .toSorted()
    .map((name) => (name === 'libc6' ? `libc6 (>= ${major}.${minor})` : name));
}

function packageOf(library: string): string {
  const found = PACKAGE_OF_LIBRARY.find(([pattern]) => pattern.test(library));
  if (found === undefined) throw new Error(`no Debian package is known for ${library}`);
  return found[1];
}

function writeChangelog({ version, builtAt }: ReleaseRequest, file: string): void {
  const date = new Date(builtAt * 1000).toUTCString().replace('GMT', '+0000');
  const text = `shoal (${debianVersion(version)}) unstable; urgency=medium

  * See /opt/shoal/current/share/doc/CHANGELOG.md.

 -- Shoal maintainers <maintainers@shoal.invalid>  ${date}
`;
  writeFileSync(file, gzipSync(text, { level: 9 }));
}
