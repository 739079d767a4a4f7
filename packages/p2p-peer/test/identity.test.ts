import { parseBlobId } from '@shoal/oci';
import t from 'tap';
import { newPeerId, parsePeerId } from '../src/identity/peer-id.ts';
import { swarmIdOf } from '../src/identity/swarm-id.ts';
import { parseHostName, peerIdOf } from '../src/index.ts';

t.test('the id of a host follows from its name, and is one of this client', async (t) => {
  const id = peerIdOf(parseHostName('node-1'));
  t.equal(id, peerIdOf(parseHostName('node-1')));
  t.not(id, peerIdOf(parseHostName('node-2')));
  t.equal(Buffer.from(id, 'hex').toString('latin1', 0, 8), '-SL0100-');
  t.not(newPeerId(), newPeerId());
  t.equal(parsePeerId(newPeerId()).length, 40);
});

t.test('a swarm follows from its blob', async (t) => {
  const blobId = parseBlobId('ab'.repeat(32));
  // Written down: an id that changes would cut a cluster of two releases into two.
  t.equal(swarmIdOf(blobId), '8e59a53a4db1ad95317415c4164766e9f4870ff2');
  t.not(swarmIdOf(blobId), swarmIdOf(parseBlobId('cd'.repeat(32))));
});

t.test('what is no name or id is refused', async (t) => {
  for (const name of ['', '-a', 'a b', 'a/b', 'é', 'a'.repeat(254), 'a\n']) {
    t.throws(() => parseHostName(name), { code: 'ERR_P2P_HOST_NAME' });
  }
  for (const id of ['', 'xyz', 'A'.repeat(40), 'a'.repeat(41)]) {
    t.throws(() => parsePeerId(id), { code: 'ERR_P2P_PEER_ID' });
  }
});
