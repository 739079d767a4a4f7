/** The lazy part of a service that knows ordinary images only. */
import type { LazyLayers } from '../../src/snapshots/lazy-layers.ts';

export const noLazyImages: LazyLayers = {
  decide: async () => ({ kind: 'unpack' }),
  committing: async ({ mark }) => mark,
  committed: () => {},
  lower: async () => undefined,
  usage: async () => undefined,
  removed: async () => {},
  restored: async () => {},
};
