/** The registries that `shoal proxy` is to mirror, as the command line names them. */
import type { AuthMode, UpstreamOptions } from '@shoal/registry-proxy';
import type { CliContext } from './context.ts';
import { UsageError } from './errors.ts';

export type UpstreamFlags = {
  readonly upstream?: readonly string[];
  readonly auth?: readonly string[];
  readonly redirectHost?: readonly string[];
  readonly caFile?: string;
  readonly insecure?: boolean;
};

const MODES: ReadonlySet<string> = new Set(['challenge', 'own', 'node'] satisfies AuthMode[]);

function isMode(text: string): text is AuthMode {
  return MODES.has(text);
}

/** Throws `ERR_CLI_USAGE`; names and addresses are checked by the proxy. */
export function upstreamsOf(
  flags: UpstreamFlags,
  { env }: Pick<CliContext, 'env'>,
): UpstreamOptions[] {
  const modes = modesOf(flags.auth ?? []);
  const texts = flags.upstream ?? ['docker.io'];
  const upstreams = texts.map((text) => {
    const [name = '', address] = splitOnce(text);
    return {
      name,
      address,
      mode: modes.get(name) ?? modes.get(''),
      caFile: flags.caFile,
      insecure: flags.insecure,
      redirectHosts: flags.redirectHost,
      client: { env },
    };
  });
  const unknown = [...modes.keys()].find(
    (name) => name !== '' && !upstreams.some((upstream) => upstream.name === name),
  );
  if (unknown === undefined) return upstreams;
  throw new UsageError(`--auth names ${unknown}, which is no --upstream`, {
    remedy: 'write the name as --upstream has it',
  });
}

/** By the upstream's name; '' is for all others. */
function modesOf(texts: readonly string[]): Map<string, AuthMode> {
  const modes = new Map<string, AuthMode>();
  for (const text of texts) {
    const [first = '', second] = splitOnce(text);
    const [name, mode] = second === undefined ? ['', first] : [first, second];
    if (!isMode(mode)) {
      throw new UsageError(`--auth ${text}: no such mode`, {
        remedy: 'write challenge, own or node, after NAME= for one upstream',
      });
    }
    modes.set(name, mode);
  }
  return modes;
}

/** `name=rest`; the rest may hold more of them. */
function splitOnce(text: string): [string, string | undefined] {
  const mark = text.indexOf('=');
  return mark === -1 ? [text, undefined] : [text.slice(0, mark), text.slice(mark + 1)];
}
