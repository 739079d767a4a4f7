/** A host that shares, mirrors and gets with credentials of its own, and the files that it has those from. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PresigningProxy, TestScope } from '@shoal/test-kit';
import { type MountWorld, mountWorld } from './mounted-image.ts';
import { type PeerAuthority, peerConfigText, writePlainHttp } from './peer-authority.ts';
import { USER } from './registry-user.ts';

export type SecretHost = MountWorld & { readonly home: string };

export type SecretHostParts = {
  /** By what they are. */
  readonly secrets: ReadonlyMap<string, string>;
  /** The same registry by several names: one for each kind of credentials. */
  readonly fronts: Readonly<Record<'password' | 'identity' | 'refused', PresigningProxy>>;
  /** Where the registry's tokens are given. */
  readonly realm: string;
  readonly web: { readonly host: string };
  readonly t: TestScope;
  readonly directory: string;
  readonly authority: PeerAuthority;
  readonly tracker: string;
};

export async function startSecretHost(
  parts: SecretHostParts,
  name: 'seed' | 'node',
  seeds: readonly string[],
): Promise<SecretHost> {
  const { t, directory, authority, secrets } = parts;
  const home = join(directory, name);
  await authority.admit(home, name, name === 'seed' ? 'seed' : 'peer');
  const of = (one: string) => writeSecret(home, one.replace(' ', '-'), secrets.get(one) ?? '');
  for (const { host } of Object.values(parts.fronts)) writePlainHttp(home, host);
  const configFile = join(home, 'config.toml');
  mkdirSync(join(home, 'files'));
  writeFileSync(configFile, configOf(parts, { home, seeds, fileOf: of }), { mode: 0o600 });
  const world = mountWorld(t, { configFile });
  await world.start();
  return { ...world, home };
}

type HostText = {
  readonly home: string;
  readonly seeds: readonly string[];
  readonly fileOf: (secret: string) => string;
};

function configOf(parts: SecretHostParts, { home, seeds, fileOf }: HostText): string {
  const { fronts, secrets, realm, web } = parts;
  const { password, identity, refused } = fronts;
  // Where the mirror has its own from.
  const docker = join(home, 'secrets');
  const auths = { [identity.host]: { identitytoken: secrets.get('identity token') } };
  fileOf('identity token');
  writeFileSync(join(docker, 'config.json'), JSON.stringify({ auths }), { mode: 0o600 });
  const upstream = (one: PresigningProxy, auth: string) =>
    `{ name = "${one.host}", address = "http://${one.host}", auth = "${auth}", redirect_hosts = ["${one.storeHost}", "${new URL(realm).host}"] }`;
  return [
    peerConfigText({
      ...{ home, listen: '127.0.0.1:0', seeds, trackers: [parts.tracker] },
      registryHost: password.host,
      more: [`wire_log = "${join(home, 'wire.jsonl')}"`],
      webHosts: [web.host],
      api: {
        listen: '127.0.0.1:0',
        tokenFile: fileOf('API token'),
        directory: join(home, 'files'),
      },
    })
      .replace(/^sources = .*$/m, `sources = ["${password.host}", "http:${web.host}"]`)
      .replace('[registry]', `[registry]\ndocker_config = "${docker}"`),
    '[log]\nlevel = "debug"',
    '[metrics]\naddress = "127.0.0.1:0"',
    '[registries]',
    `"${password.host}" = { username = "${USER}", password_file = "${fileOf('password')}" }`,
    `"${identity.host}" = { identity_token_file = "${fileOf('identity token')}" }`,
    `"${refused.host}" = { username = "bob", password = "${secrets.get('refused password')}" }`,
    '[proxy]\nlisten = "127.0.0.1:0"',
    `upstreams = [${upstream(password, 'challenge')}, ${upstream(identity, 'own')}]`,
    '',
  ].join('\n');
}

/** Gives its path. */
export function writeSecret(directory: string, name: string, text: string): string {
  mkdirSync(join(directory, 'secrets'), { recursive: true });
  const file = join(directory, 'secrets', name);
  writeFileSync(file, `${text}\n`, { mode: 0o600 });
  return file;
}
