/** Real programs, each as an ordinary image and as a converted one in the same registry. */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { buildLayout, runChecked } from '@shoal/test-kit';
import { REPOSITORY_ROOT, SHOAL } from './input.ts';

export type Program = {
  readonly name: string;
  /** For the notes of the table. */
  readonly does: string;
  /** Does something real and prints at least one line. */
  readonly command: readonly string[];
};

export type Application = {
  /** What `--only` takes; also the name of its repository. */
  readonly name: string;
  /** Debian packages the image holds beside the base system. */
  readonly packages: string;
  readonly programs: readonly Program[];
};

export type PushedApplication = Application & {
  readonly ordinary: string;
  readonly lazy: string;
  /** Of the root file system. */
  readonly bytes: number;
  /** Of the ordinary image's layer. */
  readonly storedBytes: number;
  /** Records of the conversion, so that another one with a list need not do it again. */
  readonly buildCache: string;
};

const shell = (script: string) => ['/bin/sh', '-c', script];

/** A new database cluster, and a query of it. */
const POSTGRES = `
bin=/usr/lib/postgresql/15/bin
as() { setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; }
as $bin/initdb --no-sync -D /tmp/data >/dev/null &&
  echo 'select version()' | as $bin/postgres --single -D /tmp/data postgres`;

const PANDAS = `
import io, pandas
table = pandas.read_csv(io.StringIO("a,b\\nx,1\\ny,2\\nx,3\\n"))
print(table.groupby("a").sum())`;

export const APPLICATIONS: readonly Application[] = [
  {
    name: 'python',
    packages: 'python3,python3-numpy',
    programs: [
      {
        name: 'numpy',
        does: 'imports numpy and inverts a matrix',
        command: ['python3', '-c', 'import numpy; print(numpy.linalg.inv(numpy.eye(3)).sum())'],
      },
    ],
  },
  {
    name: 'node',
    packages: 'nodejs',
    programs: [
      {
        name: 'hash',
        does: 'prints a hash',
        command: [
          'node',
          '-e',
          'console.log(require("crypto").createHash("sha256").digest("hex"))',
        ],
      },
    ],
  },
  {
    name: 'redis',
    packages: 'redis-server,redis-tools',
    programs: [
      {
        name: 'ping',
        does: 'a server answers a ping',
        command: shell(
          'redis-server --port 0 --unixsocket /tmp/r --daemonize yes >/dev/null; ' +
            'until redis-cli -s /tmp/r ping 2>/dev/null; do :; done; redis-cli -s /tmp/r shutdown',
        ),
      },
    ],
  },
  {
    name: 'postgres',
    packages: 'postgresql',
    programs: [
      { name: 'query', does: 'makes a cluster and answers a query', command: shell(POSTGRES) },
    ],
  },
  {
    name: 'java',
    packages: 'default-jre-headless',
    programs: [
      {
        name: 'version',
        does: 'the JVM starts and tells its version',
        command: ['java', '--version'],
      },
    ],
  },
  {
    name: 'torch',
    packages: 'python3-torch,python3-pandas',
    programs: [
      {
        name: 'torch',
        does: 'imports torch and adds up a tensor',
        command: ['python3', '-c', 'import torch; print(torch.ones(3).sum())'],
      },
      {
        name: 'pandas',
        does: 'imports pandas and adds up a table',
        command: ['python3', '-c', PANDAS],
      },
    ],
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
  const pushed = await pushImages(tar, `${host}/bench/${application.name}`, directory);
  return { ...application, ...pushed, bytes: tar.length };
}

export type PushedImages = Pick<
  PushedApplication,
  'ordinary' | 'lazy' | 'storedBytes' | 'buildCache'
>;

/** One gzip layer, and the same converted. */
export async function pushImages(
  tar: Buffer,
  name: string,
  directory: string,
): Promise<PushedImages> {
  const layout = join(directory, 'layout');
  buildLayout({ directory: layout, layers: [{ tar, compression: 'gzip' }] });
  const pushed = { ordinary: `${name}:latest`, lazy: `${name}:lazy` };
  const copy = ['copy', '--dest-tls-verify=false', `oci:${layout}:latest`];
  await runChecked('skopeo', [...copy, `docker://${pushed.ordinary}`], { timeoutMs: PUSH_MS_MAX });
  rmSync(layout, { recursive: true, force: true });
  const buildCache = join(directory, 'build-cache');
  await convert(pushed.ordinary, pushed.lazy, ['--build-cache', buildCache]);
  return { ...pushed, buildCache, storedBytes: await layerBytes(pushed.ordinary) };
}

/** Within one registry. */
export async function convert(
  source: string,
  target: string,
  options: readonly string[],
): Promise<void> {
  const ends = ['--source', source, '--target', target];
  await runChecked(SHOAL, ['convert', '--plain-http', ...options, ...ends], {
    timeoutMs: PUSH_MS_MAX,
  });
}

/** All layers of an ordinary image, as stored. */
async function layerBytes(name: string): Promise<number> {
  const { stdout } = await runChecked('skopeo', [
    ...['inspect', '--raw', '--tls-verify=false', `docker://${name}`],
  ]);
  const { layers } = JSON.parse(stdout) as { layers: readonly { size: number }[] };
  return layers.reduce((sum, { size }) => sum + size, 0);
}
