/** The options of every command that talks to registries. */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { ClientOptions } from '@shoal/registry-client';
import type { SourceOptions } from '@shoal/snapshotter';
import type { Command } from 'commander';
import type { CliContext } from './context.ts';

export type ClientFlags = {
  readonly plainHttp?: boolean;
  readonly insecure?: boolean;
  readonly caFile?: string;
  readonly clientCert?: string;
  readonly clientKey?: string;
};

/** Adds them to a command's help. */
export function addClientOptions(command: Command): Command {
  return command
    .option('--plain-http', 'speak HTTP without TLS to the registry (loopback may do so unasked)')
    .option('--insecure', 'accept any certificate of the registry')
    .option('--ca-file <file>', 'trust the certificate authorities of this PEM file too')
    .option('--client-cert <file>', 'PEM file of the certificate shown to the registry')
    .option('--client-key <file>', 'PEM file of its key');
}

/** What the flags mean for a client. Credentials come from Docker's configuration. */
export function clientOptionsOf(flags: ClientFlags, context: CliContext): ClientOptions {
  return {
    plainHttp: flags.plainHttp,
    insecure: flags.insecure,
    caFile: flags.caFile,
    clientCertificateFile: flags.clientCert,
    clientKeyFile: flags.clientKey,
    env: context.env,
    signal: context.signal,
  };
}

/** How the daemon reaches a registry for who calls: as the command itself would. */
export function sourceOptionsOf(flags: ClientFlags, { env }: CliContext): SourceOptions {
  return {
    plainHttp: flags.plainHttp,
    insecure: flags.insecure,
    caFile: absolute(flags.caFile),
    clientCertificateFile: absolute(flags.clientCert),
    clientKeyFile: absolute(flags.clientKey),
    dockerConfigDirectory: dockerConfigDirectory(env),
  };
}

/** Of a path for the daemon, to which a relative one would mean something else. */
export function absolute(path: string | undefined): string | undefined {
  return path === undefined ? undefined : resolve(path);
}

/** Where the caller's credentials are; the daemon reads them when it needs them. */
function dockerConfigDirectory(env: CliContext['env']): string {
  const set = env['DOCKER_CONFIG'];
  return set === undefined || set === '' ? join(env['HOME'] ?? homedir(), '.docker') : resolve(set);
}
