/** containerd's content store at its socket; gRPC is loaded when it is asked for the first time. */
import type { ContentStore } from '../images/content-store.ts';

/** `address` is the path of containerd's socket. */
export function containerdContent(address: string): ContentStore {
  return {
    findImage: async (namespace, blobIds, signal) => {
      const { ContainerdContent } = await import('./content-client.ts');
      return new ContainerdContent(address).findImage(namespace, blobIds, signal);
    },
    findLayer: async (namespace, isIt, signal) => {
      const { ContainerdContent } = await import('./content-client.ts');
      return new ContainerdContent(address).findLayer(namespace, isIt, signal);
    },
  };
}
