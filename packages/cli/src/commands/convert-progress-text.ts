/** Numbers of a conversion's progress as people read them. */
import type { LayerReport } from '@shoal/converter';

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** `1.4 MiB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

/** `1:05` or `2:00:01`. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const pad = (number: number) => String(number).padStart(2, '0');
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  const rest = `${pad(whole % 60)}`;
  return hours > 0 ? `${hours}:${pad(minutes)}:${rest}` : `${minutes}:${rest}`;
}

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
  const deduped = report.dedupedBytes > 0 ? `, ${formatBytes(report.dedupedBytes)} known` : '';
  return `${head}: ${sizes}${deduped}, ${formatBytes(report.sourceBytes / seconds)}/s`;
}

function shortName(name: string): string {
  return /^sha(?:256|512):/.test(name) ? name.slice(name.indexOf(':') + 1).slice(0, 12) : name;
}
