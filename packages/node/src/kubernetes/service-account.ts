/**
 * What a pod is given to ask the Kubernetes API with: the API's address by the environment, its authority and a
 * token by files, which the kubelet writes anew while the pod runs, and by the downward API its node's name.
 */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '@shoal/errors';
import { NodeLabelsError } from '../errors.ts';
import { SERVICE_ACCOUNT_FILE_BYTES_MAX } from '../limits.ts';

const DIRECTORY = '/var/run/secrets/kubernetes.io/serviceaccount';
/** Of an object of Kubernetes: it becomes a part of a path, so nothing else may. */
const NODE_NAME = /^[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?$/;
/** What may stand in a header. The text of a wrong one is in no message. */
const TOKEN = /^[\x21-\x7e]+$/;
const PORT = /^\d{1,5}$/;

export type ServiceAccount = {
  readonly host: string;
  readonly port: number;
  readonly nodeName: string;
  /** PEM. */
  readonly authority: string;
  readonly token: string;
};

export type PodSurroundings = {
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** @default where Kubernetes mounts it */
  readonly directory?: string | undefined;
};

/** Reads it as it is now. Throws `ERR_NODE_LABELS` where something of it is not there. */
export async function readServiceAccount(pod: PodSurroundings = {}): Promise<ServiceAccount> {
  const { env = process.env, directory = DIRECTORY } = pod;
  const host = env['KUBERNETES_SERVICE_HOST'] ?? '';
  const port = env['KUBERNETES_SERVICE_PORT'] ?? '443';
  const nodeName = env['NODE_NAME'] ?? '';
  if (host === '' || !PORT.test(port)) {
    throw new NodeLabelsError('this process is in no pod of Kubernetes', {
      remedy:
        'leave node_labels out and give zone and rack, or set KUBERNETES_SERVICE_HOST and _PORT',
    });
  }
  if (!NODE_NAME.test(nodeName)) {
    throw new NodeLabelsError('NODE_NAME does not name a node', {
      remedy: 'have the pod set NODE_NAME from the field spec.nodeName',
    });
  }
  const [authority, text] = await Promise.all(
    ['ca.crt', 'token'].map((name) => readSmall(join(directory, name))),
  );
  const token = (text ?? '').trim();
  if (!TOKEN.test(token)) {
    throw new NodeLabelsError(`${join(directory, 'token')} holds no token`, { remedy: MOUNT_IT });
  }
  return { host, port: Number(port), nodeName, authority: authority ?? '', token };
}

const MOUNT_IT = 'give the pod a service account and automountServiceAccountToken: true';

async function readSmall(file: string): Promise<string> {
  const buffer = Buffer.alloc(SERVICE_ACCOUNT_FILE_BYTES_MAX);
  try {
    await using opened = await open(file, 'r');
    const { bytesRead } = await opened.read(buffer, 0, buffer.length, 0);
    return buffer.toString('latin1', 0, bytesRead);
  } catch (error) {
    throw new NodeLabelsError(`${file} cannot be read: ${errorCode(error) ?? String(error)}`, {
      remedy: MOUNT_IT,
      cause: error,
    });
  }
}
