/** Miss policies as text, the same in options and in the configuration: `wait`, `fail`, `30s`. */
import type { MissPolicy } from '@shoal/snapshotter';
import { MISS_DEADLINE_MS_MAX } from '@shoal/snapshotter/client';

export const MISS_POLICY_HELP = "'wait', 'fail', or a deadline such as '500ms', '30s', '5m'";

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Undefined when the text is none. */
export function parseMissPolicy(text: string): MissPolicy | undefined {
  if (text === 'wait' || text === 'fail') return { kind: text };
  const match = /^([0-9]{1,9})(ms|s|m|h)$/.exec(text);
  if (match === null) return undefined;
  const timeoutMs = Number(match[1]) * (UNIT_MS[match[2] ?? ''] ?? 0);
  if (timeoutMs < 1 || timeoutMs > MISS_DEADLINE_MS_MAX) return undefined;
  return { kind: 'deadline', timeoutMs };
}
