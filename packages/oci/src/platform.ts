/**
 * Platforms: operating system, architecture, variant. Spec: OCI image index, `platform` property;
 * names and normalisation as containerd's `platforms` package has them.
 */
import * as z from 'zod';
import { PlatformSyntaxError } from './errors.ts';

const PART = /^[A-Za-z0-9._-]{1,64}$/;

/** A name that can be printed anywhere: no control characters, no separators. */
const platformPart = z.string().regex(PART, 'is not a platform name');

export const platformSchema = z.looseObject({
  os: platformPart,
  architecture: platformPart,
  variant: platformPart.or(z.literal('')).optional(),
  'os.version': z.string().max(128).optional(),
  'os.features': z.array(z.string().max(128)).max(64).optional(),
});

export type Platform = {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string | undefined;
  readonly 'os.version'?: string | undefined;
  readonly 'os.features'?: readonly string[] | undefined;
};

const ARCHITECTURE_ALIASES: Readonly<Record<string, string>> = {
  x86_64: 'amd64',
  'x86-64': 'amd64',
  x64: 'amd64',
  aarch64: 'arm64',
  i386: '386',
  ia32: '386',
  armhf: 'arm',
  ppc64el: 'ppc64le',
};

/** `OS/ARCHITECTURE[/VARIANT]`. Throws `ERR_OCI_PLATFORM`. */
export function parsePlatform(text: string): Platform {
  const parts = text.split('/');
  const [os, architecture, variant] = parts;
  if (os === undefined || architecture === undefined || parts.length > 3) {
    throw new PlatformSyntaxError(text);
  }
  if (!parts.every((part) => PART.test(part))) throw new PlatformSyntaxError(text);
  const name = architecture.toLowerCase();
  const platform = { os: os.toLowerCase(), architecture: ARCHITECTURE_ALIASES[name] ?? name };
  return variant === undefined ? platform : { ...platform, variant: variant.toLowerCase() };
}

export function formatPlatform(platform: Platform): string {
  const { os, architecture, variant } = platform;
  return [os, architecture, ...(variant ? [variant] : [])].map(safePart).join('/');
}

/** What `parsePlatform` would accept stays; anything else is shown as `?`. */
function safePart(part: string): string {
  return PART.test(part) ? part : '?';
}

/** True when an image for `offered` runs where `wanted` was asked for. */
export function matchPlatform(wanted: Platform, offered: Platform): boolean {
  return (
    wanted.os === offered.os &&
    wanted.architecture === offered.architecture &&
    effectiveVariant(wanted) === effectiveVariant(offered)
  );
}

/** arm64 means v8 and arm means v7 when no variant is given; amd64 v1 is plain amd64. */
function effectiveVariant({ architecture, variant }: Platform): string {
  if (architecture === 'arm64' && (variant === 'v8' || variant === '8')) return '';
  if (architecture === 'amd64' && variant === 'v1') return '';
  if (architecture === 'arm') return variant?.replace(/^(\d)/, 'v$1') || 'v7';
  return variant ?? '';
}

/** The platform of this machine; always linux, the only one whose images Shoal mounts. */
export function hostPlatform(architecture: string = process.arch): Platform {
  return { os: 'linux', architecture: ARCHITECTURE_ALIASES[architecture] ?? architecture };
}
