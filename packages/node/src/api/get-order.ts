/** An order to get something, as it comes over HTTP: checked before anything is done about it. */
import { type GetRequest, parseSubject, type Subject, titleParts } from '@shoal/downloads';
import { type Digest, formatRepository, isDigest, parsePlatform } from '@shoal/oci';
import * as z from 'zod';
import { isCovered } from '../config/source-rules.ts';
import { ApiRequestError } from './errors.ts';

const orderSchema = z.strictObject({
  what: z.string().min(1).max(8192),
  /** Below the configured directory. */
  target: z.string().min(1).max(4096),
  digest: z.custom<Digest>(isDigest, 'is not a digest').optional(),
  platform: z.string().max(200).optional(),
  force: z.boolean().optional(),
});

export type GetOrder = {
  readonly request: GetRequest;
  /** For people: no query of a URL. */
  readonly what: string;
  /** Parts of the path below the directory. */
  readonly target: readonly [string, ...string[]];
  readonly replaces: boolean;
};

/** Throws `ERR_NODE_API_REQUEST`, and what references and names are wrong with. */
export function decodeOrder(body: unknown, sources: readonly string[]): GetOrder {
  const parsed = orderSchema.safeParse(body);
  if (!parsed.success) {
    const line = z.prettifyError(parsed.error).split('\n')[0] ?? '';
    throw new ApiRequestError(400, `not understood: ${line}`);
  }
  const { what, target, digest, platform, force = false } = parsed.data;
  const subject = parseSubject(what);
  const name = sourceName(subject);
  if (name === undefined || !isCovered(sources, name)) {
    throw new ApiRequestError(403, 'nothing is fetched from there', {
      remedy: 'name the registry or server in sources of the table [api]',
    });
  }
  return {
    request: {
      subject,
      digest,
      ...(platform === undefined ? {} : { platform: parsePlatform(platform) }),
    },
    what: subject.kind === 'url' ? `${subject.url.origin}${subject.url.pathname}` : what,
    target: titleParts(target),
    replaces: force,
  };
}

/** What rules are compared with; undefined of what is on this host's own disk. */
function sourceName(subject: Subject): string | undefined {
  if (subject.kind === 'url') {
    const { protocol, host, pathname } = subject.url;
    // A server may take these for what they stand for, and so for another path than the rule's.
    if (/%(?:2e|2f|5c)/i.test(pathname)) return undefined;
    return `${protocol}${host}${pathname}`;
  }
  const { reference } = subject;
  return reference.kind === 'registry' ? formatRepository(reference) : undefined;
}
