/**
 * The DNS name behind which hosts of a cluster are, as a headless service of Kubernetes is one:
 * `name:port`, whose addresses are the hosts, or `name` alone, whose SRV records tell ports too.
 */
import { quoted } from '@shoal/oci';
import { DiscoveryNameError } from './errors.ts';

export type ServiceName = {
  /** Without a dot at its end. */
  readonly name: string;
  /** Undefined: SRV records tell it. */
  readonly port: number | undefined;
};

/** The service and protocol of SRV records (RFC 2782) where the name brings none of its own. */
const SRV_PREFIX = '_shoal._tcp.';
const NAME =
  /^(?=.{1,253}(?::|\.?$))((?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?)\.?(?::([1-9][0-9]{0,4}))?$/;

/** Throws `ERR_P2P_DISCOVERY_NAME`. */
export function parseServiceName(text: string): ServiceName {
  const [, name, digits] = NAME.exec(text) ?? [];
  const port = digits === undefined ? undefined : Number(digits);
  if (name === undefined || (port !== undefined && port > 0xffff)) {
    throw new DiscoveryNameError(`${quoted(text)} is not a name, or name:port`);
  }
  return { name, port };
}

export function formatServiceName({ name, port }: ServiceName): string {
  return port === undefined ? name : `${name}:${port}`;
}

/** The name that SRV records have. */
export function srvNameOf({ name }: ServiceName): string {
  return name.startsWith('_') ? name : `${SRV_PREFIX}${name}`;
}
