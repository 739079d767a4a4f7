/** Debian's docker-registry (distribution 2.8) for one test: plain, TLS, htpasswd, token auth. */
import { execFileSync, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { temporaryDirectory } from '../temporary-directory.ts';
import type { TestScope } from '../test-scope.ts';
import { type Certificates, makeCertificates } from './certificates.ts';
import {
  TOKEN_ISSUER,
  TOKEN_SERVICE,
  TokenServer,
  type TokenServerOptions,
} from './token-server.ts';

export type DockerRegistryOptions = {
  /** `mutual` also asks for a client certificate. */
  readonly tls?: 'server' | 'mutual';
  /** Basic authentication with these users. */
  readonly htpasswd?: Readonly<Record<string, string>>;
  /** Token authentication by a token service of our own. */
  readonly token?: TokenServerOptions;
};

export type DockerRegistry = {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  /** Storage, certificates and configuration. */
  readonly directory: string;
  readonly certificates: Certificates | undefined;
  readonly tokenServer: TokenServer | undefined;
  close(): Promise<void>;
};

const START_TIMEOUT_MS = 60_000;

/** Needs `docker-registry`, and `openssl` or `htpasswd` for the options. Ends with the test. */
export async function startDockerRegistry(
  t: TestScope,
  options: DockerRegistryOptions = {},
): Promise<DockerRegistry> {
  const directory = temporaryDirectory(t, 'shoal-registry-');
  const certificates = options.tls === undefined ? undefined : makeCertificates(directory);
  const tokenServer =
    options.token === undefined ? undefined : await TokenServer.listen(directory, options.token);
  const configFile = join(directory, 'config.json');
  const config = {
    version: '0.1',
    log: { level: 'info', formatter: 'json' },
    storage: {
      filesystem: { rootdirectory: join(directory, 'storage') },
      delete: { enabled: true },
    },
    http: { addr: '127.0.0.1:0', ...tlsConfig(options, certificates) },
    ...authConfig(options, directory, tokenServer),
  };
  writeFileSync(configFile, JSON.stringify(config));
  const { host, stop } = await run(configFile);
  const close = async () => {
    await stop();
    await tokenServer?.close();
  };
  t.teardown(close);
  return { host, directory, certificates, tokenServer, close };
}

function tlsConfig(options: DockerRegistryOptions, certificates: Certificates | undefined): object {
  if (certificates === undefined) return {};
  return {
    tls: {
      certificate: certificates.certificateFile,
      key: certificates.keyFile,
      ...(options.tls === 'mutual' ? { clientcas: [certificates.caFile] } : {}),
    },
  };
}

function authConfig(
  options: DockerRegistryOptions,
  directory: string,
  tokenServer: TokenServer | undefined,
): object {
  if (options.htpasswd !== undefined) {
    const path = join(directory, 'htpasswd');
    const lines = Object.entries(options.htpasswd).map(([user, password]) =>
      execFileSync('htpasswd', ['-Bbn', '-C', '4', user, password], { encoding: 'utf8' }).trim(),
    );
    writeFileSync(path, `${lines.join('\n')}\n`);
    return { auth: { htpasswd: { realm: 'shoal test', path } } };
  }
  if (tokenServer === undefined) return {};
  const { realm, certificateFile } = tokenServer;
  return {
    auth: {
      token: {
        realm,
        service: TOKEN_SERVICE,
        issuer: TOKEN_ISSUER,
        rootcertbundle: certificateFile,
      },
    },
  };
}

async function run(configFile: string): Promise<{ host: string; stop: () => Promise<void> }> {
  // ends with this process, however that ends
  const command = ['--pdeathsig', 'KILL', 'docker-registry', 'serve', configFile];
  const child = spawn('setpriv', command, { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
    child.once('error', () => resolve());
  });
  const { promise: started, resolve, reject } = Promise.withResolvers<string>();
  const lines = createInterface({ input: child.stderr });
  const log: string[] = [];
  lines.on('line', (line) => {
    const address = /listening on ([\d.]+:\d+)/.exec(line)?.[1];
    if (address !== undefined) resolve(address);
    if (log.length < 50) log.push(line);
  });
  const giveUp = () => reject(new Error(`docker-registry did not start:\n${log.join('\n')}`));
  const timer = setTimeout(giveUp, START_TIMEOUT_MS);
  void ended.then(giveUp);
  const stop = async () => {
    child.kill('SIGKILL');
    await ended;
  };
  try {
    return { host: await started, stop };
  } catch (error) {
    await stop();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
