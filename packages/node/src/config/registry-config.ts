/**
 * The part of the configuration that says how registries are reached: credentials, mirrors, and the
 * image service for kubelet.
 */
import { isAbsolute } from 'node:path';
import { parseReference } from '@shoal/oci';
import type { StaticRegistry } from '@shoal/registry-client';
import * as z from 'zod';
import { REMEMBER_DAYS_DEFAULT } from '../limits.ts';
import { absolutePath, positiveCount } from './value-schemas.ts';

const DEFAULT_CONFIG_PATH = '/etc/containerd/certs.d';
const DEFAULT_RUNTIME = '/run/containerd/containerd.sock';
const DEFAULT_PROVIDER_DIRECTORY =
  '/usr/libexec/kubernetes/kubelet-plugins/credential-provider/exec';

const registrySchema = z
  .strictObject({
    bytes_per_second: positiveCount.optional(),
    reads_per_second: positiveCount.optional(),
    docker_config: absolutePath.optional(),
    ca_file: absolutePath.optional(),
    config_path: z
      .string()
      .refine((text) => directoriesOf(text).every(isAbsolute), 'must be absolute paths')
      .optional(),
  })
  .optional();

const credentialsSchema = z
  .strictObject({
    username: z.string().min(1).optional(),
    password: z.string().min(1).optional(),
    password_file: absolutePath.optional(),
    identity_token_file: absolutePath.optional(),
  })
  .transform((table, context): StaticRegistry => {
    const { username, password, password_file, identity_token_file } = table;
    if (username !== undefined && identity_token_file === undefined) {
      if (password !== undefined && password_file === undefined) {
        return { kind: 'password', username, password };
      }
      if (password_file !== undefined && password === undefined) {
        return { kind: 'password-file', username, file: password_file };
      }
    }
    const isAlone = username ?? password ?? password_file;
    if (identity_token_file !== undefined && isAlone === undefined) {
      return { kind: 'identity-token-file', file: identity_token_file };
    }
    const message = 'must have username with password or password_file, or identity_token_file';
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });

/** The tables of the file that are decoded here. */
export const registryTables = {
  registry: registrySchema,
  registries: z
    .record(z.string(), credentialsSchema)
    .superRefine((table, context) => {
      for (const host of Object.keys(table)) {
        if (registryOf(host) !== undefined) continue;
        context.addIssue({ code: 'custom', path: [host], message: 'is not host[:port]' });
      }
    })
    .optional(),
  kubelet: z
    .strictObject({
      credential_provider_config: absolutePath.optional(),
      credential_provider_bin_dir: absolutePath.optional(),
    })
    .optional(),
  image_service: z
    .strictObject({
      address: absolutePath.optional(),
      upstream: absolutePath.optional(),
      remember_days: z.number().positive().max(3650).optional(),
    })
    .refine(({ address, upstream }) => address !== (upstream ?? DEFAULT_RUNTIME), {
      path: ['address'],
      message: 'must not be the socket of the runtime itself',
    })
    .optional(),
};

const tablesSchema = z.object(registryTables);

export type RegistryConfig = {
  /** Limit of everything fetched from registries. */
  readonly bytesPerSecond: number | undefined;
  /** The same in reads of blobs. */
  readonly readsPerSecond: number | undefined;
  readonly dockerConfigDirectory: string | undefined;
  readonly caFile: string | undefined;
  /** As containerd's `config_path`. */
  readonly hostsDirectories: readonly string[];
  /** Credentials by host; Docker Hub is `docker.io`. */
  readonly registries: readonly (readonly [string, StaticRegistry])[];
  readonly credentialProviderConfig: string | undefined;
  readonly credentialProviderDirectory: string;
  /** Where kubelet's image service is served; undefined: nowhere. */
  readonly imageServiceAddress: string | undefined;
  /** containerd's socket, for the image service. */
  readonly imageServiceUpstream: string;
  /** For how long the credentials of a pull are remembered. */
  readonly rememberDays: number;
};

export function registryConfigOf(tables: z.output<typeof tablesSchema>): RegistryConfig {
  const { registry, registries = {}, kubelet, image_service } = tables;
  return {
    bytesPerSecond: registry?.bytes_per_second,
    readsPerSecond: registry?.reads_per_second,
    dockerConfigDirectory: registry?.docker_config,
    caFile: registry?.ca_file,
    hostsDirectories: directoriesOf(registry?.config_path ?? DEFAULT_CONFIG_PATH),
    registries: Object.entries(registries).map(([host, one]) => [registryOf(host) ?? host, one]),
    credentialProviderConfig: kubelet?.credential_provider_config,
    credentialProviderDirectory: kubelet?.credential_provider_bin_dir ?? DEFAULT_PROVIDER_DIRECTORY,
    imageServiceAddress: image_service?.address,
    imageServiceUpstream: image_service?.upstream ?? DEFAULT_RUNTIME,
    rememberDays: image_service?.remember_days ?? REMEMBER_DAYS_DEFAULT,
  };
}

/** Several are separated by colons, as containerd has it; nothing written: none. */
function directoriesOf(text: string): string[] {
  return text.split(':').filter((directory) => directory !== '');
}

/** As references have it: lower case, Docker Hub by one name. */
function registryOf(host: string): string | undefined {
  try {
    const reference = parseReference(`docker://${host}/name`);
    const isHost =
      reference.kind === 'registry' && /^(?:library\/)?name$/.test(reference.repository);
    return isHost ? reference.registry : undefined;
  } catch {
    return undefined;
  }
}
