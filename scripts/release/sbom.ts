/**
 * The bill of materials of a release: CycloneDX 1.6, JSON. What is in it comes from the files that
 * went into the bundle, versions and digests from the lock file, and the libraries inside Node from
 * Node. The same release gives the same text.
 */
import { createHash } from 'node:crypto';
import type { IncludedPackage } from './licences.ts';
import type { Lock, LockedPackage } from './npm-package.ts';

export type SbomRequest = {
  readonly version: string;
  readonly arch: string;
  /** Seconds since 1970. */
  readonly builtAt: number;
  readonly packages: readonly IncludedPackage[];
  readonly lock: Lock;
  /** Names and versions of the libraries inside Node (`process.versions`). */
  readonly nodeLibraries: Readonly<Record<string, string | undefined>>;
  /** SHA-256 of the Node binary. */
  readonly nodeDigest: string;
};

type Component = {
  readonly type: 'library' | 'application';
  readonly 'bom-ref': string;
  readonly group?: string;
  readonly name: string;
  readonly version: string;
  readonly purl?: string;
  readonly licenses?: readonly object[];
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
  readonly components?: readonly Component[];
};

export function formatSbom(request: SbomRequest): string {
  const { version, arch, builtAt, packages } = request;
  const shoal: Component = {
    type: 'application',
    'bom-ref': `shoal@${version}`,
    name: 'shoal',
    version,
    licenses: licenses('Apache-2.0'),
  };
  const body = {
    metadata: {
      timestamp: new Date(builtAt * 1000).toISOString(),
      component: shoal,
      properties: [{ name: 'shoal:architecture', value: arch }],
    },
    components: packages.map((each) => component(each, request)),
    dependencies: [
      { ref: shoal['bom-ref'], dependsOn: packages.map(packageUrl) },
      ...packages.map((each) => ({ ref: packageUrl(each), dependsOn: dependsOn(each, request) })),
    ],
  };
  const head = {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${uuidOf(JSON.stringify(body))}`,
    version: 1,
  };
  return `${JSON.stringify({ ...head, ...body }, undefined, 2)}\n`;
}

function component(each: IncludedPackage, request: SbomRequest): Component {
  const { name, version, license } = each;
  const [scope, rest] = name.startsWith('@') ? name.split('/') : [undefined, name];
  const isNode = name.startsWith('node-linux-');
  const hash = isNode
    ? { alg: 'SHA-256', content: request.nodeDigest }
    : lockedHash(lockedOf(each, request.lock));
  return {
    type: isNode ? 'application' : 'library',
    'bom-ref': packageUrl(each),
    ...(scope === undefined ? {} : { group: scope }),
    name: rest ?? name,
    version,
    purl: packageUrl(each),
    licenses: licenses(license),
    ...(hash === undefined ? {} : { hashes: [hash] }),
    ...(isNode ? { components: nodeLibraries(each, request) } : {}),
  };
}

function nodeLibraries(node: IncludedPackage, { nodeLibraries }: SbomRequest): Component[] {
  return Object.entries(nodeLibraries)
    .filter(([name, version]) => name !== 'node' && version !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, version = '']) => ({
      type: 'library',
      'bom-ref': `${packageUrl(node)}#${name}`,
      name,
      version,
    }));
}

/** An identifier, or an expression of several. */
function licenses(text: string): object[] {
  return /\s/.test(text) ? [{ expression: text }] : [{ license: { id: text } }];
}

/** `sha512-BASE64` of the lock file: the digest of the package as npm delivers it. */
function lockedHash(
  locked: LockedPackage | undefined,
): { alg: string; content: string } | undefined {
  const match = /^sha512-(.+)$/.exec(locked?.integrity ?? '');
  if (match?.[1] === undefined) return undefined;
  return { alg: 'SHA-512', content: Buffer.from(match[1], 'base64').toString('hex') };
}

/** Of the packages inside, those this one asks for. */
function dependsOn(each: IncludedPackage, { lock, packages }: SbomRequest): string[] {
  const locked = lockedOf(each, lock);
  const names = Object.keys({ ...locked?.dependencies, ...locked?.optionalDependencies });
  return packages.filter(({ name }) => names.includes(name)).map(packageUrl);
}

function lockedOf({ name, version }: IncludedPackage, lock: Lock): LockedPackage | undefined {
  const place = [...lock.entries()].find(
    ([key, { version: locked }]) => key.endsWith(`node_modules/${name}`) && locked === version,
  );
  return place?.[1];
}

/** Package URL: `pkg:npm/%40scope/name@version`. */
function packageUrl({ name, version }: IncludedPackage): string {
  return `pkg:npm/${name.replace('@', '%40')}@${version}`;
}

/** A UUID of version 8 (made by a rule of one's own) out of the contents. */
function uuidOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  const variant = ((Number.parseInt(hex[16] ?? '0', 16) & 0x3) | 0x8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}
