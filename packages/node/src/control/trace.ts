/** Finds what a trace is asked of: a mountpoint, or an image by any of its names. */
import type { LazyImages, MountService, MountTrace } from '@shoal/snapshotter';
import { NotTracedError } from '../errors.ts';
import type { TraceRequest } from './control-protocol.ts';

export type TraceSources = { readonly service: MountService; readonly lazy: LazyImages };

/** @throws NotTracedError */
export function traceOf(
  { names }: TraceRequest,
  { service, lazy }: TraceSources,
): readonly MountTrace[] {
  const wanted = new Set(names);
  for (const { imageRef, converted, mountpoint } of lazy.status().lazy) {
    if (names.includes(imageRef) || names.includes(converted)) wanted.add(mountpoint);
  }
  const traces = service.traces(wanted);
  if (traces.length === 0) throw new NotTracedError(names[0] ?? '');
  return traces;
}
