/**
 * Which addresses are local, of this machine: loopback, unspecified, and link-local, where a cloud tells its
 * machines their secrets; and those at which some clouds do so elsewhere.
 */
import { BlockList, isIP } from 'node:net';

const localIpv4 = new BlockList();
localIpv4.addSubnet('0.0.0.0', 8, 'ipv4');
localIpv4.addSubnet('127.0.0.0', 8, 'ipv4');
localIpv4.addSubnet('169.254.0.0', 16, 'ipv4');
// Alibaba Cloud, and Azure.
localIpv4.addAddress('100.100.100.200', 'ipv4');
localIpv4.addAddress('168.63.129.16', 'ipv4');
const localIpv6 = new BlockList();
localIpv6.addSubnet('::', 127, 'ipv6');
localIpv6.addSubnet('fe80::', 10, 'ipv6');
// AWS.
localIpv6.addAddress('fd00:ec2::254', 'ipv6');
// IPv4 inside of it.
localIpv6.addSubnet('::ffff:0.0.0.0', 104, 'ipv6');
localIpv6.addSubnet('::ffff:127.0.0.0', 104, 'ipv6');
localIpv6.addSubnet('::ffff:169.254.0.0', 112, 'ipv6');
localIpv6.addAddress('::ffff:100.100.100.200', 'ipv6');
localIpv6.addAddress('::ffff:168.63.129.16', 'ipv6');

/** False for everything that is not an address. */
export function isLocalAddress(address: string): boolean {
  // A link-local address may name its interface.
  const bare = address.split('%')[0] ?? '';
  switch (isIP(bare)) {
    case 4:
      return localIpv4.check(bare, 'ipv4');
    case 6:
      return localIpv6.check(bare, 'ipv6');
    default:
      return false;
  }
}

/** As URLs write addresses; a name only when it can mean nothing else. */
export function isLocalHostname(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '').toLowerCase();
  return isLocalAddress(host) || /(?:^|\.)localhost\.?$/.test(host);
}
