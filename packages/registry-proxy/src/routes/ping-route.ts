/**
 * `GET /v2/`: whether there is a registry, and how it wants to be asked. Docker learns here which token
 * service to use, so the challenge of an upstream that sees the clients' own credentials is passed on.
 */
import type { Reply } from '../answer/reply.ts';
import type { ProxyRequest } from '../request/proxy-request.ts';
import { passedOn } from '../upstream/passed-on.ts';

/** podman, skopeo, CRI-O: they name the upstream by a path only, which a ping does not have. */
const PATH_CLIENTS = /^(?:containers|skopeo|podman|buildah|cri-o)\//i;

export async function answerPing(
  request: ProxyRequest,
  upstreamCount: number,
  reply: Reply,
): Promise<void> {
  const { upstream, route, via, caller } = request;
  const isGuess = route.namedBy === undefined && upstreamCount > 1;
  // One upstream's challenge would have them send its token to all the others.
  const isUseless = isGuess && PATH_CLIENTS.test(request.userAgent);
  if (upstream.mode !== 'challenge' || isUseless) return sendYes(reply);
  try {
    const asked = { method: 'GET', path: '', repository: undefined, headers: via } as const;
    const document = await upstream.ask(asked, caller);
    if (document.status === 401 || document.status === 403) return reply.refuse(passedOn(document));
  } catch {
    // The proxy is there, and an upstream that fails will be heard of with what is asked of it.
  }
  sendYes(reply);
}

export function sendYes(reply: Reply): void {
  const headers = { 'content-type': 'application/json' };
  reply.send({ status: 200, headers }, undefined, Buffer.from('{}'));
}
