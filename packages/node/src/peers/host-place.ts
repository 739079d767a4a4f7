/**
 * Where this host stands: what the configuration says, and before it what the labels of its Kubernetes node say,
 * where the configuration names them. Labels that cannot be read keep no daemon from starting.
 */
import { ShoalError } from '@shoal/errors';
import { errorFields } from '@shoal/snapshotter';
import type { PeerConfig } from '../config/peer-config.ts';
import { NodeLabelsError } from '../errors.ts';
import type { NodeLabelsOptions } from '../kubernetes/node-labels.ts';
import type { NodeLabels } from '../kubernetes/node-request.ts';
import { LABEL_VALUE_LENGTH_MAX } from '../limits.ts';
import type { Log } from '../log/log.ts';

export type HostPlace = { readonly zone: string; readonly rack: string };

type Placed = Pick<PeerConfig, 'zone' | 'rack' | 'nodeLabels'>;

/** Takes as long as the labels may, `NODE_LABELS_MS_MAX`. */
export async function hostPlace(
  { zone, rack, nodeLabels }: Placed,
  log: Pick<Log, 'info' | 'warn'>,
  options: NodeLabelsOptions = {},
): Promise<HostPlace> {
  const configured = { zone, rack };
  if (nodeLabels === undefined) return configured;
  try {
    const { readNodeLabels } = await import('../kubernetes/node-labels.ts');
    const labels = await readNodeLabels(options);
    const place = {
      zone: labelled(labels, nodeLabels.zone, log) ?? zone,
      rack: labelled(labels, nodeLabels.rack, log) ?? rack,
    };
    log.info({ event: 'node-labels', ...place }, 'the labels of the node were read');
    return place;
  } catch (error) {
    log.warn(
      { event: 'node-labels-unread', ...configured, ...adviceOf(error) },
      'the labels of the node were not read: this host is where its configuration says',
    );
    return configured;
  }
}

/** Undefined where it has no such label, or nobody asked for one. */
function labelled(
  labels: NodeLabels,
  name: string | undefined,
  log: Pick<Log, 'warn'>,
): string | undefined {
  if (name === undefined) return undefined;
  const value = labels.get(name) ?? '';
  if (value !== '' && value.length <= LABEL_VALUE_LENGTH_MAX) return value;
  const missing = new NodeLabelsError(`the node has no label ${name}`, {
    remedy: `kubectl label node NODE ${name}=..., then restart the daemon; or take another label`,
  });
  log.warn(
    { event: 'node-label-missing', ...adviceOf(missing) },
    'the node lacks a label: this host is where its configuration says',
  );
  return undefined;
}

function adviceOf(error: unknown) {
  const remedy = error instanceof ShoalError ? error.remedy : undefined;
  return { ...errorFields(error), remedy };
}
