/**
 * One question to the Kubernetes API: which labels the node of this pod has. Redirects are not followed, so that
 * the token goes nowhere else; what is answered is bounded, and only its labels are looked at.
 */
import { errorCode } from '@shoal/errors';
import * as z from 'zod';
import { NodeLabelsError } from '../errors.ts';
import { NODE_ANSWER_BYTES_MAX } from '../limits.ts';
import { secureRequest } from '../node-http.ts';
import type { ServiceAccount } from './service-account.ts';

/** The metadata alone, where the server can; it leaves out images and conditions, most of a node. */
const ACCEPT = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1, application/json';
const ALLOW =
  'let the service account of the pod get nodes: a ClusterRole with resources [nodes], verbs [get], bound to it';

const answerSchema = z.object({
  metadata: z.object({ labels: z.record(z.string(), z.string()).optional() }),
});

export type NodeLabels = ReadonlyMap<string, string>;

type Answer = { readonly status: number; readonly body: Buffer };

/** Throws `ERR_NODE_LABELS`; whether another try may help is on the error. */
export async function askForLabels(
  account: ServiceAccount,
  signal: AbortSignal,
): Promise<NodeLabels> {
  const { status, body } = await exchange(account, signal).catch((error: unknown) => {
    throw error instanceof NodeLabelsError ? error : unreachable(account, error, signal.aborted);
  });
  if (status !== 200) throw refused(account, status);
  return labelsIn(body);
}

function exchange(account: ServiceAccount, signal: AbortSignal): Promise<Answer> {
  const { host, port, nodeName, authority, token } = account;
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const request = secureRequest(
    {
      ...{ host, port, method: 'GET', path: `/api/v1/nodes/${nodeName}`, ca: authority },
      headers: { accept: ACCEPT, authorization: `Bearer ${token}` },
      // One question, one connection.
      ...{ agent: false, signal },
    },
    (response) => {
      const parts: Buffer[] = [];
      let length = 0;
      response.on('data', (part: Buffer) => {
        length += part.length;
        if (length <= NODE_ANSWER_BYTES_MAX) parts.push(part);
        else request.destroy(tooLong());
      });
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts) }),
      );
    },
  );
  request.on('error', reject);
  request.end();
  return promise;
}

function labelsIn(body: Buffer): NodeLabels {
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch {
    throw notANode();
  }
  const parsed = answerSchema.safeParse(value);
  if (!parsed.success) throw notANode();
  return new Map(Object.entries(parsed.data.metadata.labels ?? {}));
}

function notANode(): NodeLabelsError {
  return new NodeLabelsError('the Kubernetes API answered with something else than a node', {
    remedy: 'see what answers at KUBERNETES_SERVICE_HOST',
  });
}

function tooLong(): NodeLabelsError {
  return new NodeLabelsError(
    `the Kubernetes API answered with more than ${NODE_ANSWER_BYTES_MAX} bytes`,
    { remedy: 'see what answers at KUBERNETES_SERVICE_HOST' },
  );
}

/** The body of a refusal is not passed on: who answers is not known to be the API. */
function refused({ nodeName }: ServiceAccount, status: number): NodeLabelsError {
  const said = `the Kubernetes API answered ${status} to the question for node ${nodeName}`;
  if (status === 403) return new NodeLabelsError(said, { remedy: ALLOW });
  if (status === 404) {
    return new NodeLabelsError(said, {
      remedy: 'have the pod set NODE_NAME from the field spec.nodeName, not from its host name',
    });
  }
  return new NodeLabelsError(said, {
    retryable: status === 401 || status === 429 || status >= 500,
    remedy: "see the API server's log, then restart the daemon",
  });
}

function unreachable(
  { host, port }: ServiceAccount,
  cause: unknown,
  isLate: boolean,
): NodeLabelsError {
  const why = isLate ? 'it did not answer in time' : (errorCode(cause) ?? String(cause));
  return new NodeLabelsError(`the Kubernetes API at ${host} port ${port} was not reached: ${why}`, {
    ...{ retryable: true, cause },
    remedy: 'see whether a NetworkPolicy or firewall is between, then restart the daemon',
  });
}
