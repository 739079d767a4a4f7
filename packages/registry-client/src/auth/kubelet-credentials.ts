/**
 * kubelet's credential providers as a source: programs that are told an image and answer with
 * credentials, which are kept for as long as they say. Spec: credentialprovider.kubelet.k8s.io/v1.
 */
import { join } from 'node:path';
import * as z from 'zod';
import { CredentialHelperError } from '../errors.ts';
import { parseGoDuration } from '../hosts/go-duration.ts';
import type { Environment } from '../http/proxy-environment.ts';
import {
  PROVIDER_ANSWERS_MAX,
  PROVIDER_FAILURE_LIFETIME_MS,
  PROVIDER_PAUSE_MS,
  PROVIDER_RUNS_MAX,
  PROVIDER_TIMEOUT_MS,
} from '../limits.ts';
import type { CredentialQuestion, CredentialSource, Credentials } from './credential-source.ts';
import { isImageMatched } from './image-pattern.ts';
import { type CredentialProvider, readKubeletConfig } from './kubelet-config.ts';
import { runCredentialProgram } from './run-credential-program.ts';

export type KubeletCredentialOptions = {
  /** kubelet's `--image-credential-provider-config`. */
  readonly configFile: string;
  /** kubelet's `--image-credential-provider-bin-dir`. */
  readonly binDirectory: string;
  /** @default process.env */
  readonly env?: Environment | undefined;
};

const answerSchema = z.looseObject({
  kind: z.literal('CredentialProviderResponse'),
  apiVersion: z.string(),
  cacheKeyType: z.enum(['Image', 'Registry', 'Global']),
  cacheDuration: z.string().nullish(),
  auth: z
    .record(z.string(), z.looseObject({ username: z.string(), password: z.string() }))
    .nullish(),
});

type Answer = z.output<typeof answerSchema>;
type Kept = { readonly auth: Answer['auth']; readonly endsAtMs: number; readonly sinceMs: number };

export class KubeletCredentials implements CredentialSource {
  readonly name = 'kubelet credential providers';
  readonly remembers = true;
  readonly #options: KubeletCredentialOptions;
  readonly #kept = new Map<string, Kept>();
  readonly #asking = new Set<Promise<void>>();
  readonly #running = new Map<string, Promise<Answer['auth']>>();
  readonly #failed = new Map<string, { readonly error: unknown; readonly endsAtMs: number }>();
  #providers: Promise<readonly CredentialProvider[]> | undefined;

  constructor(options: KubeletCredentialOptions) {
    this.#options = options;
  }

