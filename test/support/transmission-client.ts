/**
 * Transmission as a standard client of a test. Everything is as it is by default, its wish for encryption too, but
 * for what would look for other clients elsewhere than at the tracker, and uTP: Transmission 3.00 gives up a try by
 * uTP only once it has heard something by UDP, which without DHT it never does.
 */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runChecked } from '@shoal/test-kit';

export type TransmissionTask = {
  readonly does: 'fetch' | 'seed';
  /** Names the tracker. */
  readonly magnet: string;
  /** Where the file is, or will be; the torrent lies beside it. */
  readonly directory: string;
  readonly address: string;
  readonly port: number;
};

/** Encrypted connections are tried first, others after them: Transmission's own default. */
const ENCRYPTION_PREFERRED = 1;

/** It ends by itself once it has fetched everything. */
export async function transmissionCommand(task: TransmissionTask): Promise<readonly string[]> {
  const { does, magnet, directory } = task;
  const torrent = `${directory}.torrent`;
  // Torrents of blobs name no tracker.
  const announce = new URL(magnet).searchParams.get('tr') ?? '';
  await runChecked('transmission-edit', ['--add', announce, torrent]);
  const places = ['--config-dir', writeSettings(task), '--download-dir', directory];
  return [
    'transmission-cli',
    ...places,
    ...(does === 'fetch' ? endingWhenDone(directory) : []),
    torrent,
  ];
}

function endingWhenDone(directory: string): readonly string[] {
  const script = `${directory}.finished.sh`;
  writeFileSync(script, '#!/bin/sh\nkill -TERM "$PPID"\n');
  chmodSync(script, 0o755);
  return ['--finish', script];
}

function writeSettings({ directory, address, port }: TransmissionTask): string {
  const settings = {
    'bind-address-ipv4': address,
    'bind-address-ipv6': '::1',
    'dht-enabled': false,
    encryption: ENCRYPTION_PREFERRED,
    'lpd-enabled': false,
    'peer-port': port,
    'pex-enabled': false,
    'port-forwarding-enabled': false,
    'rpc-enabled': false,
    'utp-enabled': false,
  };
  const place = `${directory}.transmission`;
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, 'settings.json'), JSON.stringify(settings));
  return place;
}
