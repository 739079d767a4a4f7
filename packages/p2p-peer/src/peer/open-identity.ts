/** Who this host is among the others, and the trackers that it asks as that. */
import { formatHostPort } from '@shoal/oci/host-port';
import type { HostFacts } from '../identity/host.ts';
import { TrackerClient } from '../tracker/client/tracker-client.ts';
import type { PeerComponents, PeerOptions } from './peer-options.ts';
import { PeerTrust } from './peer-trust.ts';

export async function openIdentity(
  { identityDirectory, tokenKeysFile, trackers: addresses, advertise, zone, rack }: PeerOptions,
  { onProblem = () => undefined }: PeerComponents,
  opened: AsyncDisposableStack,
  port: { readonly value: number },
) {
  // The trackers are asked with the identity that is opened here.
  let trackers: TrackerClient | undefined;
  const trust = await PeerTrust.open({
    directory: identityDirectory,
    tokenKeysFile,
    fetchToken: async () => await trackers?.fetchToken(),
    onProblem,
  });
  opened.use(trust);
  const self: HostFacts = {
    ...{ host: trust.host, role: trust.role, zone, rack },
    get address() {
      const { host } = advertise;
      return formatHostPort({ host, port: advertise.port === 0 ? port.value : advertise.port });
    },
  };
  const { files, token } = trust;
  trackers = opened.use(
    new TrackerClient({ trackers: addresses, identity: files, own: () => self, token, onProblem }),
  );
  return { trust, trackers, self };
}
