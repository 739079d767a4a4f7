/** What of the control socket gives programs of this host whole blobs, through its peers. */
import { NotSharingError } from '../errors.ts';
import type { HostPeer } from '../peers/open-host-peer.ts';
import { checkBody } from './control-errors.ts';
import {
  askedBlobSchema,
  askedRangeSchema,
  CONTROL_PATH,
  FETCHED_HEADER,
  type SharingAnswer,
} from './control-protocol.ts';
import { BytesAnswer, type Routes } from './control-server.ts';

export function blobRoutes({ peer }: { readonly peer: HostPeer | undefined }): Routes {
  return {
    [`GET ${CONTROL_PATH.sharing}`]: async (): Promise<SharingAnswer> => ({
      isSharing: peer !== undefined,
    }),
    [`POST ${CONTROL_PATH.blobRead}`]: async (body, signal) => {
      const range = checkBody(askedRangeSchema, body, 'blob');
      const { bytes, fetched } = await sharing(peer).read(range, signal);
      return new BytesAnswer(bytes, { [FETCHED_HEADER]: JSON.stringify(fetched) });
    },
    [`POST ${CONTROL_PATH.blobRefute}`]: async (body) => {
      sharing(peer).refute(checkBody(askedBlobSchema, body, 'blob'));
      return {};
    },
  };
}

function sharing(peer: HostPeer | undefined): HostPeer['blobs'] {
  if (peer === undefined) throw new NotSharingError();
  return peer.blobs;
}
