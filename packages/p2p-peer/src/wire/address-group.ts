/**
 * Who may be one and the same among strangers that connect: an IPv4 address, which many may share, or
 * the /64 of an IPv6 address, in which one host has as many addresses as it likes.
 */
import { isIPv6 } from 'node:net';

export type AddressGroup = `${string}/32` | `${string}/64`;

const GROUPS = 8;
/** Of 16 bits each. */
const PREFIX_GROUPS = 4;
/** An IPv4 address, as a socket that listens for both has it. */
const MAPPED = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i;

/** Of a socket's `remoteAddress`: undefined where it has closed already. */
export function addressGroupOf(address = ''): AddressGroup {
  const [plain = ''] = address.split('%');
  const mapped = MAPPED.exec(plain)?.[1];
  if (mapped === undefined && isIPv6(plain)) return prefixOf(plain);
  return `${mapped ?? plain}/32`;
}

function prefixOf(address: string): AddressGroup {
  const [front = '', back] = address.split('::');
  const groups = groupsOf(front);
  if (back !== undefined) {
    const behind = groupsOf(back);
    // An IPv4 address at the end stands for two groups.
    const count = behind.length + (back.includes('.') ? 1 : 0);
    groups.push(...Array.from({ length: GROUPS - groups.length - count }, () => '0'), ...behind);
  }
  return `${groups.slice(0, PREFIX_GROUPS).join(':')}::/64`;
}

function groupsOf(text: string): string[] {
  if (text === '') return [];
  return text.split(':').map((group) => Number.parseInt(group, 16).toString(16));
}
