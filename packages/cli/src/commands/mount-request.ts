/** What `shoal mount` asks the daemon for: options checked, paths absolute. */
import { resolve } from 'node:path';
import type { ImageReference } from '@shoal/oci';
import type { DriverChoice, MissPolicy, MountRequest } from '@shoal/snapshotter';
import { InvalidArgumentError } from 'commander';
import { absolute, type ClientFlags, sourceOptionsOf } from '../client-options.ts';
import type { CliContext } from '../context.ts';
import { UsageError } from '../errors.ts';

export type MountRequestOptions = ClientFlags & {
  readonly driver: string;
  readonly cache?: string;
  readonly writable?: boolean;
  readonly suid?: boolean;
  readonly dev?: boolean;
  readonly platform?: string;
  readonly missPolicy?: string;
};

export async function mountRequest(
  text: string,
  mountpoint: string,
  options: MountRequestOptions,
  context: CliContext,
): Promise<MountRequest> {
  const { parseReference, parsePlatform } = await import('@shoal/oci');
  const reference = parseReference(text);
  if (options.platform !== undefined) parsePlatform(options.platform);
  return {
    reference: await absoluteReference(reference),
    mountpoint: resolve(mountpoint),
    driver: await driverChoice(options.driver),
    cacheDirectory: absolute(options.cache),
    isWritable: options.writable,
    allowSuid: options.suid,
    allowDevices: options.dev,
    platform: options.platform,
    missPolicy: await missPolicy(options.missPolicy),
    source: sourceOptionsOf(options, context),
  };
}

/** The daemon runs elsewhere: relative paths would mean something else there. */
async function absoluteReference(reference: ImageReference): Promise<string> {
  const { formatReference } = await import('@shoal/oci');
  if (reference.kind === 'registry') return formatReference(reference);
  return formatReference({ ...reference, path: resolve(reference.path) });
}

async function driverChoice(text: string): Promise<DriverChoice> {
  const { DRIVER_CHOICES } = await import('@shoal/snapshotter/client');
  const choice = DRIVER_CHOICES.find((name) => name === text);
  if (choice !== undefined) return choice;
  throw new UsageError(`there is no driver ${text}`, {
    remedy: `give one of ${DRIVER_CHOICES.join(', ')}; 'shoal mount --driver list' explains them`,
  });
}

async function missPolicy(text: string | undefined): Promise<MissPolicy | undefined> {
  if (text === undefined) return undefined;
  const { MISS_POLICY_HELP, parseMissPolicy } = await import('@shoal/node/client');
  const policy = parseMissPolicy(text);
  if (policy === undefined)
    throw new InvalidArgumentError(`--miss-policy must be ${MISS_POLICY_HELP}`);
  return policy;
}
