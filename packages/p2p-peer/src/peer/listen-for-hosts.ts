/** The port where hosts come for blobs: which are shared with whom, and what is counted of those who are refused. */
import { errorCode } from '@shoal/errors';
import type { HostFacts } from '../identity/host.ts';
import type { ArrivalRefusal, PeerCounts } from '../peer-counts.ts';
import type { CompressedStore } from '../store/compressed-store.ts';
import { SizeQuestions } from '../swarm/said-size.ts';
import type { SwarmTable } from '../swarm/swarm-table.ts';
import { WireRefusedError, WireUntrustedError } from '../wire/errors.ts';
import type { AcceptBlob } from '../wire/handshakes/host-greeting.ts';
import { WireListener } from '../wire/handshakes/wire-listener.ts';
import type { PeerComponents, PeerOptions } from './peer-options.ts';
import type { PeerTrust } from './peer-trust.ts';

type ListenNeed = {
  readonly trust: PeerTrust;
  readonly self: HostFacts;
  readonly swarms: SwarmTable;
  readonly store: CompressedStore;
  readonly counts: PeerCounts;
  readonly nowMs: () => number;
};

export async function listenForHosts(
  { listenHost, port }: PeerOptions,
  { wireLog, onProblem, originOf }: PeerComponents,
  { trust, self, swarms, store, counts, nowMs }: ListenNeed,
): Promise<WireListener> {
  const questions = new SizeQuestions(nowMs);
  const accept: AcceptBlob = async (blob, { repository }) => {
    if (repository === undefined) return undefined;
    const { blobId, sizeBytes } = blob;
    const known = swarms.get(blobId) ?? store.facts(blobId);
    const isKnown = known?.sizeBytes === sizeBytes || store.isLent(blobId, sizeBytes);
    // A blob that is not known is of no use where nobody would fetch it for others. There a size that a
    // stranger names counts for nothing where another one is known, unless the origin says the same.
    const origin = originOf(repository, false)?.origin;
    if (!isKnown && origin === undefined) return undefined;
    const confirm = async () =>
      origin !== undefined && (await questions.ask(origin, repository, blob));
    try {
      return await swarms.use({ ...blob, confirm }, (swarm) => ({
        ...swarm.sharedWith(repository),
        onOpen: (wire) => swarm.wires.adopt(wire),
      }));
    } catch (error) {
      if (errorCode(error) === 'ERR_P2P_STORED_BLOB_SIZE') return undefined;
      throw error;
    }
  };
  return await WireListener.open({
    ...{ trust, self, accept, listenHost, port, log: wireLog },
    onRefused: (error) => {
      counts.arrivalRefused(arrivalRefusalOf(error));
      onProblem?.(error);
    },
  });
}

function arrivalRefusalOf(error: Error): ArrivalRefusal {
  if (error instanceof WireRefusedError) return 'unshared';
  return error instanceof WireUntrustedError && error.about === 'token' ? 'token' : 'handshake';
}
