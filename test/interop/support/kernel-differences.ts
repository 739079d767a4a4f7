/**
 * Run in a mount namespace of its own: mounts damaged bootstraps that our verification let pass, and
 * prints where the kernel shows something else than our decoder. Arguments: directory, seed, rounds.
 */
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { ShoalError } from '@shoal/errors';
import { mountErofs, unmount } from '@shoal/linux';
import {
  type Bootstrap,
  bytesOf,
  encodeBootstrap,
  InodeKind,
  kindOfMode,
  openBootstrap,
  type RafsInode,
  verifyBootstrap,
} from '@shoal/rafs';
import { inputOf } from '../../../packages/rafs/test/support/build-image.ts';
import { everythingInput } from '../../../packages/rafs/test/support/sample-images.ts';
import { seededRandom } from '../../../scripts/fuzzing/mutate.ts';

export type KernelDifferences = { readonly accepted: number; readonly differences: string[] };

const INODES_START = 3 * 4096;
const NANOSECONDS = 1_000_000_000n;

function main(directory: string, seed: number, rounds: number): KernelDifferences {
  // Without ACLs: ours are no valid ones, and the kernel refuses to open files of others by them.
  const { root, blob } = everythingInput({ withAcl: false });
  const valid = encodeBootstrap(inputOf(root, blob));
  const device = blob.device();
  const devicePath = join(directory, 'device');
  const mountpoint = join(directory, 'mount');
  writeFileSync(devicePath, device);
  mkdirSync(mountpoint);
  const random = seededRandom(seed);
  const differences: string[] = [];
  let accepted = 0;
  for (let round = 0; round < rounds; round++) {
    const { bytes, changes } = damaged(valid, random);
    const ours = listOurs(bytes, device);
    if (ours === undefined) continue;
    accepted++;
    const metadataFile = join(directory, `metadata-${round}`);
    writeFileSync(metadataFile, bytes);
    const kernels = listKernels(metadataFile, devicePath, mountpoint);
    const at = ours.findIndex((line, index) => line !== kernels[index]);
    if (at === -1 && ours.length === kernels.length) continue;
    differences.push(`${changes}: ours ${ours[at]}, the kernel's ${kernels[at] ?? kernels.at(-1)}`);
  }
  return { accepted, differences };
}

/** One or two bytes changed, mostly in the first block of inodes. */
function damaged(valid: Buffer, random: () => number): { bytes: Buffer; changes: string } {
  const bytes = Buffer.from(valid);
  const below = (limit: number): number => Math.floor(random() * limit);
  const changes: string[] = [];
  for (let count = 1 + below(2); count > 0; count--) {
    const where = below(10);
    let at = INODES_START + below(4096);
    if (where === 0) at = 1024 + below(512);
    else if (where === 1) at = 4096 + below(valid.length - 4096);
    bytes[at] = below(2) === 0 ? (bytes[at] ?? 0) ^ (1 << below(8)) : below(256);
    changes.push(`byte ${at} = ${bytes[at]}`);
  }
  return { bytes, changes: changes.join(', ') };
}

/** Undefined when the bootstrap is refused, as most are. */
function listOurs(bytes: Buffer, device: Buffer): string[] | undefined {
  try {
    const bootstrap = openBootstrap(bytes);
    verifyBootstrap(bootstrap);
    return [...ourLines(bootstrap, bootstrap.root(), device, '')];
  } catch (error) {
    if (error instanceof ShoalError) return undefined;
    throw error;
  }
}

function* ourLines(
  bootstrap: Bootstrap,
  inode: RafsInode,
  device: Buffer,
  path: string,
): Generator<string, void, undefined> {
  const { kind, mode, uid, gid, nlink, seconds, nanoseconds, rdev } = inode;
  const time = BigInt(seconds) * NANOSECONDS + BigInt(nanoseconds);
  let content: Buffer = Buffer.alloc(0);
  if (kind === InodeKind.symlink) content = bytesOf(bootstrap.symlinkTarget(inode));
  if (kind === InodeKind.regular) content = ourContent(bootstrap, inode, device);
  yield line(path, [kind, mode, uid, gid, nlink, time, rdev], content);
  if (kind !== InodeKind.directory) return;
  for (const { name, nid } of bootstrap.directory(inode)) {
    yield* ourLines(bootstrap, bootstrap.inode(nid), device, `${path}/${name}`);
  }
}

function ourContent(bootstrap: Bootstrap, inode: RafsInode, device: Buffer): Buffer {
  const chunks = bootstrap.chunkEntries(inode).map(({ blockAddress }, index) => {
    const size = Math.min(bootstrap.chunkSize, inode.size - index * bootstrap.chunkSize);
    return device.subarray(blockAddress * 4096, blockAddress * 4096 + size);
  });
  return Buffer.concat(chunks);
}

function listKernels(metadataFile: string, device: string, mountpoint: string): string[] {
  try {
    mountErofs({ metadataFile, devices: [device], mountpoint });
  } catch (error) {
    return [`mount: ${error}`];
  }
  try {
    return [...kernelLines(Buffer.from(mountpoint), '')];
  } catch (error) {
    return [`read: ${error}`];
  } finally {
    unmount(mountpoint, { lazy: true });
  }
}

function* kernelLines(file: Buffer, path: string): Generator<string, void, undefined> {
  const stats = lstatSync(file, { bigint: true });
  const mode = Number(stats.mode);
  const kind = kindOfMode(mode);
  const isDevice = kind === InodeKind.character || kind === InodeKind.block;
  let content: Buffer = Buffer.alloc(0);
  if (kind === InodeKind.symlink) content = readlinkSync(file, { encoding: 'buffer' });
  if (kind === InodeKind.regular) content = readFileSync(file);
  const { uid, gid, nlink, mtimeNs, rdev } = stats;
  const shown = [kind, mode & 0o7777, uid, gid, nlink, mtimeNs, isDevice ? rdev : 0];
  yield line(path, shown, content);
  if (kind !== InodeKind.directory) return;
  for (const name of readdirSync(file, { encoding: 'buffer' }).toSorted(Buffer.compare)) {
    const child = Buffer.concat([file, Buffer.from('/'), name]);
    yield* kernelLines(child, `${path}/${name.toString('latin1')}`);
  }
}

function line(path: string, fields: readonly unknown[], content: Buffer): string {
  return `${path} ${fields.join(' ')} ${content.length} ${content.toString('base64')}`;
}

const [directory, seed, rounds] = process.argv.slice(2);
const report = main(directory ?? '', Number(seed), Number(rounds));
process.stdout.write(JSON.stringify(report));
