/** `shoal peer` in a process of its own, as the seed of a test's hosts. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestScope } from '@shoal/test-kit';
import { OwnProgram } from './own-program.ts';
import type { PeerAuthority } from './peer-authority.ts';
import { SHOAL } from './shoal-command.ts';

export type PeerCommand = {
  readonly program: OwnProgram;
  /** Where other hosts connect. */
  readonly address: string;
  /** Where its metrics are. */
  readonly metrics: string;
  /** Objects that it has printed. */
  events(): readonly Readonly<Record<string, unknown>>[];
};

export type PeerCommandPlace = {
  /** Of its identity, state and log. */
  readonly home: string;
  readonly name: string;
  readonly authority: PeerAuthority;
  /** Registries that it fetches from. */
  readonly origins: readonly string[];
  /** @default the checkout's */
  readonly program?: string;
};

/** Admits it as a seed, and starts it; it ends with the test. */
export async function startPeerCommand(
  t: TestScope,
  place: PeerCommandPlace,
): Promise<PeerCommand> {
  const { home, name, authority, origins, program: shoal = SHOAL } = place;
  await authority.admit(home, name, 'seed');
  const logFile = join(home, 'log');
  // What an earlier one there has said is not of this one.
  writeFileSync(logFile, '');
  const args = [
    ...['peer', '--json', '--listen', '127.0.0.1:0', '--identity', join(home, 'tls')],
    ...['--zone', 'z', '--rack', 'r', '--root', join(home, 'state'), '--metrics', '0'],
    ...origins.flatMap((origin) => ['--origin', origin]),
  ];
  const { env } = process;
  const program = new OwnProgram({ name: 'shoal peer', program: shoal, args, env, logFile });
  t.teardown(() => program.stop('SIGKILL'));
  const events = () => eventsIn(program.log());
  const ready = () => events().find(({ event }) => event === 'ready');
  await program.start(() => ready() !== undefined);
  const { address, metrics } = ready() ?? {};
  return { program, events, address: String(address), metrics: `http://${metrics}/metrics` };
}

/** Beside lines of its log, which are objects without `event: ready` and the like. */
function eventsIn(log: string): Readonly<Record<string, unknown>>[] {
  const lines = log.split('\n').filter((line) => line.startsWith('{'));
  return lines.map((line): Readonly<Record<string, unknown>> => JSON.parse(line));
}
