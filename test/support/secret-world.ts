/**
 * Two hosts and a tracker that know every kind of secret: passwords and an identity token of a registry that
 * redirects to signed URLs, tokens of hosts, of the API and of administrators, keys. All are drawn anew.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { convertImage } from '@shoal/converter';
import { parseReference } from '@shoal/oci';
import { StaticCredentials } from '@shoal/registry-client';
import {
  PresigningProxy,
  serveOnLoopback,
  startDockerRegistry,
  type TestScope,
  temporaryDirectory,
} from '@shoal/test-kit';
import { writeFiles } from './mounted-image.ts';
import { type OwnTracker, startOwnTracker } from './own-tracker.ts';
import { PeerAuthority, seedText } from './peer-authority.ts';
import { peerOf } from './peer-world.ts';
import { USER } from './registry-user.ts';
import { type SecretHost, startSecretHost, writeSecret } from './secret-host.ts';

const FILES = { first: 1_000_000, gap: 12_000_000, second: 1_000_000 };
const DRAWN = [
  ...['password', 'inline password', 'refused password'],
  ...['API token', 'admin token', 'signature'],
];
const ROBOT = `robot-${secret()}`;

export type SecretWorld = {
  /** By what they are. */
  readonly secrets: ReadonlyMap<string, string>;
  readonly source: string;
  /** The same registry by several names: one for each kind of credentials. */
  readonly fronts: Readonly<Record<'password' | 'identity' | 'refused', PresigningProxy>>;
  /** Where tokens are given. */
  readonly realm: string;
  readonly hosts: readonly [SecretHost, SecretHost];
  readonly tracker: OwnTracker;
  readonly adminTokenFile: string;
  /** A file behind a signed URL, and a URL that leads to that one. */
  readonly web: { readonly host: string; readonly signed: string; readonly redirecting: string };
  readonly dockerConfig: string;
};

function secret(): string {
  return randomBytes(24).toString('hex');
}

export async function openSecretWorld(t: TestScope): Promise<SecretWorld> {
  const directory = temporaryDirectory(t);
  // What is not a word of an address is encoded in URLs, and differently in base64.
  const secrets = new Map([['identity token', `refresh-${ROBOT}`]]);
  for (const name of DRAWN) secrets.set(name, `${secret()}/+`);
  const of = (name: string) => secrets.get(name) ?? '';
  const users = { [USER]: of('password'), bob: of('inline password'), [ROBOT]: secret() };
  const registry = await startDockerRegistry(t, { token: { users, noAnonymous: true } });
  const source = join(directory, 'source');
  await convertTo(`${registry.host}/team/image:v1`, source, of('password'));
  const front = async () => {
    const proxy = await PresigningProxy.listen(t, registry.host);
    proxy.isForUsersOnly = true;
    return proxy;
  };
  const fronts = { password: await front(), identity: await front(), refused: await front() };
  const realm = registry.tokenServer?.realm ?? '';
  const web = await serveSigned(t, of('signature'));
  const dockerConfig = writeDockerConfig(directory, fronts.password.host, of('password'));
  const adminTokenFile = writeSecret(directory, 'admin-token', of('admin token'));
  const authority = await PeerAuthority.open(join(directory, 'authority'));
  const tracker = await startOwnTracker(t, {
    ...{ home: join(directory, 'tracker'), authority },
    more: ['--page-listen', '127.0.0.1:0', '--admin-token', adminTokenFile],
  });
  const shared = {
    t,
    directory,
    authority,
    tracker: tracker.hostsUrl,
    secrets,
    fronts,
    realm,
    web,
  };
  const seed = await startSecretHost(shared, 'seed', []);
  const { address } = (await peerOf(seed)).self;
  const peer = await startSecretHost(shared, 'node', [seedText('seed', address)]);
  addKeys(secrets, [seed, peer], directory);
  return {
    ...{ secrets, source, fronts, realm, hosts: [seed, peer], tracker, adminTokenFile },
    ...{ web, dockerConfig },
  };
}

async function convertTo(reference: string, source: string, password: string): Promise<void> {
  writeFiles(source, FILES);
  const ann = { kind: 'password', username: USER, password } as const;
  const target = parseReference(reference);
  if (target.kind !== 'registry') throw new Error(`${reference} is not in a registry`);
  await convertImage({
    source: parseReference(`dir:${source}`),
    target,
    client: {
      plainHttp: true,
      credentialSources: [new StaticCredentials(new Map([[target.registry, ann]]))],
    },
    chunkSizeBytes: 0x10000,
  });
}

/** As an object store does it: whoever has the URL may read, nobody else. */
async function serveSigned(t: TestScope, signature: string) {
  const content = Buffer.alloc(300_000, 'shoal');
  const query = `X-Amz-Signature=${encodeURIComponent(signature)}`;
  const server = createServer(({ url }, response) => {
    if (url === '/latest') response.writeHead(302, { location: `/file.bin?${query}` }).end();
    else if (url === `/file.bin?${query}`) response.end(content);
    else response.writeHead(403).end();
  });
  const host = await serveOnLoopback(t, server);
  return {
    host,
    signed: `http://${host}/file.bin?${query}`,
    redirecting: `http://${host}/latest`,
  };
}

function writeDockerConfig(directory: string, host: string, password: string): string {
  const auth = Buffer.from(`${USER}:${password}`).toString('base64');
  const own = join(directory, 'docker');
  mkdirSync(own);
  writeFileSync(join(own, 'config.json'), JSON.stringify({ auths: { [host]: { auth } } }));
  return own;
}

/** The last line of each key, as its file has it, and the whole tokens of hosts. */
function addKeys(
  secrets: Map<string, string>,
  hosts: readonly SecretHost[],
  directory: string,
): void {
  const lastLine = (file: string) => readFileSync(file, 'utf8').trim().split('\n').at(-2) ?? '';
  for (const { home } of hosts) {
    secrets.set(`TLS key of ${home}`, lastLine(join(home, 'tls', 'tls.key')));
    secrets.set(`token of ${home}`, readFileSync(join(home, 'tls', 'token'), 'utf8').trim());
  }
  secrets.set('key of tokens', lastLine(join(directory, 'authority', 'token.key')));
  secrets.set('TLS key of the tracker', lastLine(join(directory, 'tracker/tls/tls.key')));
}
