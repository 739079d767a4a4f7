/** A cluster that changes its authority: for a while hosts believe both, and wires are as before. */
import t from 'tap';
import { TestCluster, type TestHost } from './support/test-cluster.ts';
import { patternedBlob, serveBlob } from './support/wire-pair.ts';

const blob = patternedBlob(1 << 20);

/** `ca.crt` has both, one after the other; tokens of both clusters are good. */
function believingBoth(host: TestHost, other: TestHost): TestHost {
  const { trust } = host;
  const { ca, cert, key } = trust.identity();
  const both = `${ca}${other.trust.identity().ca}`;
  return {
    ...host,
    trust: {
      ...trust,
      identity: () => ({ ca: both, cert, key }),
      checkToken: (text, of, nowMs) => {
        try {
          return trust.checkToken(text, of, nowMs);
        } catch {
          return other.trust.checkToken(text, of, nowMs);
        }
      },
    },
  };
}

t.test('hosts of the old and of the new authority meet while both are believed', async (t) => {
  const [old, changed] = await Promise.all([TestCluster.open(t), TestCluster.open(t)]);
  const seed = await old.host('seed-1', { role: 'seed' });
  const peer = await changed.host('peer-1');
  const { dial } = await serveBlob(t, believingBoth(seed, peer), blob);
  await t.rejects(dial(peer), { code: 'ERR_P2P_WIRE_UNTRUSTED' }, 'who knows the new one only');
  const wire = await dial(believingBoth(peer, seed));
  t.match(wire.facts.host, { host: 'seed-1' });
  t.ok((await wire.request(0, 100, { priority: 'demand' })).equals(blob.subarray(0, 100)));
  await wire.close();
});
