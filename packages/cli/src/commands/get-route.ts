/** How `shoal get` reaches bytes: registries and servers with the caller's own credentials. */
import type { GetAccess, Subject } from '@shoal/downloads';
import type { Digest } from '@shoal/oci';
import { clientOptionsOf } from '../client-options.ts';
import type { CliContext } from '../context.ts';
import type { DaemonOptionValues } from '../daemon-options.ts';
import type { ImageFlags } from '../image-argument.ts';

export type GetFlags = ImageFlags &
  DaemonOptionValues & {
    readonly output?: string;
    readonly digest?: string;
    readonly force?: boolean;
    readonly direct?: boolean;
    readonly json?: boolean;
  };

export class GetRoute {
  readonly access: GetAccess;

  static async open(flags: GetFlags, context: CliContext): Promise<GetRoute> {
    const { openSource, WebFile } = await import('@shoal/registry-client');
    const options = clientOptionsOf(flags, context);
    return new GetRoute({
      openStore: (reference) => openSource(reference, options),
      web: {
        open: (url) => WebFile.open(url, { ...options, trustedHosts: new Set([placeOf(url)]) }),
      },
    });
  }

  private constructor(access: GetAccess) {
    this.access = access;
  }

  get via(): 'daemon' | 'direct' {
    return 'direct';
  }

  /** What the user should know of it. */
  notes(subject: Subject, digest: Digest | undefined): readonly string[] {
    if (subject.kind !== 'url' || digest !== undefined) return [];
    return ['without --digest the file is believed as its server sends it, and no peer is asked'];
  }
}

/** `host:port`. */
function placeOf({ hostname, port, protocol }: URL): string {
  const standard = protocol === 'https:' ? '443' : '80';
  return `${hostname.replace(/^\[|\]$/g, '')}:${port || standard}`;
}