  /** Those of all providers that match; the error is that of the first that failed. */
  async find({
    registry,
    repository,
    isAnew,
  }: CredentialQuestion): Promise<readonly Credentials[]> {
    const image = repository === undefined ? registry : `${registry}/${repository}`;
    const providers = await this.#load();
    const found: Credentials[] = [];
    let failure: unknown;
    for (const provider of providers) {
      if (!provider.matchImages.some((pattern) => isImageMatched(pattern, image))) continue;
      try {
        found.push(...matching(await this.#auth(provider, image, isAnew), image));
      } catch (error) {
        failure ??= error;
      }
    }
    if (found.length === 0 && failure !== undefined) throw failure;
    return found;
  }

  /** Read once it could be read; like kubelet's own it counts until a restart. */
  #load(): Promise<readonly CredentialProvider[]> {
    this.#providers ??= readKubeletConfig(this.#options.configFile).catch((error: unknown) => {
      this.#providers = undefined;
      throw error;
    });
    return this.#providers;
  }

  async #auth(
    provider: CredentialProvider,
    image: string,
    isAnew: boolean,
  ): Promise<Answer['auth']> {
    const nowMs = performance.now();
    const kept = this.#find(provider, image);
    const isUsable = !isAnew || nowMs - (kept?.sinceMs ?? 0) < PROVIDER_PAUSE_MS;
    if (kept !== undefined && isUsable) return kept.auth;
    const key = cacheKey(provider, 'Image', image);
    const failed = this.#failed.get(key);
    if (failed !== undefined && failed.endsAtMs > nowMs) throw failed.error;
    const running = this.#running.get(key) ?? this.#askInTurn(provider, image, isAnew);
    this.#running.set(key, running);
    try {
      return await running;
    } catch (error) {
      remember(this.#failed, key, { error, endsAtMs: nowMs + PROVIDER_FAILURE_LIFETIME_MS });
      throw error;
    } finally {
      if (this.#running.get(key) === running) this.#running.delete(key);
    }
  }

  #find(provider: CredentialProvider, image: string): Kept | undefined {
    const keys = ['Image', 'Registry', 'Global'].map((type) => cacheKey(provider, type, image));
    const kept = keys.map((key) => this.#kept.get(key)).find((entry) => entry !== undefined);
    return kept !== undefined && kept.endsAtMs > performance.now() ? kept : undefined;
  }

  /** Few at a time: the first answer is often for the whole registry, and so for who waits. */
  async #askInTurn(
    provider: CredentialProvider,
    image: string,
    isAnew: boolean,
  ): Promise<Answer['auth']> {
    while (this.#asking.size >= PROVIDER_RUNS_MAX) {
      await Promise.race(this.#asking);
      const kept = isAnew ? undefined : this.#find(provider, image);
      if (kept !== undefined) return kept.auth;
    }
    const asking = this.#ask(provider, image);
    const ended = asking.then(ignore, ignore);
    this.#asking.add(ended);
    return asking.finally(() => this.#asking.delete(ended));
  }

  async #ask(provider: CredentialProvider, image: string): Promise<Answer['auth']> {
    const { auth, cacheKeyType, cacheDuration } = await runProvider(provider, image, this.#options);
    const lifetimeMs =
      cacheDuration === undefined || cacheDuration === null
        ? provider.defaultCacheDuration
        : parseGoDuration(cacheDuration);
    if (lifetimeMs !== undefined && lifetimeMs > 0) {
      const key = cacheKey(provider, cacheKeyType, image);
      const sinceMs = performance.now();
      remember(this.#kept, key, { auth, sinceMs, endsAtMs: sinceMs + lifetimeMs });
    }
    return auth;
  }
}

function ignore(): void {}

function remember<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > PROVIDER_ANSWERS_MAX && oldest !== undefined) map.delete(oldest);
}

function cacheKey({ name }: CredentialProvider, type: string, image: string): string {
  const registry = image.split('/')[0] ?? '';
  const place = type === 'Image' ? image : type === 'Registry' ? registry : '';
  return JSON.stringify([name, type, place]);
}

async function runProvider(
  provider: CredentialProvider,
  image: string,
  { binDirectory, env = process.env }: KubeletCredentialOptions,
): Promise<Answer> {
  const { name, apiVersion, args, env: extra } = provider;
  if (provider.tokenAttributes !== undefined && provider.tokenAttributes !== null) {
    throw new CredentialHelperError(
      `credential provider ${name} wants the service account token of a pod, which only kubelet has`,
      { remedy: 'let kubelet hand the credentials on through the image service of the daemon' },
    );
  }
  const remedy = `check that ${name} runs as root by itself`;
  const { status, output } = await runCredentialProgram({
    program: join(binDirectory, name),
    argv: args ?? [],
    input: JSON.stringify({ kind: 'CredentialProviderRequest', apiVersion, image }),
    env: { ...env, ...Object.fromEntries((extra ?? []).map((entry) => [entry.name, entry.value])) },
    timeoutMs: PROVIDER_TIMEOUT_MS,
    remedy,
  });
  if (status !== 0) {
    const message = `credential provider ${name} failed for ${image} (status ${status})`;
    throw new CredentialHelperError(message, { remedy });
  }
  const answer = decodeProviderAnswer(output.toString('utf8'));
  if (answer?.apiVersion === apiVersion) return answer;
  throw new CredentialHelperError(
    `credential provider ${name} answered something that is no ${apiVersion} response`,
    { remedy },
  );
}

/** Undefined for anything else than a response. */
export function decodeProviderAnswer(text: string): Answer | undefined {
  try {
    return answerSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** The most particular pattern first, as kubelet tries them. */
function matching(auth: Answer['auth'], image: string): Credentials[] {
  return Object.entries(auth ?? {})
    .filter(([pattern, { username }]) => username !== '' && isImageMatched(pattern, image))
    .toSorted(([a], [b]) => (a < b ? 1 : -1))
    .map(([, { username, password }]) => ({ kind: 'password', username, password }));
}
