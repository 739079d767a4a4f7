/**
 * A server for takeover tests, a process of its own: opens or adopts the session of a directory,
 * says `ready`, and dies where it is told to. Nothing but `state.json` survives it.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { adoptFlatFuseSession, openFlatFuseSession } from '../../src/fuse/session.ts';
import type { InitAgreement } from '../../src/fuse/session-types.ts';
import { startHolder } from '../../src/holder/holder.ts';
import { adoptFromHolder } from '../../src/holder/holder-fds.ts';
import type { HolderRecord } from '../../src/holder/holder-record.ts';
import { LazyDevice } from './fixtures.ts';
import { type DieAt, deviceContent, FILE_IDS } from './takeover-files.ts';

type State = { readonly holder: HolderRecord; readonly init: InitAgreement };

const [directory = '', dieAt = 'never', dieAfter = '1'] = process.argv.slice(2);
const statePath = join(directory, 'state.json');
const devices = new Map(
  FILE_IDS.map((fileId) => {
    const { content, sizeBytes } = deviceContent(fileId);
    return [fileId, new LazyDevice(join(directory, `device-${fileId}`), content, sizeBytes)];
  }),
);
const files = [...devices].map(([fileId, device]) => device.asFlatFile(fileId));
let missesLeft = Number(dieAfter);

function dieIf(place: DieAt): void {
  if (dieAt === place && missesLeft <= 0) process.kill(process.pid, 'SIGKILL');
}

async function onMiss(fileId: number, offset: number, length: number): Promise<undefined> {
  missesLeft -= 1;
  dieIf('before-fill');
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 3));
  devices.get(fileId)?.fill(offset, length);
  dieIf('after-fill');
  return undefined;
}

const options = { onMiss, errnoOf: () => 5, files, threads: 2 };

if (existsSync(statePath)) {
  const state: State = JSON.parse(readFileSync(statePath, 'utf8'));
  const { fuse = -1, mount = -1 } = adoptFromHolder(state.holder);
  dieIf('after-taking');
  await adoptFlatFuseSession({ ...options, fd: fuse, mount: { fd: mount }, init: state.init });
} else {
  const session = await openFlatFuseSession({ ...options, mountpoint: join(directory, 'fuse') });
  const { mountFd = -1, init } = session;
  const holder = await startHolder({ fuse: session.fd, mount: mountFd }, directory);
  const state: State = { holder, init };
  writeFileSync(`${statePath}.new`, JSON.stringify(state));
  renameSync(`${statePath}.new`, statePath);
}
process.stdout.write('ready\n');
setInterval(() => undefined, 60_000);
