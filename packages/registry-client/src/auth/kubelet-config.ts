/**
 * kubelet's `--image-credential-provider-config`: which programs are asked for the credentials of
 * which images. Spec: kubelet.config.k8s.io/v1, CredentialProviderConfig; YAML or JSON.
 */
import * as z from 'zod';
import { ClientConfigError } from '../errors.ts';
import { parseGoDuration } from '../hosts/go-duration.ts';
import { CREDENTIAL_PROVIDERS_MAX, KUBELET_CONFIG_BYTES_MAX } from '../limits.ts';
import { readBoundedFile } from '../local/regular-file.ts';

const REQUEST_VERSIONS = [
  'credentialprovider.kubelet.k8s.io/v1',
  'credentialprovider.kubelet.k8s.io/v1beta1',
  'credentialprovider.kubelet.k8s.io/v1alpha1',
] as const;

const duration = z.string().transform((text, context) => {
  const ms = parseGoDuration(text);
  if (ms !== undefined) return ms;
  context.addIssue({ code: 'custom', message: 'is not a duration such as 12h' });
  return z.NEVER;
});

const providerSchema = z.looseObject({
  /** A file name in the directory of the providers. */
  name: z.string().regex(/^(?!\.\.?$)[^\s/\0]{1,255}$/, 'is not the name of a program'),
  matchImages: z.array(z.string().min(1)).min(1),
  defaultCacheDuration: duration,
  apiVersion: z.enum(REQUEST_VERSIONS),
  args: z.array(z.string()).nullish(),
  env: z.array(z.looseObject({ name: z.string().min(1), value: z.string() })).nullish(),
  tokenAttributes: z.unknown().optional(),
});

const configSchema = z.looseObject({
  apiVersion: z.string().regex(/^kubelet\.config\.k8s\.io\/v1(?:alpha1|beta1)?$/),
  kind: z.literal('CredentialProviderConfig'),
  providers: z.array(providerSchema).min(1).max(CREDENTIAL_PROVIDERS_MAX),
});

export type CredentialProvider = z.output<typeof providerSchema>;

/** Throws `ERR_REGISTRY_CLIENT_CONFIG` naming the file and what is wrong in it. */
export async function readKubeletConfig(file: string): Promise<readonly CredentialProvider[]> {
  const bytes = await readBoundedFile(
    file,
    'credential provider configuration',
    KUBELET_CONFIG_BYTES_MAX,
  );
  return decodeKubeletConfig(bytes.toString('utf8'), file);
}

export async function decodeKubeletConfig(
  text: string,
  file: string,
): Promise<readonly CredentialProvider[]> {
  const parsed = configSchema.safeParse(await parseYaml(text, file));
  if (parsed.success) return parsed.data.providers;
  const [issue] = parsed.error.issues;
  throw unusable(file, `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'is not valid'}`);
}

/** The library is loaded by who needs it: few do. */
async function parseYaml(text: string, file: string): Promise<unknown> {
  const { parse } = await import('yaml');
  try {
    return parse(text, { logLevel: 'error', maxAliasCount: 0 });
  } catch (error) {
    const line = error instanceof Error ? (error.message.split('\n')[0] ?? '') : '';
    throw unusable(file, `it is not YAML: ${line}`);
  }
}

function unusable(file: string, detail: string): ClientConfigError {
  return new ClientConfigError(`credential provider configuration ${file}: ${detail}`, {
    remedy: "correct the file; it is the one of kubelet's --image-credential-provider-config",
  });
}
