/**
 * Credentials from Docker's `config.json`: `auths`, `credHelpers`, `credsStore`. Read when a
 * registry asks for credentials.
 */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { errorCode } from '@shoal/errors';
import * as z from 'zod';
import { ClientConfigError } from '../errors.ts';
import type { Environment } from '../http/proxy-environment.ts';
import { DOCKER_CONFIG_BYTES_MAX } from '../limits.ts';
import { readBoundedFile } from '../local/regular-file.ts';
import type { CredentialLookup } from './credential-chain.ts';
import { askCredentialHelper } from './credential-program.ts';
import type { CredentialQuestion, CredentialSource, Credentials } from './credential-source.ts';

export type DockerConfigPlace = {
  /** Directory of Docker's `config.json`. @default $DOCKER_CONFIG, else ~/.docker */
  readonly dockerConfigDir?: string | undefined;
  /** Where DOCKER_CONFIG, HOME and PATH come from. @default process.env */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
};

const authSchema = z.looseObject({
  auth: z.string().optional(),
  username: z.string().optional(),
  password: z.string().optional(),
  identitytoken: z.string().optional(),
  registrytoken: z.string().optional(),
});

const configSchema = z.looseObject({
  auths: z.record(z.string(), authSchema.nullable()).nullish(),
  credHelpers: z.record(z.string(), z.string()).nullish(),
  credsStore: z.string().nullish(),
});

type DockerConfig = z.output<typeof configSchema>;

const HUB_KEY = 'https://index.docker.io/v1/';

export class DockerCredentials implements CredentialSource {
  readonly name = 'Docker configuration';
  readonly remembers = false;
  readonly #options: DockerConfigPlace;
  readonly #env: Environment;
  readonly #asking = new Map<string, Promise<CredentialLookup>>();

  constructor(options: DockerConfigPlace) {
    this.#options = options;
    this.#env = options.env ?? process.env;
  }

  /** Repositories that ask at the same moment share one answer. */
  async find({ registry }: CredentialQuestion): Promise<readonly Credentials[]> {
    let asking = this.#asking.get(registry);
    if (asking === undefined) {
      asking = this.lookup(registry).finally(() => this.#asking.delete(registry));
      this.#asking.set(registry, asking);
    }
    const { credentials, failure } = await asking;
    if (credentials === undefined && failure !== undefined) throw failure;
    return credentials === undefined ? [] : [credentials];
  }

  /** `registry` is the host part of a reference. Throws for an unreadable configuration file. */
  async lookup(registry: string): Promise<CredentialLookup> {
    const config = await loadConfig(this.#configPath());
    const keys = keysOf(registry);
    const helper = firstOf(config.credHelpers, keys) ?? (config.credsStore || undefined);
    let failure: unknown;
    if (helper !== undefined) {
      try {
        const found = await this.#fromHelper(helper, registry);
        if (found !== undefined) return { credentials: found, failure: undefined };
      } catch (error) {
        failure = error;
      }
    }
    return { credentials: fromAuth(firstOf(config.auths, keys)), failure };
  }

  async #fromHelper(helper: string, registry: string): Promise<Credentials | undefined> {
    const server = registry === 'docker.io' ? HUB_KEY : registry;
    const answer = await askCredentialHelper(helper, server, this.#env);
    if (answer === undefined) return undefined;
    return answer.username === '<token>'
      ? { kind: 'identity-token', token: answer.secret }
      : { kind: 'password', username: answer.username, password: answer.secret };
  }

  #configPath(): string {
    const directory =
      this.#options.dockerConfigDir ||
      this.#env['DOCKER_CONFIG'] ||
      join(this.#env['HOME'] || homedir(), '.docker');
    return join(directory, 'config.json');
  }
}

async function loadConfig(path: string): Promise<DockerConfig> {
  let bytes: Buffer;
  try {
    bytes = await readBoundedFile(path, 'Docker configuration', DOCKER_CONFIG_BYTES_MAX);
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(cause) ?? '')) return {};
    throw error;
  }
  try {
    return configSchema.parse(JSON.parse(bytes.toString('utf8')));
  } catch {
    throw new ClientConfigError(`${path} is not a Docker configuration`, {
      remedy: 'correct the file, or name another directory in DOCKER_CONFIG',
    });
  }
}

/** How a registry may be written in the configuration. */
function keysOf(registry: string): string[] {
  const hosts =
    registry === 'docker.io'
      ? ['index.docker.io', 'docker.io', 'registry-1.docker.io']
      : [registry];
  return hosts.flatMap((host) => [
    host,
    ...['https', 'http'].flatMap((scheme) =>
      ['', '/', '/v1', '/v1/', '/v2', '/v2/'].map((path) => `${scheme}://${host}${path}`),
    ),
  ]);
}

function firstOf<Value>(
  map: Readonly<Record<string, Value | null>> | null | undefined,
  keys: readonly string[],
): Value | undefined {
  if (map === null || map === undefined) return undefined;
  const key = keys.find((candidate) => Object.hasOwn(map, candidate));
  return key === undefined ? undefined : (map[key] ?? undefined);
}

function fromAuth(auth: z.output<typeof authSchema> | undefined): Credentials | undefined {
  if (auth === undefined) return undefined;
  if (auth.registrytoken) return { kind: 'registry-token', token: auth.registrytoken };
  if (auth.identitytoken) return { kind: 'identity-token', token: auth.identitytoken };
  const decoded = Buffer.from(auth.auth ?? '', 'base64')
    .toString('utf8')
    .replace(/\0+$/, '');
  const colon = decoded.indexOf(':');
  const username = auth.username || (colon === -1 ? '' : decoded.slice(0, colon));
  const password = auth.password || (colon === -1 ? '' : decoded.slice(colon + 1));
  return username === '' ? undefined : { kind: 'password', username, password };
}
