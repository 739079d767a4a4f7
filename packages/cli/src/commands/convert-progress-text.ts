/** Numbers of a conversion's progress as people read them. */
import type { LayerReport } from '@shoal/converter';
import { formatBytes, formatDuration } from '../quantity-text.ts';

export type LayerState = {
  readonly layer: number;
  readonly layers: number;
  readonly name: string;
  readonly bytes: number;
  readonly bytesTotal: number | undefined;
  readonly seconds: number;
};

/** A layer on its way: bytes, rate, remaining time. */
export function formatLayerState(state: LayerState): string {
  const { bytes, bytesTotal, seconds } = state;
  const rate = seconds > 0 ? bytes / seconds : 0;
  const head = `layer ${state.layer + 1}/${state.layers} ${shortName(state.name)}`;
  const done =
    bytesTotal === undefined
      ? formatBytes(bytes)
      : `${formatBytes(bytes)} of ${formatBytes(bytesTotal)}`;
  const left =
    bytesTotal === undefined || rate === 0
      ? ''
      : `, ${formatDuration((bytesTotal - bytes) / rate)} left`;
  return `${head}: ${done}, ${formatBytes(rate)}/s${left}`;
}

/** A finished layer on one line. */
export function formatLayerDone(layer: number, layers: number, report: LayerReport): string {
  const head = `layer ${layer + 1}/${layers} ${shortName(report.sourceDigest)}`;
  if (report.origin === 'build-cache') return `${head}: unchanged, from the build cache`;
  const seconds = Math.max(report.durationMs / 1000, 0.001);
  const sizes = `${formatBytes(report.sourceBytes)} -> ${formatBytes(report.blobBytes)}`;
  const deduped =
    report.dedupedBytes > 0 ? `, ${formatBytes(report.dedupedBytes)} deduplicated` : '';
  return `${head}: ${sizes}${deduped}, ${formatBytes(report.sourceBytes / seconds)}/s`;
}

function shortName(name: string): string {
  return /^sha(?:256|512):/.test(name) ? name.slice(name.indexOf(':') + 1).slice(0, 12) : name;
}
