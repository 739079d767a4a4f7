/**
 * Compares manifests and configurations. What a conversion changes by design (layers, diff ids,
 * Nydus annotations, the history entry of the bootstrap, the document types) is listed, not
 * reported; everything else has to be the same.
 */
import { isDeepStrictEqual } from 'node:util';
import type { ImageConfig, ImageManifest } from '@shoal/oci';
import { ownSteps } from '../image/added-history.ts';
import type { OpenedImage } from '../image/open-image.ts';
import type { AllowedChange } from './check-report.ts';
import type { DifferenceList } from './difference-list.ts';

const NYDUS_PREFIX = 'containerd.io/snapshot/';
const SHOWN_LENGTH_MAX = 200;

/** Fields of a manifest that a conversion writes anew. */
const MANIFEST_CHANGES: Readonly<Record<string, string>> = {
  mediaType: 'Docker manifests become OCI manifests',
  layers: 'data blobs and a bootstrap take the place of the layers',
  config: 'the configuration lists other layers',
  subject: 'a converted image may name its original',
  artifactType: 'a converted image may be marked as one',
};

type Fields = Readonly<Record<string, unknown>>;

/** Compares both documents of two images; gives what differs by design. */
export function compareDocuments(
  source: OpenedImage,
  target: OpenedImage,
  differences: DifferenceList,
): AllowedChange[] {
  const allowed: AllowedChange[] = [];
  const isConversion = source.kind !== target.kind;
  compareManifests(source.facts.manifest, target.facts.manifest, differences, allowed);
  compareConfigs(source.facts.config, target.facts.config, isConversion, differences, allowed);
  return allowed;
}

function compareManifests(
  source: ImageManifest,
  target: ImageManifest,
  differences: DifferenceList,
  allowed: AllowedChange[],
): void {
  for (const [key, a, b] of differingFields(source, target)) {
    if (key === 'annotations') continue;
    const reason = MANIFEST_CHANGES[key];
    if (reason !== undefined) allowed.push({ scope: 'manifest', path: key, reason });
    else addDifference(differences, 'manifest', key, a, b);
  }
  for (const [key, a, b] of differingFields(source.annotations, target.annotations)) {
    const path = `annotations.${key}`;
    if (key.startsWith(NYDUS_PREFIX)) {
      allowed.push({ scope: 'manifest', path, reason: 'an annotation of converted images' });
    } else addDifference(differences, 'manifest', path, a, b);
  }
}

function compareConfigs(
  source: ImageConfig,
  target: ImageConfig,
  isConversion: boolean,
  differences: DifferenceList,
  allowed: AllowedChange[],
): void {
  for (const [key, a, b] of differingFields(source, target)) {
    if (key === 'rootfs') {
      allowed.push({ scope: 'config', path: key, reason: 'the layers are others' });
    } else if (key === 'history' && hasSameSteps(source, target)) {
      const reason = isConversion
        ? 'the bootstrap layer has an entry of its own'
        : 'layers and history entries are counted differently';
      allowed.push({ scope: 'config', path: key, reason });
    } else if (key === 'config') compareRuntime(source, target, differences);
    else addDifference(differences, 'config', key, a, b);
  }
}

/** What a runtime reads (Env, Cmd, ...), field by field. */
function compareRuntime(source: ImageConfig, target: ImageConfig, differences: DifferenceList) {
  for (const [key, a, b] of differingFields(source.config, target.config)) {
    addDifference(differences, 'config', `config.${key}`, a, b);
  }
}

/** The same steps, apart from which of them made a layer and from those that tools added. */
function hasSameSteps(source: ImageConfig, target: ImageConfig): boolean {
  const steps = ({ history }: ImageConfig) =>
    ownSteps(history).map(({ empty_layer: _, ...step }) => step);
  return isDeepStrictEqual(steps(source), steps(target));
}

/** With both values, by name. */
function* differingFields(
  a: Fields = {},
  b: Fields = {},
): Generator<readonly [name: string, a: unknown, b: unknown]> {
  for (const name of [...new Set([...Object.keys(a), ...Object.keys(b)])].sort()) {
    if (!isDeepStrictEqual(a[name], b[name])) yield [name, a[name], b[name]];
  }
}

function addDifference(
  differences: DifferenceList,
  scope: 'manifest' | 'config',
  path: string,
  source: unknown,
  target: unknown,
): void {
  const attribute = 'value';
  differences.add({ scope, path, attribute, source: shown(source), target: shown(target) });
}

function shown(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  const text = JSON.stringify(value);
  return text.length > SHOWN_LENGTH_MAX ? `${text.slice(0, SHOWN_LENGTH_MAX)}...` : text;
}
