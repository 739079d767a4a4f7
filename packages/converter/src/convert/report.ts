/** The report of a finished conversion: what `--output-json` holds. */
import { VERSION } from '@shoal/errors/version';
import type { Descriptor } from '@shoal/oci';
import { formatReference } from '@shoal/oci';
import type { ConvertReport, ManifestReport } from './convert-options.ts';
import type { ConvertSettings } from './convert-settings.ts';
import { zstdVersion } from './zstd-version.ts';

export type ReportInput = {
  readonly settings: ConvertSettings;
  readonly published: Descriptor;
  readonly manifests: readonly ManifestReport[];
  readonly warnings: readonly string[];
  readonly durationMs: number;
};

export function convertReport(input: ReportInput): ConvertReport {
  const layers = input.manifests.flatMap((manifest) => manifest.layers);
  const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
  const sourceBytes = sum(layers.map((layer) => layer.sourceBytes));
  const bootstrapBytes = sum(input.manifests.map((manifest) => manifest.bootstrapLayerBytes));
  const targetBytes = sum(layers.map((layer) => layer.blobBytes)) + bootstrapBytes;
  return {
    shoal: VERSION,
    zstd: zstdVersion(),
    source: formatReference(input.settings.source),
    target: formatReference(input.settings.target),
    digest: input.published.digest,
    mediaType: input.published.mediaType,
    manifests: input.manifests,
    sourceBytes,
    targetBytes,
    ratio: sourceBytes === 0 ? 0 : Number((targetBytes / sourceBytes).toFixed(4)),
    warnings: input.warnings,
    durationMs: Math.round(input.durationMs),
  };
}
