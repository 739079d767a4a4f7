/** A Docker configuration directory for one test, and credential helpers in a PATH of its own. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '@shoal/test-kit';

export type DockerSetting = {
  readonly config: object | string;
  /** Shell scripts by helper name; `$1` is the verb, standard input the server. */
  readonly helpers?: Readonly<Record<string, string>>;
};

export function dockerSetting(
  t: Parameters<typeof temporaryDirectory>[0],
  { config, helpers = {} }: DockerSetting,
): { env: Record<string, string> } {
  const directory = temporaryDirectory(t);
  const [docker, bin] = [join(directory, 'docker'), join(directory, 'bin')];
  mkdirSync(docker);
  mkdirSync(bin);
  const text = typeof config === 'string' ? config : JSON.stringify(config);
  writeFileSync(join(docker, 'config.json'), text);
  for (const [name, script] of Object.entries(helpers)) {
    const path = join(bin, `docker-credential-${name}`);
    writeFileSync(path, `#!/bin/sh\n${script}\n`);
    chmodSync(path, 0o755);
  }
  return { env: { DOCKER_CONFIG: docker, PATH: `${bin}:/usr/bin:/bin` } };
}

export function basicAuth(user: string, password: string): { auth: string } {
  return { auth: Buffer.from(`${user}:${password}`).toString('base64') };
}
