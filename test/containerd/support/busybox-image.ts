/** An image whose containers can run: busybox, some data, and a second layer that changes both. */
import { createCipheriv } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildLayout, findTool, runChecked, type TarSpec, writeTar } from '@shoal/test-kit';

/** What the image's own command prints. */
export const OUTPUT = 'added\nchanged\n';

/** Bytes of /unread. */
export const LARGE_BYTES = 8 << 20;

/** Content of /unread, which does not compress. */
export function largeContent(): Buffer {
  const zeros = Buffer.alloc(LARGE_BYTES);
  return createCipheriv('aes-128-ctr', 'sixteen bytes of', Buffer.alloc(16)).update(zeros);
}

const COMMANDS = ['cat', 'cp', 'dd', 'echo', 'ls', 'mkdir', 'rm', 'sh', 'sha256sum', 'sleep', 'tr'];

const CONFIG = { Env: ['PATH=/bin'], Cmd: ['sh', '-c', 'cat /data/*'], WorkingDir: '/data' };

/** Writes the OCI layout (tag `latest`), with more layers if given. Needs Debian's `busybox-static`. */
export function buildBusyboxLayout(directory: string, more: readonly Buffer[] = []): string {
  return buildOnBase(directory, [writeTar(upper()), ...more]);
}

/** As that, with other layers on the lowest. */
export function buildOnBase(directory: string, layers: readonly Buffer[]): string {
  const tars = [writeTar(lower()), ...layers];
  return buildLayout({ directory, layers: tars.map((tar) => ({ tar })), config: CONFIG });
}

/** Copies a layout to a registry without TLS, as it is. */
export async function pushLayout(layout: string, reference: string): Promise<void> {
  await runChecked('skopeo', [
    ...['copy', '--quiet', '--dest-tls-verify=false'],
    ...[`oci:${layout}:latest`, `docker://${reference}`],
  ]);
}

function lower(): TarSpec[] {
  const busybox = readFileSync(findTool('busybox') ?? 'busybox');
  return [
    { name: 'bin/', type: 'directory' },
    { name: 'bin/busybox', mode: 0o755, content: busybox },
    ...COMMANDS.map((name) => ({
      name: join('bin', name),
      type: 'symlink' as const,
      link: 'busybox',
    })),
    ...['dev/', 'proc/', 'sys/', 'etc/', 'data/'].map((name) => ({
      name,
      type: 'directory' as const,
    })),
    { name: 'tmp/', type: 'directory', mode: 0o1777 },
    { name: 'data/changed', content: 'old\n' },
    { name: 'data/removed', content: 'old\n' },
    { name: 'unread', content: largeContent() },
  ];
}

function upper(): TarSpec[] {
  return [
    { name: 'data/', type: 'directory' },
    { name: 'data/.wh.removed' },
    { name: 'data/added', content: 'added\n' },
    { name: 'data/changed', content: 'changed\n', uid: 1000, gid: 1000 },
  ];
}
