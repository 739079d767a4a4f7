/**
 * `shoal convert` as a function: from a source image to a published, read-back converted image.
 */
import type { ConvertOptions, ConvertReport } from './convert-options.ts';

/** Converts `source` into `target`; the tag is written last, after everything was read back. */
export function convertImage(options: ConvertOptions): Promise<ConvertReport> {
  return Promise.reject(new TypeError(`not there yet: ${options.source.kind}`));
}
