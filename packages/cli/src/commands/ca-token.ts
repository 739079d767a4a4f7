/** `shoal ca token`: a token for a host of a cluster that has no tracker to ask for one. */
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { CliContext } from '../context.ts';
import { UsageError } from '../errors.ts';

export type CaTokenOptions = {
  readonly dir: string;
  readonly days?: number;
  readonly host?: string;
  readonly repository?: readonly string[];
  readonly out?: string;
  readonly force?: boolean;
  readonly json?: boolean;
};

/** Beside the certificate of its host, which reads it again when it needs a new one. */
const TOKEN_FILE = 'token';
const DAY_MS = 24 * 3600_000;
/** `TOKEN_LIFE_MS_MAX` of tokens in days, repeated because a wrong command line must not load them. */
const DAYS_MAX = 7;

export async function writeToken(options: CaTokenOptions, { output }: CliContext): Promise<void> {
  const { dir, days = DAYS_MAX, host, repository = [], out, force, json } = options;
  if (host === undefined || out === undefined || repository.length === 0) {
    throw new UsageError('token needs --host, --repository and --out', {
      remedy: "see 'shoal ca --help'",
    });
  }
  if (days > DAYS_MAX) throw new UsageError(`a token lives for ${DAYS_MAX} days at most`);
  const [trust, { parseHostName }] = await Promise.all([
    import('@shoal/p2p-peer/trust'),
    import('@shoal/p2p-peer/host'),
  ]);
  const key = await trust.loadTokenKey(join(resolve(dir), trust.AuthorityFile.tokenKey));
  const { token, expiresAtMs } = trust.signToken(
    {
      host: parseHostName(host),
      repositories: repository,
      nowMs: Date.now(),
      lifeMs: days * DAY_MS,
    },
    key,
  );
  const directory = resolve(out);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const file = join(directory, TOKEN_FILE);
  await trust.writePrivateFile(file, `${token}\n`, { replaces: force === true });
  const validUntil = new Date(expiresAtMs).toISOString();
  // The token itself is a secret and stays in its file.
  if (json === true) return output.json({ host, repositories: repository, file, validUntil });
  await output.line(`token of ${host}: ${file}, valid until ${validUntil}`);
}
