/**
 * How `shoal get` reaches bytes: through the daemon of this host, where one shares with others, else
 * straight from registries and servers; with the caller's own credentials in both cases.
 */
import type { BlobSource } from '@shoal/blob-store';
import type { GetAccess, Subject } from '@shoal/downloads';
import type { AskedPlace, ControlClient, DaemonBlobs } from '@shoal/node/client';
import type { Digest } from '@shoal/oci';
import { clientOptionsOf, sourceOptionsOf } from '../client-options.ts';
import type { CliContext } from '../context.ts';
import { type DaemonOptionValues, daemonPathsOf } from '../daemon-options.ts';
import type { ImageFlags } from '../image-argument.ts';

/** How long a daemon may take to say whether it shares. */
const ANSWER_TIMEOUT_MS = 3_000;

export type GetFlags = ImageFlags &
  DaemonOptionValues & {
    readonly output?: string;
    readonly digest?: string;
    readonly force?: boolean;
    readonly direct?: boolean;
    readonly json?: boolean;
  };

/** Undefined where the daemon is not asked, and why. */
type SharingDaemon =
  | { readonly client: ControlClient; readonly why?: undefined }
  | { readonly client?: undefined; readonly why: string | undefined };

export class GetRoute {
  readonly access: GetAccess;
  readonly #daemon: SharingDaemon;
  readonly #shared: DaemonBlobs[] = [];

  static async open(flags: GetFlags, context: CliContext): Promise<GetRoute> {
    const daemon = await findDaemon(flags, context);
    const { openSource, openWebFile } = await import('@shoal/registry-client');
    const options = clientOptionsOf(flags, context);
    const access: GetAccess = {
      openStore: (reference) => openSource(reference, options),
      web: { open: (url) => openWebFile(url, options) },
    };
    const { client } = daemon;
    if (client === undefined) return new GetRoute(access, daemon);
    const { registryBlobSource } = await import('@shoal/blob-store');
    const { formatRepository } = await import('@shoal/oci');
    const { DaemonBlobs, urlName } = await import('@shoal/node/client');
    const shared = (place: AskedPlace, origin: BlobSource) =>
      route.#add(new DaemonBlobs(client, place, origin));
    const route: GetRoute = new GetRoute(
      {
        ...access,
        share: (reference, store) => {
          if (reference.kind !== 'registry') return undefined;
          const origin = registryBlobSource(store, { closesStore: false });
          const source = sourceOptionsOf(flags, context);
          return shared({ from: formatRepository(reference), source }, origin);
        },
        web: {
          ...access.web,
          share: (url, origin) =>
            urlName(url) === undefined ? undefined : shared({ from: url.href }, origin),
        },
      },
      daemon,
    );
    return route;
  }

  private constructor(access: GetAccess, daemon: SharingDaemon) {
    this.access = access;
    this.#daemon = daemon;
  }

  /** Whether the daemon gave any of it. */
  get via(): 'daemon' | 'direct' {
    return this.#shared.some(({ readsAnswered }) => readsAnswered > 0) ? 'daemon' : 'direct';
  }

  /** What the user should know of it. */
  notes(subject: Subject, digest: Digest | undefined): readonly string[] {
    if (subject.kind === 'url' && digest === undefined) {
      return ['without --digest the file is believed as its server sends it, and no peer is asked'];
    }
    const failures = this.#shared.flatMap(({ failure }) =>
      failure instanceof Error
        ? [`the daemon did not give all of it, the rest came from the origin: ${failure.message}`]
        : [],
    );
    const { why } = this.#daemon;
    return [...(why === undefined ? [] : [`no peer was asked: ${why}`]), ...failures];
  }

  #add(blobs: DaemonBlobs): DaemonBlobs {
    this.#shared.push(blobs);
    return blobs;
  }
}

/** A command that can do without asks no longer than it takes to hear that there is none. */
async function findDaemon(flags: GetFlags, context: CliContext): Promise<SharingDaemon> {
  if (flags.direct === true) return { why: undefined };
  const { ControlClient } = await import('@shoal/node/client');
  const { socket } = await daemonPathsOf(flags, context);
  const client = new ControlClient(socket, { answerTimeoutMs: ANSWER_TIMEOUT_MS });
  try {
    const { isSharing } = await client.sharing({ signal: context.signal });
    return isSharing ? { client } : { why: 'the daemon shares nothing with other hosts' };
  } catch (error) {
    context.signal.throwIfAborted();
    return { why: error instanceof Error ? error.message : String(error) };
  }
}
