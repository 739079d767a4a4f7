/** `shoal tracker` of this checkout, or of a release, on this machine or on one of a network. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestScope } from '@shoal/test-kit';
import { OwnProgram } from './own-program.ts';
import type { PeerAuthority } from './peer-authority.ts';
import { SHOAL } from './shoal-command.ts';

export type OwnTrackerPlace = {
  /** Of its identity and log. */
  readonly home: string;
  readonly authority: PeerAuthority;
  /** As its certificate says. @default tracker-0 */
  readonly name?: string;
  /** Where hosts reach it. @default 127.0.0.1:0 */
  readonly listen?: string;
  /** What starts programs on its machine. @default this machine */
  readonly launcher?: readonly string[];
  /** @default this checkout's */
  readonly program?: string;
  /** More of the command line. */
  readonly more?: readonly string[];
};

export type OwnTracker = {
  readonly program: OwnProgram;
  /** `https://...` for hosts. */
  readonly hostsUrl: string;
  /** `http://...` of its page, where `more` asks for one. */
  readonly pageUrl: string;
};

/** It listens when it resolves, and ends with the test. */
export async function startOwnTracker(t: TestScope, place: OwnTrackerPlace): Promise<OwnTracker> {
  const { home, authority, name = 'tracker-0', listen = '127.0.0.1:0' } = place;
  const address = listen.slice(0, listen.lastIndexOf(':'));
  const tls = await authority.issue(home, name, 'tracker', [address]);
  const command = [...(place.launcher ?? []), place.program ?? SHOAL, 'tracker', '--json'];
  const [program = '', ...args] = command;
  const keys = ['--tls', tls, '--token-key', authority.tokenKey];
  const logFile = join(home, 'log');
  writeFileSync(logFile, '');
  const tracker = new OwnProgram({
    ...{ name, program, logFile, env: process.env },
    args: [...args, '--listen', listen, ...keys, ...(place.more ?? [])],
  });
  t.teardown(() => tracker.stop('SIGKILL'));
  await tracker.start(() => tracker.log().includes('}'));
  const told: { tls: string; page?: string } = JSON.parse(tracker.log());
  return {
    program: tracker,
    hostsUrl: `https://${told.tls}`,
    pageUrl: `http://${told.page ?? ''}`,
  };
}
