/**
 * The part of the configuration that lets programs of this host order gets over HTTP. Without `listen`
 * they cannot.
 */
import { isAbsolute } from 'node:path';
import { type HostPort, isHostPort, parseHostPort } from '@shoal/oci/host-port';
import * as z from 'zod';
import { API_SOURCES_MAX } from '../limits.ts';

const absolutePath = z.string().refine(isAbsolute, 'must be an absolute path');

/** The API has no TLS of its own: its token must not cross a network. */
function isLoopback(text: string): boolean {
  if (!isHostPort(text)) return false;
  const { host } = parseHostPort(text);
  return /^127(?:\.\d{1,3}){3}$/.test(host) || host === '::1' || host === 'localhost';
}

/** The table of the file that is decoded here. */
export const apiTable = {
  api: z
    .strictObject({
      listen: z.string().refine(isLoopback, 'must be host:port of a loopback address').optional(),
      token_file: absolutePath.optional(),
      directory: absolutePath.optional(),
      sources: z
        .array(
          z
            .string()
            .regex(
              /^(?:https?:)?[a-z0-9.-]+(?::\d{1,5})?(?:\/[^\s/]+)*$/,
              'must be host[:port][/path], of a web server https:host[:port][/path]',
            ),
        )
        .max(API_SOURCES_MAX)
        .optional(),
    })
    .refine(({ listen, token_file }) => listen === undefined || token_file !== undefined, {
      path: ['token_file'],
      message: 'must be given with listen',
    })
    .refine(({ listen, directory }) => listen === undefined || directory !== undefined, {
      path: ['directory'],
      message: 'must be given with listen',
    })
    .optional(),
};

const tableSchema = z.object(apiTable);

export type ApiConfig = {
  readonly address: HostPort;
  readonly tokenFile: string;
  /** Nothing is written elsewhere. */
  readonly directory: string;
  /** Registries, beginnings of repositories, and web servers that may be named; nothing else is. */
  readonly sources: readonly string[];
};

/** Undefined where there is no API. */
export function apiConfigOf({ api }: z.output<typeof tableSchema>): ApiConfig | undefined {
  const address = api?.listen === undefined ? undefined : parseHostPort(api.listen);
  const { token_file: tokenFile, directory, sources = [] } = api ?? {};
  if (address === undefined || tokenFile === undefined || directory === undefined) return undefined;
  return { address, tokenFile, directory, sources };
}
