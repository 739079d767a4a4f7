/**
 * The part of the configuration that lets programs of this host order gets over HTTP. Without `listen`
 * they cannot.
 */
import { type HostPort, isHostPort, parseHostPort } from '@shoal/oci/host-port';
import * as z from 'zod';
import { API_SOURCES_MAX } from '../limits.ts';
import { sourceRule } from './source-rules.ts';
import { absolutePath, address } from './value-schemas.ts';

/** Without TLS the token must not cross a network. */
function isLoopback(text: string): boolean {
  if (!isHostPort(text)) return false;
  const { host } = parseHostPort(text);
  return /^127(?:\.\d{1,3}){3}$/.test(host) || host === '::1' || host === 'localhost';
}

/** The table of the file that is decoded here. */
export const apiTable = {
  api: z
    .strictObject({
      listen: address.optional(),
      tls: absolutePath.optional(),
      token_file: absolutePath.optional(),
      directory: absolutePath.optional(),
      sources: z.array(sourceRule).max(API_SOURCES_MAX).optional(),
    })
    .refine(({ listen, tls }) => listen === undefined || tls !== undefined || isLoopback(listen), {
      path: ['tls'],
      message: 'must be given where listen is no loopback address',
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
  /** Directory of tls.crt and tls.key; undefined: no TLS, and a loopback address. */
  readonly tlsDirectory: string | undefined;
  readonly tokenFile: string;
  /** Nothing is written elsewhere. */
  readonly directory: string;
  /** Registries, beginnings of repositories, and web servers that may be named; nothing else is. */
  readonly sources: readonly string[];
};

/** Undefined where there is no API. */
export function apiConfigOf({ api }: z.output<typeof tableSchema>): ApiConfig | undefined {
  const listen = api?.listen === undefined ? undefined : parseHostPort(api.listen);
  const { token_file: tokenFile, directory, sources = [], tls: tlsDirectory } = api ?? {};
  if (listen === undefined || tokenFile === undefined || directory === undefined) return undefined;
  return { address: listen, tlsDirectory, tokenFile, directory, sources };
}
