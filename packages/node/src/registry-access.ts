/**
 * How the daemon reaches registries: one set of credential sources and mirrors for everything it
 * fetches, and the image service that brings the credentials of pods.
 */
import { join } from 'node:path';
import { RateLimit } from '@shoal/blob-store';
import {
  type CredentialSource,
  KubeletCredentials,
  StaticCredentials,
} from '@shoal/registry-client';
import type { ImageAccessOptions } from '@shoal/snapshotter';
import type { NodeConfig } from './config/config.ts';
import type { DaemonPaths } from './config/paths.ts';
import { RememberedCredentials } from './cri/remembered-credentials.ts';
import { SealedKeeper } from './cri/sealed-keeper.ts';
import type { Log } from './log/log.ts';

export type RegistryAccess = {
  /** In the order in which they are asked, before the daemon's own Docker configuration. */
  readonly credentialSources: readonly CredentialSource[];
  readonly hostsDirectories: readonly string[];
  /** What pulls brought; undefined without an image service. */
  readonly remembered: RememberedCredentials | undefined;
};

const DAY_MS = 86_400_000;

/**
 * The most particular source comes first: a pull secret is for one repository, a table of the
 * configuration for one registry, a credential provider for a pattern.
 */
export async function openRegistryAccess(
  config: NodeConfig,
  paths: DaemonPaths,
  log: Log,
): Promise<RegistryAccess> {
  const remembered = await openRemembered(config, paths, log);
  const { credentialProviderConfig: configFile, credentialProviderDirectory } = config;
  const sources: (CredentialSource | undefined)[] = [
    remembered,
    config.registries.length === 0 ? undefined : new StaticCredentials(new Map(config.registries)),
    configFile === undefined
      ? undefined
      : new KubeletCredentials({ configFile, binDirectory: credentialProviderDirectory }),
  ];
  return {
    credentialSources: sources.filter((source) => source !== undefined),
    hostsDirectories: config.hostsDirectories,
    remembered,
  };
}

async function openRemembered(
  { imageServiceAddress, rememberDays }: NodeConfig,
  { root, run }: DaemonPaths,
  log: Log,
): Promise<RememberedCredentials | undefined> {
  if (imageServiceAddress === undefined) return undefined;
  const keeper = await SealedKeeper.open({
    file: join(root, 'credentials.sealed'),
    keyFile: join(run, 'credentials.key'),
    log,
  });
  return RememberedCredentials.open(keeper, rememberDays * DAY_MS);
}

/** As the daemon itself. */
export function accessOptionsOf(
  config: NodeConfig,
  { credentialSources, hostsDirectories }: RegistryAccess,
  onAuthentication?: ImageAccessOptions['onAuthentication'],
): ImageAccessOptions {
  const { dockerConfigDirectory, caFile } = config;
  return {
    ...{ dockerConfigDirectory, caFile, credentialSources, hostsDirectories, onAuthentication },
  };
}

/** As anybody. */
export function anonymousOptionsOf(options: ImageAccessOptions): ImageAccessOptions {
  const { caFile, hostsDirectories } = options;
  return { caFile, hostsDirectories, isAnonymous: true };
}

/** Of all registries together; undefined: there is none. */
export function registryLimitOf(config: NodeConfig): RateLimit | undefined {
  const { bytesPerSecond, readsPerSecond } = config;
  const limit = new RateLimit({ bytesPerSecond, readsPerSecond });
  return limit.isLimited ? limit : undefined;
}
