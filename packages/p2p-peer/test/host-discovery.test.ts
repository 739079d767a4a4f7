/** Hosts that find each other by the names of services: real peers, a real DNS server, no tracker. */
import { DnsServer, until } from '@shoal/test-kit';
import t from 'tap';
import { HostDiscovery } from '../src/discovery/host-discovery.ts';
import { parseServiceName } from '../src/discovery/service-name.ts';
import { ServiceResolver } from '../src/discovery/service-resolver.ts';
import { ListedHosts } from '../src/hosts/listed-hosts.ts';
import { type HostFacts, parseHostName } from '../src/identity/host.ts';
import { askHost } from '../src/wire/handshakes/ask-host.ts';
import { type ClusterHost, CountingOrigin, PeerCluster } from './support/peer-cluster.ts';
import { TestCluster } from './support/test-cluster.ts';

const PEERS = 'peers.test';
const SEEDS = 'seeds.test';
const INTERVAL_MS = 50;

function factsOf(name: string, address: string): HostFacts {
  return { host: parseHostName(name), role: 'peer', zone: 'z', rack: 'r', address };
}

/** Gives SRV records to hosts, one target for all: they are on one address. */
function serve(dns: DnsServer, service: string, hosts: readonly ClusterHost[]): void {
  dns.addresses.set('host.test', ['127.0.0.1']);
  const records = hosts.map(({ peer }) => ({ target: 'host.test', port: peer.port }));
  dns.services.set(`_shoal._tcp.${service}`, records);
}

t.test('peers and a seed find each other, with roles, zones and racks', async (t) => {
  const dns = await DnsServer.listen(t);
  const cluster = await PeerCluster.open(t, new CountingOrigin(new Map()));
  const discovery = {
    ...{ services: [PEERS, SEEDS], intervalMs: INTERVAL_MS, servers: [dns.address] },
  };
  const seed = await cluster.start('seed-1', 'seed', { discovery, zone: 'z1' });
  const a = await cluster.start('a', 'peer', { discovery, zone: 'z1', rack: 'r1' });
  const b = await cluster.start('b', 'peer', { discovery, zone: 'z2', rack: 'r2' });
  const all = [seed, a, b];
  t.ok(
    all.every(({ peer }) => peer.status().hosts === 1),
    'alone at first',
  );
  serve(dns, PEERS, [a, b]);
  serve(dns, SEEDS, [seed]);
  await until('all know all', () => all.every(({ peer }) => peer.status().hosts === 3));
  await b.peer.close();
  serve(dns, PEERS, [a]);
  dns.isDown = true;
  const before = dns.asked.length;
  await until('it was asked again', () => dns.asked.length > before + 4);
  t.equal(a.peer.status().hosts, 3, 'DNS is away: who was known is known');
});

t.test('whoever answers says where it stands, and its certificate who it is', async (t) => {
  const cluster = await PeerCluster.open(t, new CountingOrigin(new Map()));
  const seed = await cluster.start('seed-1', 'seed', { zone: 'ä zone', rack: 'r9' });
  const { address } = seed.facts;
  const trust = await cluster.trust('asking', 'peer');
  t.same(await askHost(address, { trust }), {
    ...{ host: 'seed-1', role: 'seed', zone: 'ä zone', rack: 'r9', address },
  });
  const stranger = await (await TestCluster.open(t)).host('stranger');
  await t.rejects(askHost(address, stranger), { code: /ERR_P2P_WIRE_(UNTRUSTED|DIAL)/ });
  const signal = AbortSignal.abort(new Error('enough'));
  await t.rejects(askHost(address, { trust, signal }), /enough/);
  t.equal(seed.peer.status().wires, 0, 'a question is no wire');
});

t.test(
  'itself is left out, addresses that move are asked again, failures are told once',
  async (t) => {
    const dns = await DnsServer.listen(t);
    const own = factsOf('own', '10.0.0.1:1');
    const problems: unknown[] = [];
    const asked: string[] = [];
    const answers = new Map<string, HostFacts>([
      ['10.0.0.2:1', factsOf('a', '10.0.0.2:1')],
      ['10.0.0.3:1', factsOf('own', '10.0.0.3:1')],
    ]);
    let nowMs = 0;
    const discovery = new HostDiscovery({
      services: [parseServiceName(`${PEERS}:1`)],
      resolver: new ServiceResolver({ servers: [dns.address] }),
      ask: (address) => {
        asked.push(address);
        const facts = answers.get(address);
        return facts === undefined ? Promise.reject(new Error('nobody')) : Promise.resolve(facts);
      },
      own: () => own,
      intervalMs: 3600_000,
      onHosts: () => undefined,
      onProblem: (error) => problems.push(error),
      nowMs: () => nowMs,
    });
    t.teardown(() => discovery.close());
    const hosts = async () => {
      await discovery.refresh();
      await discovery.refresh();
      return discovery.hosts().map(({ host, address }) => `${host} ${address}`);
    };
    dns.addresses.set(PEERS, ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.9']);
    t.same(await hosts(), ['a 10.0.0.2:1']);
    t.same(asked.toSorted(), ['10.0.0.2:1', '10.0.0.3:1', '10.0.0.9:1'], 'each once');
    t.equal(problems.length, 1);
    answers.set('10.0.0.9:1', factsOf('a', '10.0.0.9:1'));
    dns.addresses.set(PEERS, ['10.0.0.2', '10.0.0.9']);
    nowMs += 3600_000;
    answers.delete('10.0.0.2:1');
    t.same(await hosts(), ['a 10.0.0.9:1'], 'a host that has moved is at its new address');
    dns.addresses.delete(PEERS);
    nowMs += 7200_000;
    t.same(await hosts(), ['a 10.0.0.9:1'], 'a name that is gone takes nobody away');
  },
);

t.test('what trackers list and what is found are one list', (t) => {
  const lists: string[][] = [];
  const listed = new ListedHosts({
    list: (hosts) => void lists.push(hosts.map(({ host, address }) => `${host} ${address}`)),
  });
  listed.discovered([factsOf('a', '1:1'), factsOf('b', '2:1')]);
  listed.tracked([factsOf('b', '3:1'), factsOf('c', '4:1')]);
  listed.discovered([]);
  t.same(lists, [
    ['a 1:1', 'b 2:1'],
    ['b 3:1', 'c 4:1', 'a 1:1'],
    ['b 3:1', 'c 4:1'],
  ]);
  t.end();
});
