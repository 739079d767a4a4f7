/** Strangers at their handshake: one address never takes the places of all others. */
import { until } from '@shoal/test-kit';
import fc from 'fast-check';
import t from 'tap';
import { newPeerId } from '../src/identity/peer-id.ts';
import { PLAIN_HANDSHAKES_MAX } from '../src/plain/limits.ts';
import { addressGroupOf } from '../src/wire/address-group.ts';
import { Admission } from '../src/wire/handshakes/admission.ts';
import { openPlainWire } from '../src/wire/handshakes/open-plain-wire.ts';
import { openWire } from '../src/wire/handshakes/open-wire.ts';
import { PlainWireListener } from '../src/wire/handshakes/plain-listener.ts';
import { HANDSHAKES_MAX } from '../src/wire/limits.ts';
import { RawPeer } from './support/raw-peer.ts';
import { TestCluster } from './support/test-cluster.ts';
import {
  BufferServer,
  dialOptions,
  listen,
  PATIENT,
  patternedBlob,
  SWARM,
  sharedBlob,
} from './support/wire-pair.ts';

const BYTES = 1 << 20;
const blob = patternedBlob(BYTES);
const shared = (isHeld: boolean) => sharedBlob(new BufferServer(blob), BYTES, isHeld);
const FLOODER = '127.0.0.2';
/** As many as hosts of a rack, all behind one address. */
const NAT_WIRES = 40;

t.test('an IPv4 address counts as one, and so does the /64 of an IPv6 address', async (t) => {
  const groups: Readonly<Record<string, string>> = {
    '192.0.2.7': '192.0.2.7/32',
    '::ffff:192.0.2.7': '192.0.2.7/32',
    '::FFFF:192.0.2.7': '192.0.2.7/32',
    '2001:db8:1:2:3:4:5:6': '2001:db8:1:2::/64',
    '2001:0DB8:0001:0002::': '2001:db8:1:2::/64',
    '2001:db8:1:2::9': '2001:db8:1:2::/64',
    '2001:db8::9': '2001:db8:0:0::/64',
    'fe80::1%eth0': 'fe80:0:0:0::/64',
    '::1': '0:0:0:0::/64',
    '64:ff9b::192.0.2.7': '64:ff9b:0:0::/64',
    '1::2:3:4:192.0.2.7': '1:0:0:2::/64',
  };
  for (const [address, group] of Object.entries(groups)) {
    t.equal(addressGroupOf(address), group, address);
  }
  t.equal(addressGroupOf(undefined), '/32', 'it has closed already');
});

t.test('whoever has come, there is a place for a new address', async (t) => {
  const addresses = fc.array(fc.nat(9), { maxLength: 400 });
  fc.assert(
    fc.property(addresses, fc.integer({ min: 1, max: 64 }), (from, handshakesMax) => {
      const admission = new Admission({ handshakesMax });
      let inside = 0;
      for (const number of from) {
        if (admission.come(addressGroupOf(`192.0.2.${number}`)) !== undefined) inside += 1;
      }
      const isFull = inside === handshakesMax;
      const newcomer = admission.come(addressGroupOf('198.51.100.1'));
      // With fewer places than addresses each has one.
      return isFull ? handshakesMax <= 10 : newcomer !== undefined;
    }),
  );
  const admission = new Admission({});
  const crowd = Array.from({ length: HANDSHAKES_MAX }, (_, n) => addressGroupOf(`192.0.2.${n}`));
  for (const from of crowd) t.ok(admission.come(from), 'a crowd of hosts fills all places');
  t.notOk(admission.come(addressGroupOf('198.51.100.1')));
});

t.test('a place is free again when its stranger is gone, or is one no more', async (t) => {
  const admission = new Admission({ handshakesMax: 2 });
  const from = addressGroupOf('192.0.2.1');
  const gone = admission.come(from);
  t.notOk(admission.come(from), 'half of them');
  gone?.();
  const closed = admission.come(from);
  const left = admission.enter('node-1', from);
  t.ok(admission.come(from), 'a wire is no stranger');
  closed?.();
  left?.();
  t.notOk(admission.come(from), 'whichever ends first');
});

t.test('a flood of one address leaves places to hosts of others', async (t) => {
  const cluster = await TestCluster.open(t);
  const [seed, peer] = [
    await cluster.host('seed-1', { role: 'seed' }),
    await cluster.host('peer-1'),
  ];
  const listener = await listen(t, seed, { accept: () => shared(true) });
  const flood = await floodOf(listener.port, HANDSHAKES_MAX);
  await until('half of them are sent away', () => openOf(flood) === HANDSHAKES_MAX / 2);
  const wires = await Promise.all(
    Array.from({ length: NAT_WIRES }, () =>
      openWire(dialOptions(peer, seed, listener, shared(false))),
    ),
  );
  t.equal(wires.length, NAT_WIRES, 'hosts behind one address dial together, beside it');
  t.equal(openOf(flood), HANDSHAKES_MAX / 2);
  await Promise.all(wires.map((wire) => wire.close()));
  for (const raw of flood) raw.socket.destroy();
  await until('they are gone', async () => {
    const [again] = await floodOf(listener.port, 1);
    return again !== undefined && (await isKept(again));
  });
});

t.test('the same on the plain port', async (t) => {
  const listener = await PlainWireListener.open({
    ...{ selfId: newPeerId(), port: 0, listenHost: '127.0.0.1', handshakeTimeoutMs: 60_000 },
    accept: () => ({ ...shared(true), pieceBytes: 256 << 10 }),
    handshakesMax: PLAIN_HANDSHAKES_MAX,
  });
  t.teardown(() => listener.close());
  const flood = await floodOf(listener.port, PLAIN_HANDSHAKES_MAX);
  await until('half of them are sent away', () => openOf(flood) === PLAIN_HANDSHAKES_MAX / 2);
  const wire = await openPlainWire({
    ...{ selfId: newPeerId(), address: `127.0.0.1:${listener.port}`, infohash: SWARM },
    ...{ torrent: { ...shared(false), pieceBytes: 256 << 10 }, ...PATIENT },
  });
  t.ok(wire.held);
  await wire.close();
  for (const raw of flood) raw.socket.destroy();
});

async function floodOf(port: number, count: number): Promise<RawPeer[]> {
  return await Promise.all(
    Array.from({ length: count }, () => RawPeer.dial(port, { localAddress: FLOODER })),
  );
}

function openOf(flood: readonly RawPeer[]): number {
  return flood.filter(({ socket }) => !socket.destroyed).length;
}

/** Sent away at once, or not. */
async function isKept(raw: RawPeer): Promise<boolean> {
  const closed = raw.untilClosed().then(() => false);
  const kept = new Promise<boolean>((resolve) => setTimeout(() => resolve(true), 50));
  return await Promise.race([closed, kept]);
}
