/** The chart as helm renders it with some values, and what a pod of it finds in its file system. */
import { cpSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CommandResult, type HelmJudge, runCommand } from '@shoal/test-kit';
import { parseAllDocuments } from 'yaml';
import * as z from 'zod';
import { root } from './source-files.ts';

export const CHART = join(root, 'packaging/helm/shoal');
export const RELEASE = 'shoal';
export const NAMESPACE = 'images';
/** That of the schemas. */
export const KUBERNETES = '1.37.0';

const NOTES_AS_OBJECT = `kind: Notes
metadata: { name: notes }
data:
  notes: {{ tpl (.Files.Get "notes.txt") . | toJson }}
`;

const named = z.object({ key: z.string(), path: z.string() });
const items = z.array(named);
const volume = z.looseObject({
  name: z.string(),
  configMap: z.object({ name: z.string(), items }).optional(),
  secret: z.looseObject({ secretName: z.string(), items }).optional(),
  projected: z
    .looseObject({ sources: z.array(z.object({ secret: z.object({ name: z.string(), items }) })) })
    .optional(),
  csi: z.looseObject({ volumeAttributes: z.record(z.string(), z.string()) }).optional(),
  hostPath: z.object({ path: z.string(), type: z.string() }).optional(),
  emptyDir: z.looseObject({}).optional(),
});
const container = z.looseObject({
  args: z.array(z.string()),
  env: z.array(z.looseObject({ name: z.string(), value: z.string().optional() })).default([]),
  securityContext: z.looseObject({
    privileged: z.boolean().optional(),
    runAsUser: z.number().optional(),
    readOnlyRootFilesystem: z.boolean().optional(),
    capabilities: z.object({ drop: z.array(z.string()) }).optional(),
  }),
  volumeMounts: z.array(
    z.object({
      name: z.string(),
      mountPath: z.string(),
      readOnly: z.boolean().optional(),
      mountPropagation: z.string().optional(),
    }),
  ),
  ports: z.array(z.object({ name: z.string(), containerPort: z.number() })),
});
const podSpec = z.looseObject({
  automountServiceAccountToken: z.boolean(),
  hostNetwork: z.boolean().optional(),
  securityContext: z
    .looseObject({ runAsUser: z.number().optional(), fsGroup: z.number().optional() })
    .optional(),
  containers: z.tuple([container]),
  volumes: z.array(volume),
});
const workload = z.looseObject({
  replicas: z.number().optional(),
  template: z.looseObject({ spec: podSpec }),
  volumeClaimTemplates: z
    .array(z.looseObject({ metadata: z.looseObject({ name: z.string() }) }))
    .default([]),
});
const rendered = z.looseObject({
  kind: z.string(),
  metadata: z.looseObject({ name: z.string() }),
  data: z.record(z.string(), z.string()).optional(),
  spec: z.unknown().optional(),
});

export type Rendered = z.infer<typeof rendered>;
export type Workload = z.infer<typeof workload>;
export type Volume = z.infer<typeof volume>;

const WORKLOADS = ['DaemonSet', 'StatefulSet'];

export type Values = Readonly<Record<string, unknown>>;

/** What every rendering needs. */
export const LEAST: Values = {
  image: { repository: 'registry.example/shoal' },
  tokens: {
    publicKeys: '-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----\n',
  },
};

export class Chart {
  readonly #judge: HelmJudge;
  readonly #directory: string;
  #files = 0;

  /** `directory`: for files of values. */
  constructor(judge: HelmJudge, directory: string) {
    this.#judge = judge;
    this.#directory = directory;
  }

  /** The text, or what helm complains of. */
  async template(values: Values): Promise<CommandResult> {
    const options = ['--namespace', NAMESPACE, '--kube-version', KUBERNETES];
    return await this.#helm(['template', RELEASE, CHART, ...options], values);
  }

  async lint(values: Values): Promise<CommandResult> {
    return await this.#helm(['lint', '--strict', CHART], values);
  }

  /** What `helm install` would say, which `helm template` leaves out. */
  async notes(values: Values): Promise<string> {
    this.#files += 1;
    const copy = join(this.#directory, `chart-${this.#files}`);
    cpSync(CHART, copy, { recursive: true });
    renameSync(join(copy, 'templates/NOTES.txt'), join(copy, 'notes.txt'));
    writeFileSync(join(copy, 'templates/notes.yaml'), NOTES_AS_OBJECT);
    const options = ['--namespace', NAMESPACE, '--kube-version', KUBERNETES];
    const only = ['--show-only', 'templates/notes.yaml'];
    const { stdout } = await this.#helm(['template', RELEASE, copy, ...options, ...only], values);
    return objectsOf(stdout)[0]?.data?.['notes'] ?? '';
  }

  async #helm(argv: readonly string[], values: Values): Promise<CommandResult> {
    this.#files += 1;
    const file = join(this.#directory, `values-${this.#files}.json`);
    writeFileSync(file, JSON.stringify(values));
    const env = { PATH: process.env['PATH'], HOME: this.#directory };
    return await runCommand(this.#judge.helm, [...argv, '--values', file], { env });
  }
}

export function objectsOf(text: string): Rendered[] {
  return parseAllDocuments(text)
    .map((document): unknown => document.toJS())
    .filter((value) => value !== null)
    .map((value) => rendered.parse(value));
}

export function workloadsOf(objects: readonly Rendered[]): [string, Workload][] {
  return objects
    .filter(({ kind }) => WORKLOADS.includes(kind))
    .map(({ metadata, spec }) => [metadata.name, workload.parse(spec)]);
}

/** As the kubelet puts names of other variables in; what comes of fields is given. */
export function environmentOf(
  { template }: Workload,
  fields: Readonly<Record<string, string>>,
): Record<string, string> {
  const env: Record<string, string> = {};
  for (const { name, value } of template.spec.containers[0].env) {
    const text = value ?? fields[name] ?? '';
    env[name] = text.replaceAll(/\$\(([A-Z_]+)\)/g, (_, other: string) => env[other] ?? '');
  }
  return env;
}

/** Paths of the files, and of the directories that are the node's or the pod's own. */
export function pathsIn({ template, volumeClaimTemplates }: Workload): {
  readonly files: ReadonlySet<string>;
  readonly directories: readonly string[];
} {
  const { volumes, containers } = template.spec;
  const files = new Set<string>();
  const directories: string[] = [];
  for (const { name, mountPath, readOnly } of containers[0].volumeMounts) {
    const found = volumes.find((one) => one.name === name);
    const claimed = volumeClaimTemplates.some(({ metadata }) => metadata.name === name);
    if (found === undefined && !claimed) throw new Error(`no volume ${name} is mounted`);
    const paths = found === undefined ? undefined : filesOf(found);
    if (paths === undefined || readOnly !== true) directories.push(mountPath);
    else for (const path of paths) files.add(join(mountPath, path));
  }
  return { files, directories };
}

/** Undefined for a volume that somebody else fills. */
function filesOf(one: Volume): string[] | undefined {
  // What its driver writes, and what the node is asked for.
  if (one.csi !== undefined || one.hostPath !== undefined) {
    return one.hostPath?.type === 'DirectoryOrCreate'
      ? undefined
      : ['ca.crt', 'tls.crt', 'tls.key'];
  }
  const lists = [one.configMap?.items, one.secret?.items, ...projectedOf(one)];
  const all = lists.filter((list) => list !== undefined).flat();
  return all.length === 0 ? undefined : all.map(({ path }) => path);
}

function projectedOf({ projected }: Volume) {
  return (projected?.sources ?? []).map(({ secret }) => secret.items);
}
