/** A cluster for tests: an authority, a tracker with a clock that tests move, identities of hosts. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { BlobId } from '@shoal/oci';
import { type TestScope, temporaryDirectory } from '@shoal/test-kit';
import { Agent, request } from 'undici';
import { newPeerId } from '../../src/identity/peer-id.ts';
import { TrackerClient } from '../../src/tracker/client/tracker-client.ts';
import type { HostReport } from '../../src/tracker/host-report.ts';
import { TrackerServer, type TrackerServerOptions } from '../../src/tracker/server/index.ts';
import {
  type CertificateRole,
  createAuthority,
  IdentityFiles,
  identityPathsIn,
  issueCertificate,
  loadTokenKey,
  loadTokenPublicKeys,
} from '../../src/trust/index.ts';
import { writePrivateFile } from '../../src/trust/private-file.ts';
import { blobIdOf } from './sample-bytes.ts';

export const LOOPBACK = { host: '127.0.0.1', port: 0 };
export const ADMIN_TOKEN = 'admin-token-of-tests';
export const REPOSITORY = 'registry.example/team/app';

export type Scene = Awaited<ReturnType<typeof makeScene>>;

/** A blob id that follows from a name. */
export function blobNamed(name: string): BlobId {
  return blobIdOf(name);
}

export async function makeScene(t: TestScope) {
  const directory = await temporaryDirectory(t);
  const ca = join(directory, 'ca');
  await createAuthority(ca);
  const opened: AsyncDisposable[] = [];
  t.teardown(async () => {
    for (const thing of opened.toReversed()) await thing[Symbol.asyncDispose]();
  });

  const keep = <Thing extends AsyncDisposable>(thing: Thing): Thing => {
    opened.push(thing);
    return thing;
  };

  async function identity(host: string, role: CertificateRole): Promise<IdentityFiles> {
    const own = join(directory, `${role}-${host}`);
    await mkdir(own, { recursive: true });
    const issued = await issueCertificate(ca, { host, role, addresses: ['127.0.0.1'] });
    const paths = identityPathsIn(own);
    for (const name of ['ca', 'cert', 'key'] as const) {
      await writePrivateFile(paths[name], issued[name], { replaces: true });
    }
    return keep(await IdentityFiles.open(paths));
  }

  async function tracker(changes: Partial<TrackerServerOptions> = {}): Promise<TrackerServer> {
    return keep(
      await TrackerServer.listen({
        listen: LOOPBACK,
        plainListen: LOOPBACK,
        pageListen: LOOPBACK,
        identity: await identity('tracker-1', 'tracker'),
        grants: [{ hosts: '*', repositories: ['registry.example/team/*'] }],
        tokenKey: await loadTokenKey(join(ca, 'token.key')),
        adminToken: ADMIN_TOKEN,
        ...changes,
      }),
    );
  }

  return {
    ca,
    directory,
    identity,
    tracker,
    keep,
    publicKeys: () => loadTokenPublicKeys([join(ca, 'token.pub')]),
  };
}

export function urlOf(tracker: TrackerServer): string {
  return `https://127.0.0.1:${tracker.address('tls')?.port}`;
}

export function pageOf(tracker: TrackerServer): string {
  return `http://127.0.0.1:${tracker.address('page')?.port}`;
}

export type HostPlace = { readonly zone: string; readonly rack: string; readonly address: string };

/** A client of a host; the deadline is long because test machines are slow. */
export function clientOf(
  scene: Scene,
  identity: IdentityFiles,
  trackers: readonly TrackerServer[],
  place: Partial<HostPlace> = {},
): TrackerClient {
  const own = { zone: 'a', rack: 'r1', address: '10.0.0.1:4001', ...place };
  return scene.keep(
    new TrackerClient({
      trackers: trackers.map(urlOf),
      identity,
      own: () => own,
      timeoutMs: 60_000,
    }),
  );
}

export function reportOf(changes: Partial<HostReport> = {}): HostReport {
  return {
    version: '0.1.0',
    peerId: newPeerId(),
    zone: 'a',
    rack: 'r1',
    address: '10.0.0.1:4001',
    rates: { local: 0, rack: 0, zone: 0, other: 0, origin: 0, upload: 0 },
    blobs: [],
    preheats: [],
    ...changes,
  };
}

export type RawAnswer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  /** A character a byte. */
  readonly text: string;
};

export type RawRequest = {
  readonly method?: 'GET' | 'POST' | 'DELETE' | 'PUT';
  readonly headers?: Record<string, string>;
  readonly body?: string;
};

/** One request as it is, with or without a certificate. */
export async function ask(
  url: string,
  { method = 'GET', headers = {}, body }: RawRequest = {},
  tls:
    | { readonly ca: string; readonly cert?: string; readonly key?: string }
    | undefined = undefined,
): Promise<RawAnswer> {
  const agent = new Agent({ connect: { ...tls, checkServerIdentity: () => undefined } });
  try {
    const options = { method, headers, body: body ?? null, dispatcher: agent };
    const answer = await request(url, options);
    const bytes = Buffer.from(await answer.body.arrayBuffer());
    return { status: answer.statusCode, headers: answer.headers, text: bytes.toString('latin1') };
  } finally {
    await agent.destroy();
  }
}

/** The path of a standard client's announce. */
export function announcePath(infohash: string, peerId: string, rest: string): string {
  const percent = (hex: string) => hex.replaceAll(/../g, '%$&');
  return `/announce?info_hash=${percent(infohash)}&peer_id=${percent(peerId)}&${rest}`;
}
