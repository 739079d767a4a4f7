/**
 * The part of the configuration that makes the daemon a mirror of registries for the runtimes of its
 * host. Without `listen` it is none.
 */
import type { AuthMode, UpstreamOptions } from '@shoal/registry-proxy';
import * as z from 'zod';
import { absolutePath, address } from './value-schemas.ts';

const MODES = ['challenge', 'own', 'node'] as const satisfies readonly AuthMode[];
const UPSTREAMS_MAX = 64;

const upstreamSchema = z.strictObject({
  name: z.string().min(1).max(255),
  address: z.url({ protocol: /^https?$/ }).optional(),
  auth: z.enum(MODES).optional(),
  ca_file: absolutePath.optional(),
  insecure: z.boolean().optional(),
  redirect_hosts: z.array(address).max(64).optional(),
});

/** The table of the file that is decoded here. */
export const proxyTable = {
  proxy: z
    .strictObject({
      listen: address.optional(),
      default: z.string().min(1).optional(),
      upstreams: z.array(upstreamSchema).min(1).max(UPSTREAMS_MAX).optional(),
    })
    .optional(),
};

const tableSchema = z.object(proxyTable);

export type ProxyConfig = {
  readonly listen: string;
  /** Upstream of requests that name none. */
  readonly standard: string | undefined;
  readonly upstreams: readonly UpstreamOptions[];
};

/** Undefined where the daemon is no mirror. */
export function proxyConfigOf({ proxy }: z.output<typeof tableSchema>): ProxyConfig | undefined {
  if (proxy?.listen === undefined) return undefined;
  const { listen, default: standard, upstreams = [{ name: 'docker.io' }] } = proxy;
  return {
    listen,
    standard,
    upstreams: upstreams.map((upstream) => ({
      name: upstream.name,
      address: upstream.address,
      mode: upstream.auth,
      caFile: upstream.ca_file,
      insecure: upstream.insecure,
      redirectHosts: upstream.redirect_hosts,
    })),
  };
}
