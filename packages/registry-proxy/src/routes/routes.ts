/** Which route answers which request. */
import type { Refusal } from '../answer/refusal.ts';
import type { Reply } from '../answer/reply.ts';
import type { BlobSender } from '../blobs/blob-sender.ts';
import type { Memories } from '../memories.ts';
import type { ProxyRequest } from '../request/proxy-request.ts';
import type { RoutedTarget } from '../request/target.ts';
import { BlobRoute } from './blob-route.ts';
import { ListRoute } from './list-route.ts';
import { ManifestRoute } from './manifest-route.ts';
import { answerPing, sendYes } from './ping-route.ts';

export class Routes {
  readonly #manifests: ManifestRoute;
  readonly #blobs: BlobRoute;
  readonly #lists: ListRoute;
  readonly #upstreamCount: number;

  constructor(memories: Memories, sender: BlobSender, upstreamCount: number) {
    this.#manifests = new ManifestRoute(memories);
    this.#blobs = new BlobRoute(memories, sender);
    this.#lists = new ListRoute(memories);
    this.#upstreamCount = upstreamCount;
  }

  /** No upstream is meant: only the question whether there is a registry can be answered. */
  refuseRoute(target: RoutedTarget, refused: Refusal, reply: Reply): void {
    const isUnnamed =
      target.kind === 'ping' && target.authority === undefined && !target.query.has('ns');
    if (isUnnamed) sendYes(reply);
    else reply.refuse(refused);
  }

  answer(request: ProxyRequest, target: RoutedTarget, reply: Reply): Promise<void> {
    switch (target.kind) {
      case 'ping':
        return answerPing(request, this.#upstreamCount, reply);
      case 'manifests':
        return this.#manifests.answer(request, target.reference, reply);
      case 'blobs':
        return this.#blobs.answer(request, target.digest, reply);
      case 'tags':
        return this.#lists.answerTags(request, target.query, reply);
      case 'referrers':
        return this.#lists.answerReferrers(request, target.digest, target.query, reply);
    }
  }
}
