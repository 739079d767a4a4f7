/** `shoal status`: the daemon and its mounts, how much is here and what it cost. */
import type { StatusAnswer } from '@shoal/node/client';
import type { BlobStatus, MountStatus } from '@shoal/snapshotter';
import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { addDaemonOptions, type DaemonOptionValues, daemonPathsOf } from '../daemon-options.ts';
import { formatBytes } from '../quantity-text.ts';
import { containerdLines } from './status-containerd.ts';
import { peerLines } from './status-peer.ts';

type StatusOptions = DaemonOptionValues & { readonly json?: boolean };

const EXAMPLES = `
Examples:
  shoal status
  shoal status --json`;

export function registerStatus(program: Command, context: CliContext): void {
  const command = program
    .command('status')
    .summary('mounts and images: what is here, what it cost, why an image is not lazy')
    .description(
      'Show the mounts (driver, bytes present and fetched, misses, errors), the images of containerd' +
        ' with the reason for each that is not lazy, and what registries say of our credentials.',
    )
    .option('--json', 'print everything as JSON');
  addDaemonOptions(command)
    .addHelpText('after', EXAMPLES)
    .action(async (options: StatusOptions) => {
      const { readStatus } = await import('@shoal/node/client');
      const paths = await daemonPathsOf(options, context);
      const status = await readStatus(paths, { signal: context.signal });
      if (options.json === true) return context.output.json(status);
      return printStatus(status, context);
    });
}

async function printStatus(status: StatusAnswer, context: CliContext): Promise<void> {
  const { daemon, drivers, mounts, problems } = status;
  const { output } = context;
  await output.line(`daemon ${daemon.version}, process ${daemon.pid}, since ${daemon.startedAt}`);
  for (const line of containerdLines(status)) await output.line(line);
  for (const driver of drivers) {
    await output.line(
      `${driver.name}: ${driver.reads} reads of ${formatBytes(driver.bytesRead)}, ` +
        `${driver.readyReads} answered at once, ${driver.missReads} waited, ` +
        `${driver.failedReads} failed, ${driver.waiting} wait`,
    );
  }
  if (status.peer !== undefined) for (const line of peerLines(status.peer)) await output.line(line);
  if (status.proxy !== undefined)
    await output.line(`registries mirrored at ${status.proxy.address}`);
  if (status.api !== undefined) await output.line(`gets ordered at ${status.api.address}`);
  for (const problem of problems) await output.line(`problem: ${problem}`);
  if (mounts.length === 0) await output.line('nothing is mounted');
  for (const mount of mounts) await printMount(mount, context);
}

async function printMount(mount: MountStatus, { output }: CliContext): Promise<void> {
  const { bytesPresent, bytesTotal } = mount;
  await output.line(`${mount.mountpoint}  ${mount.reference}  ${mount.driver}`);
  await output.line(`  ${formatBytes(bytesPresent)} of ${formatBytes(bytesTotal)} present`);
  await output.line(`  ${mount.driverReason}`);
  if (mount.upperDirectory !== undefined) {
    await output.line(`  written files: ${mount.upperDirectory}`);
  }
  for (const blob of mount.blobs) {
    await output.line(`  ${blobText(blob, LOCAL.test(mount.reference) ? 'disk' : 'registry')}`);
  }
  for (const { blobId, waiting, waitingReason, lastError } of mount.blobs) {
    const name = blobId.slice(0, 12);
    if (waitingReason !== undefined) {
      await output.line(`  ${name}: ${waiting} readers wait: ${waitingReason}`);
    }
    if (lastError !== undefined) {
      await output.line(`  ${name}: last error at ${lastError.at}: ${lastError.reason}`);
    }
  }
}

/** References of layouts and archives. */
const LOCAL = /^(?:oci|oci-archive|docker-archive):/;

/** `origin`: what the daemon calls a registry may be a layout or an archive. */
function blobText(blob: BlobStatus, origin: 'disk' | 'registry'): string {
  const { misses, fetched } = blob;
  const sources = Object.entries(fetched.bySource).map(
    ([name, n]) => `${formatBytes(n)} from ${name === 'registry' ? origin : name}`,
  );
  const causes = Object.entries(fetched.byCause)
    .filter(([, bytes]) => bytes > 0)
    .map(([name, bytes]) => `${name} ${formatBytes(bytes)}`);
  return [
    `${blob.blobId.slice(0, 12)}: ${formatBytes(blob.bytesPresent)} of ${formatBytes(blob.bytesTotal)}`,
    `fetched ${sources.join(', ') || 'nothing'}${causes.length > 0 ? ` (${causes.join(', ')})` : ''}`,
    `${blob.requests} requests`,
    misses.count === 0
      ? 'no misses'
      : `${misses.count} misses, p50 ${misses.p50Ms} ms, p99 ${misses.p99Ms} ms`,
    `${blob.errors} errors`,
  ].join('; ');
}
