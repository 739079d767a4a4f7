/** Addresses to listen at, as option values. */
import { type HostPort, parseHostPort } from '@shoal/oci/host-port';
import { InvalidArgumentError } from 'commander';

const ALL_ADDRESSES = /^:(\d+)$/;

/** `host:port`, `[address]:port`, `:port` for all addresses of the machine (`host` is '' then). */
export function parseListenAddress(text: string): HostPort {
  const port = ALL_ADDRESSES.exec(text)?.[1];
  if (port !== undefined) return { host: '', port: parseListenAddress(`all:${port}`).port };
  try {
    return parseHostPort(text);
  } catch (error) {
    const detail = error instanceof Error ? `${error.message}. ` : '';
    throw new InvalidArgumentError(`${detail}Give host:port, [address]:port or :port.`);
  }
}
