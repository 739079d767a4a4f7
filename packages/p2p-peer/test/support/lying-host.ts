/**
 * A host that says it holds everything, and sends other bytes, or none. It listens, tells the trackers,
 * and dials whoever they name, so that those who read meet it early.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SizedBlob } from '@shoal/blob-store';
import type { HostPort } from '@shoal/oci/host-port';
import type { HostFacts } from '../../src/identity/host.ts';
import { peerIdOf } from '../../src/identity/peer-id.ts';
import { swarmIdOf } from '../../src/identity/swarm-id.ts';
import { TrackerClient } from '../../src/tracker/client/tracker-client.ts';
import type { BlobWire, ServedBlock, SharedBlob, WireServer } from '../../src/wire/blob-wire.ts';
import { openWire } from '../../src/wire/handshakes/open-wire.ts';
import { WireListener } from '../../src/wire/handshakes/wire-listener.ts';
import type { HostileScene } from './hostile-host.ts';
import { PATIENT } from './wire-pair.ts';

const ANNOUNCE_MS = 300;

/** Goes on until the program ends. */
export async function lie(scene: HostileScene, { host, port }: HostPort): Promise<void> {
  const { options, self, trust } = scene;
  const trackers = new TrackerClient({
    ...{ trackers: options.trackers, identity: trust.files },
    ...{ own: () => self, token: () => trust.token() },
  });
  await WireListener.open({
    ...{ self, trust, listenHost: host, port },
    accept: ({ sizeBytes }) => ({ ...lies(scene, sizeBytes), onOpen: (wire) => met(scene, wire) }),
  });
  for (const blob of scene.blobs) void meetReaders(scene, blob, { trackers, port });
}

type Meeting = { readonly trackers: TrackerClient; readonly port: number };

async function meetReaders(scene: HostileScene, blob: SizedBlob, meeting: Meeting) {
  const { self, repository } = scene;
  const { trackers, port } = meeting;
  const swarmId = swarmIdOf(blob.blobId);
  const dialled = new Set<string>();
  for (;;) {
    const found = await trackers.announce({
      ...{ swarmId, event: 'update', port, bytesLeft: 0 },
      blob: { blobId: blob.blobId, repository },
      peerId: peerIdOf(self.host),
    });
    for (const { host } of found) {
      if (host === undefined || dialled.has(host.host)) continue;
      dialled.add(host.host);
      void dialReader(scene, blob, host).catch(() => dialled.delete(host.host));
    }
    await sleep(ANNOUNCE_MS);
  }
}

async function dialReader(scene: HostileScene, blob: SizedBlob, host: HostFacts): Promise<void> {
  const { self, trust, repository } = scene;
  const { blobId, sizeBytes } = blob;
  const wire = await openWire({
    ...{ self, trust, host, blobId, repository, blob: lies(scene, sizeBytes), ...PATIENT },
  });
  met(scene, wire);
}

function met({ count }: HostileScene, { facts }: BlobWire): void {
  count(`wires ${facts.host?.host}`);
}

function lies({ options, count }: HostileScene, blobBytes: number): SharedBlob {
  const server: WireServer = {
    serve: async ({ facts }, _, length, { signal }): Promise<ServedBlock> => {
      count(`blocks ${facts.host?.host}`);
      if (options.kind === 'withholds') throw new Error('it never had them');
      // Meanwhile the wire says that it lives.
      if (options.kind === 'stalls') await once(signal, 'abort');
      return { bytes: Buffer.alloc(length, 0xee) };
    },
    hashes: (_, __, pieces) => Array.from({ length: pieces }, () => Buffer.alloc(32, 0xee)),
    onHeld: () => undefined,
    onNeighbours: () => undefined,
  };
  return { blobBytes, server, held: () => [{ start: 0, end: blobBytes }] };
}
