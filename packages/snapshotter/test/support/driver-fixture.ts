/** Directories, requests and images for driver tests; everything is unmounted at the end. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listHolders, listMounts, unmount } from '@shoal/linux';
import { encodeTinyErofs, wholeDeviceFile } from '@shoal/linux/tiny-erofs';
import type { Test } from 'tap';
import type { DriverMountRequest } from '../../src/driver/index.ts';
import { TestBlob } from './driver-blob.ts';

export class DriverFixture {
  readonly directory = realpathSync(
    mkdtempSync(join(process.env['SHOAL_TEST_TMPDIR'] ?? tmpdir(), 'shoal-driver-')),
  );
  readonly stateDirectory = join(this.directory, 'state');
  readonly #blobs: TestBlob[] = [];

  constructor(t: Test) {
    mkdirSync(this.stateDirectory, { mode: 0o700 });
    t.teardown(() => this.#clean());
  }

  blob(seed: number, blocks: number): TestBlob {
    const blob = new TestBlob(join(this.directory, `device-${seed}`), seed, blocks);
    this.#blobs.push(blob);
    return blob;
  }

  /** The same blob opened anew, as after its last mount has gone: nothing counts as present. */
  reopened(blob: TestBlob): TestBlob {
    return this.blob(Number.parseInt(blob.blobId, 16), blob.sizeBytes / 4096);
  }

  /** An image with one file per blob, `file-0` the first. */
  request(mountId: string, blobs: readonly TestBlob[], writable = false): DriverMountRequest {
    const path = (name: string) => join(this.directory, `${mountId}-${name}`);
    const files = blobs.map((blob, index) =>
      wholeDeviceFile(`file-${index}`, 0o644, blob.sizeBytes, index + 1),
    );
    const blocks = blobs.map((blob) => blob.sizeBytes / 4096);
    writeFileSync(path('metadata'), encodeTinyErofs(files, blocks));
    for (const name of ['mnt', 'upper', 'work']) {
      mkdirSync(path(name), { recursive: true, mode: 0o700 });
    }
    return {
      mountId,
      metadataFile: path('metadata'),
      blobs,
      mountpoint: path('mnt'),
      flags: {},
      ...(writable ? { writable: { upper: path('upper'), work: path('work') } } : {}),
    };
  }

  holders(): number[] {
    return listHolders(this.stateDirectory);
  }

  mounts(): string[] {
    return listMounts()
      .map((entry) => entry.mountpoint)
      .filter((mountpoint) => mountpoint.startsWith(`${this.directory}/`));
  }

  /** Ends the driver's FUSE connection, as an administrator can by /sys/fs/fuse/connections. */
  abortSession(): void {
    const control = join(this.directory, 'fusectl');
    mkdirSync(control);
    spawnSync('mount', ['-t', 'fusectl', 'none', control]);
    // The holder's second descriptor is the detached mount; its device number names the connection.
    const { dev } = statSync(`/proc/${this.holders()[0]}/fd/4`);
    const connection = (dev & 0xff) | ((dev >> 12) & 0xfff00);
    writeFileSync(join(control, String(connection), 'abort'), '1');
    unmount(control);
  }

  #clean(): void {
    for (const pid of this.holders()) process.kill(pid, 'SIGKILL');
    for (const mountpoint of this.mounts().toReversed()) unmount(mountpoint, { lazy: true });
    for (const blob of this.#blobs) blob.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
