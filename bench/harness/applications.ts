/** Real programs, each as an ordinary image and as a converted one in the same registry. */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { buildLayout, runChecked } from '@shoal/test-kit';
import { REPOSITORY_ROOT, SHOAL } from './input.ts';

export type Application = {
  readonly name: string;
  /** Debian packages the image holds beside the base system. */
  readonly packages: string;
  /** Does something real and prints at least one line. */
  readonly command: readonly string[];
};

export type PushedApplication = Application & {
  readonly ordinary: string;
  readonly lazy: string;
  /** Of the root file system. */
  readonly bytes: number;
};

const shell = (script: string) => ['/bin/sh', '-c', script];

export const APPLICATIONS: readonly Application[] = [
  {
    name: 'python + numpy',
    packages: 'python3,python3-numpy',
    command: ['python3', '-c', 'import numpy; print(numpy.linalg.inv(numpy.eye(3)).sum())'],
  },
  {
    name: 'node',
    packages: 'nodejs',
    command: ['node', '-e', 'console.log(require("crypto").createHash("sha256").digest("hex"))'],
  },
  {
    name: 'redis',
    packages: 'redis-server,redis-tools',
    command: shell(
      'redis-server --port 0 --unixsocket /tmp/r --daemonize yes >/dev/null; ' +
        'until redis-cli -s /tmp/r ping 2>/dev/null; do :; done; redis-cli -s /tmp/r shutdown',
    ),
  },
  {
    name: 'postgres',
    packages: 'postgresql',
    command: shell('/usr/lib/postgresql/15/bin/postgres --describe-config'),
  },
  { name: 'java', packages: 'default-jre-headless', command: ['java', '--version'] },
  {
    name: 'pytorch',
    packages: 'python3-torch,python3-pandas',
    command: ['python3', '-c', 'import torch; print(torch.ones(3).sum())'],
  },
];

const PUSH_MS_MAX = 900_000;

/** Makes the root file system if it is not cached, and pushes both images of it. */
export async function pushApplication(
  application: Application,
  host: string,
  directory: string,
): Promise<PushedApplication> {
  const script = join(REPOSITORY_ROOT, 'scripts', 'debian-root.sh');
  const made = await runChecked(script, [application.packages], { timeoutMs: PUSH_MS_MAX });
  const tar = readFileSync(made.stdout.trim());
  const layout = join(directory, 'layout');
  buildLayout({ directory: layout, layers: [{ tar, compression: 'gzip' }] });
  const name = `${host}/bench/${application.name.replaceAll(/[^a-z]+/g, '-')}`;
  const pushed = { ordinary: `${name}:latest`, lazy: `${name}:lazy` };
  const copy = ['copy', '--dest-tls-verify=false', `oci:${layout}:latest`];
  await runChecked('skopeo', [...copy, `docker://${pushed.ordinary}`], { timeoutMs: PUSH_MS_MAX });
  await runChecked(
    SHOAL,
    ['convert', '--plain-http', '--source', `oci:${layout}:latest`, '--target', pushed.lazy],
    { timeoutMs: PUSH_MS_MAX },
  );
  rmSync(layout, { recursive: true, force: true });
  return { ...application, ...pushed, bytes: tar.length };
}
