/** The policy of cache collection as the configuration has it. */
import type { NodeConfig } from '../config/config.ts';
import type { CollectionPolicy } from './collection-policy.ts';

const DAY_MS = 86_400_000;

export function policyOf(config: NodeConfig): CollectionPolicy {
  const days = config.cacheUnusedDaysMax;
  return {
    highBytes: config.cacheBytesMax,
    lowBytes: config.cacheBytesLow,
    highPercent: config.cacheHighPercent,
    lowPercent: config.cacheLowPercent,
    unusedMsMax: days === undefined ? undefined : days * DAY_MS,
  };
}
