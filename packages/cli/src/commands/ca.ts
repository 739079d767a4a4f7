/** `shoal ca init`, `issue` and `token`: the cluster's own certificate authority, and what hosts need of it. */
import { mkdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { UsageError } from '../errors.ts';
import { repeated, wholeNumberParser } from '../option-values.ts';
import { type CaTokenOptions, writeToken } from './ca-token.ts';

type CaOptions = CaTokenOptions & {
  readonly role?: string;
  readonly address?: readonly string[];
};

const EXAMPLES = `
Examples:
  shoal ca init --dir /etc/shoal/ca
  shoal ca issue --dir /etc/shoal/ca --host tracker-1 --role tracker --address tracker.example --out tls-tracker
  shoal ca issue --dir /etc/shoal/ca --host node-7 --role peer --out tls-node-7
  shoal ca token --dir /etc/shoal/ca --host node-7 --repository 'docker.io/*' --out tls-node-7

init makes ca.crt and ca.key, and token.key and token.pub, which tokens are signed and checked with. issue writes
what a host needs: ca.crt, tls.crt, tls.key and token.pub; a tracker gets token.key too. ca.key is needed only to
issue: keep it where no host is. token writes the file token, for clusters without a tracker: for 7 days at most. A
host is called as in its certificate; its tokens name it. All files are 0600.
Certificates of another authority do as well, if they name the host as spiffe://shoal/ROLE/HOST.`;

const ACTIONS = ['init', 'issue', 'token'] as const;
const ROLES = ['peer', 'seed', 'tracker'] as const;
const DIRECTORY = '/etc/shoal/ca';
const DAYS_MAX = 3650;

export function registerCa(program: Command, context: CliContext): void {
  program
    .command('ca')
    .summary("make certificates for a cluster's hosts and trackers")
    .description(
      'Make a certificate authority of your own, and certificates of hosts and trackers.',
    )
    .addArgument(program.createArgument('<ACTION>', 'what to do').choices(ACTIONS))
    .option('--dir <dir>', 'directory of the authority', DIRECTORY)
    .option(
      '--days <n>',
      'how long it is valid (default: init 3650, issue 365, token 7)',
      wholeNumberParser(1, DAYS_MAX),
    )
    .option('--host <name>', 'issue, token: the name of the host')
    .addOption(program.createOption('--role <role>', 'issue: what it is').choices(ROLES))
    .option(
      '--address <address>',
      'issue: a DNS name or IP address it is reached by, for others than hosts of Shoal; may be given again',
      repeated,
    )
    .option(
      '--repository <rule>',
      'token: what it may read: registry/name, registry/prefix/* or *; may be given again',
      repeated,
    )
    .option('--out <dir>', 'issue, token: where to write')
    .option('--force', 'replace what is there')
    .option('--json', 'print JSON')
    .addHelpText('after', EXAMPLES)
    .action((action: (typeof ACTIONS)[number], options: CaOptions) => {
      if (action === 'init') return init(options, context);
      return action === 'issue' ? issue(options, context) : writeToken(options, context);
    });
}

async function init({ dir, days, force, json }: CaOptions, { output }: CliContext): Promise<void> {
  const { AuthorityFile, createAuthority } = await import('@shoal/p2p-peer/trust');
  const directory = resolve(dir);
  await createAuthority(directory, {
    ...(days === undefined ? {} : { days }),
    replaces: force === true,
  });
  const files = Object.values(AuthorityFile).map((name) => join(directory, name));
  if (json === true) return output.json({ directory, files });
  await output.line(`made an authority in ${directory}; whoever has its ca.key can be any host`);
}

async function issue(options: CaOptions, { output }: CliContext): Promise<void> {
  const { dir, days, host, out, address = [], force, json } = options;
  const role = ROLES.find((known) => known === options.role);
  if (host === undefined || role === undefined || out === undefined) {
    throw new UsageError('issue needs --host, --role and --out', {
      remedy: "see 'shoal ca --help'",
    });
  }
  const trust = await import('@shoal/p2p-peer/trust');
  const authority = resolve(dir);
  const request = { host, role, addresses: address, ...(days === undefined ? {} : { days }) };
  const { ca, cert, key, expiresAtMs } = await trust.issueCertificate(authority, request);
  const directory = resolve(out);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const paths = trust.identityPathsIn(directory);
  const { tokenKey, tokenPublicKey } = trust.AuthorityFile;
  const copied = role === 'tracker' ? [tokenPublicKey, tokenKey] : [tokenPublicKey];
  const contents = new Map([
    [paths.key, key],
    [paths.cert, cert],
    [paths.ca, ca],
  ]);
  for (const name of copied) {
    contents.set(join(directory, name), await readFile(join(authority, name), 'utf8'));
  }
  for (const [file, text] of contents) {
    await trust.writePrivateFile(file, text, { replaces: force === true });
  }
  const validUntil = new Date(expiresAtMs).toISOString();
  if (json === true)
    return output.json({ host, role, directory, files: [...contents.keys()], validUntil });
  await output.line(`${role} ${host}: ${directory}, valid until ${validUntil}`);
}
