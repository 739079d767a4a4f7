/**
 * The chart: rendered by helm with several sets of values, compared with the schemas of Kubernetes, its
 * configuration read by the daemon's own reader, and every file that it names looked for in the pods.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeConfig } from '@shoal/node';
import { requireHelm, runCommand, temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { parse } from 'yaml';
import {
  CHART,
  Chart,
  environmentOf,
  KUBERNETES,
  LEAST,
  NAMESPACE,
  objectsOf,
  pathsIn,
  type Rendered,
  type Values,
  type Workload,
  workloadsOf,
} from '../support/rendered-chart.ts';
import { SHOAL } from '../support/shoal-command.ts';
import { root } from '../support/source-files.ts';
import { CASES } from './support/chart-values.ts';
import { SCHEMA_FILE, writeSchemas } from './support/kubernetes-schemas.ts';

const FIELDS = { POD_NAME: 'shoal-seeds-1', SHOAL_PEER_ZONE: 'zone-a' };
const ADDRESSES = { IPv4: '10.0.0.7', IPv6: 'fd00::7' };

t.setTimeout(300_000);

const directory = temporaryDirectory(t);
const judge = requireHelm(t);

if (judge !== undefined) {
  const chart = new Chart(judge, directory);
  const schemas = join(directory, 'schemas');
  writeSchemas(judge.schemas, schemas);
  const conform = async (name: string, text: string) => {
    const file = join(directory, 'rendered.yaml');
    writeFileSync(file, text);
    const location = join(schemas, SCHEMA_FILE);
    const options = ['-strict', '-kubernetes-version', KUBERNETES, '-schema-location', location];
    const { exitCode, stdout, stderr } = await runCommand(judge.kubeconform, [...options, file]);
    return { isRight: exitCode === 0, said: `${name}: ${stdout}${stderr}` };
  };

  for (const [name, values] of Object.entries(CASES)) {
    t.test(name, async (t) => {
      const all = { ...LEAST, ...values };
      const linted = await chart.lint(all);
      t.equal(linted.exitCode, 0, linted.stdout + linted.stderr);
      const { exitCode, stdout, stderr } = await chart.template(all);
      t.equal(exitCode, 0, stderr);
      const { isRight, said } = await conform(name, stdout);
      t.ok(isRight, said);
      const objects = objectsOf(stdout);
      for (const [workload, spec] of workloadsOf(objects)) {
        t.same(missingFiles(spec, configOf(objects, spec)), [], `${workload}: all files are there`);
        t.equal(
          spec.template.spec.automountServiceAccountToken,
          name === 'labels of nodes' && workload !== 'shoal-tracker',
          `${workload}: the token of its account`,
        );
        t.equal(
          spec.template.spec.containers[0].securityContext.privileged ?? false,
          isPrivileged(name, workload),
        );
      }
    });
  }

  t.test('the judge finds what is wrong', async (t) => {
    const values = { ...LEAST, ...CASES['certificates of cert-manager'] };
    const { stdout } = await chart.template(values);
    for (const [right, wrong] of [
      ['secretName: shoal-ca', 'secretNaem: shoal-ca'],
      ['renewBefore: 720h', 'renewBefore: 720'],
      ['hostNetwork: true', 'hostNetwerk: true'],
      ['containerPort: 4020', 'containerPort: many'],
      ['mountPath: /tmp', 'mountPoint: /tmp'],
      ['clusterIP: None', 'clusterIp: None'],
    ] as const) {
      t.ok(stdout.includes(right));
      const { isRight } = await conform(wrong, stdout.replace(right, wrong));
      t.notOk(isRight, wrong);
    }
  });

  t.test('values that could not work are refused', async (t) => {
    for (const [values, message] of [
      [{}, /image\.repository|publicKeys/],
      [{ ...LEAST, image: {} }, /image\.repository: no registry has an image/],
      [{ ...LEAST, tracker: { enabled: false } }, /set discovery\.enabled/],
      [{ ...LEAST, nodes: { identity: { source: 'csi' } } }, /set certManager\.enabled/],
      [
        { ...LEAST, ...CASES['an issuer that is there'], nodes: { identity: { source: 'csi' } } },
        /csi with a ClusterIssuer.*a seed's too.*approver-policy/s,
      ],
      [{ ...LEAST, tracker: { plainTokenSecret: 'plain' } }, /plainPort is 0/],
      [{ ...LEAST, seeds: { replica: 3 } }, /replica/],
      [{ ...LEAST, nodes: { pools: [] } }, /pools/],
      [{ ...LEAST, nodes: { mode: 'both' } }, /mode/],
      [{ ...LEAST, tracker: { grants: ['everything'] } }, /grants/],
      [{ ...LEAST, nodeLabels: { zone: 'a b' } }, /nodeLabels/],
    ] as const) {
      const { exitCode, stderr } = await chart.template(values);
      t.not(exitCode, 0);
      t.match(stderr, message);
    }
  });

  t.test('its notes name the command that says what runtimes are told', async (t) => {
    const values = { ...LEAST, nodes: { proxy: { port: 4100, upstreams: [{ name: 'ghcr.io' }] } } };
    const notes = await chart.notes(values);
    const [, command = ''] = / -- shoal (proxy [^\n]*)/.exec(notes) ?? [];
    const { stdout } = await runCommand(SHOAL, command.split(' '));
    t.match(stdout, '# /etc/containerd/certs.d/ghcr.io/hosts.toml');
    t.match(stdout, '[host."http://127.0.0.1:4100"]');
    t.notMatch(notes, 'WARNING');
    const other = { ...LEAST, nodes: { mode: 'snapshotter' }, tracker: { enabled: false } };
    t.match(await chart.notes({ ...other, discovery: { enabled: true } }), /WARNING.*\n.*Drain/);
    const issuer = { ...LEAST, ...CASES['an issuer that is there'] };
    t.match(await chart.notes(issuer), /WARNING: ours is a ClusterIssuer/);
  });

  t.test('the plain port is reached by those who are named, with the token', async (t) => {
    const policyOf = async (values: Values) => {
      const { stdout } = await chart.template({ ...LEAST, ...values });
      const policies = objectsOf(stdout).filter(({ kind }) => kind === 'NetworkPolicy');
      const policy = policies.find(({ metadata }) => metadata.name === 'shoal-tracker');
      return { policy: JSON.stringify(policy), stdout };
    };
    const closed = await policyOf({ tracker: { plainPort: 6969 } });
    t.match(closed.policy, '"port":"tracker"');
    t.notMatch(closed.policy, '"port":"plain"');
    t.notMatch(closed.stdout, '--plain-token');
    const open = await policyOf(CASES['all that there is'] ?? {});
    t.match(open.policy, '{"from":[{"ipBlock":{"cidr":"0.0.0.0/0"}}],"ports":[{"port":"plain"');
    t.match(open.stdout, /--plain-token\n\s+- \/etc\/shoal\/plain\/plain-token/);
  });

  t.test('labels of nodes: who may read them, and what pods are told', async (t) => {
    const labels = { rack: 'example.com/rack' };
    const { stdout } = await chart.template({ ...LEAST, nodeLabels: labels });
    const objects = objectsOf(stdout);
    const of = (kind: string) => objects.find((one) => one.kind === kind);
    t.same(of('ClusterRole')?.['rules'], [
      { apiGroups: [''], resources: ['nodes'], verbs: ['get'] },
    ]);
    t.match(of('ClusterRoleBinding'), {
      roleRef: { name: of('ClusterRole')?.metadata.name },
      subjects: [{ name: of('ServiceAccount')?.metadata.name, namespace: NAMESPACE }],
    });
    const sets = new Map(workloadsOf(objects));
    for (const name of ['shoal-seeds', 'shoal-node-all']) {
      const set = workloadOf(sets, name);
      t.same(configOf(objects, set)?.peer?.nodeLabels, labels);
      const [{ env }] = set.template.spec.containers;
      const told = env.find((one) => one.name === 'NODE_NAME');
      t.match(told, { valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } });
    }
    t.match(await chart.notes({ ...LEAST, nodeLabels: labels }), 'node-labels-unread');
    const without = (await chart.template(LEAST)).stdout;
    t.notMatch(without, /ClusterRole|NODE_NAME|node_labels|automountServiceAccountToken: true/);
  });

  t.test('hosts are told right names', async (t) => {
    const objects = objectsOf(
      (await chart.template({ ...LEAST, ...CASES['all that there is'] })).stdout,
    );
    const sets = new Map(workloadsOf(objects));
    const seed = configOf(objects, workloadOf(sets, 'shoal-seeds'));
    t.match(seed?.peer, {
      advertise: '[fd00::7]:4010',
      identityDirectory: '/etc/shoal/identities/shoal-seeds-1',
      zone: 'say "a"',
      trackers: ['https://shoal-tracker-0.shoal-tracker.images.svc.c.example:4020'],
      discovery: {
        services: [
          'shoal-peers.images.svc.c.example:4010',
          'shoal-seeds.images.svc.c.example:4010',
        ],
        intervalMs: 5000,
      },
    });
    t.equal(seed?.codecThreads, 2);
    const node = configOf(objects, workloadOf(sets, 'shoal-node-b'));
    t.match(node?.peer, { zone: 'b', rack: '', listen: '[::]:4010' });
    t.equal(node?.prefetches, false);
    t.equal(node?.proxy?.standard, 'r.example:5000');
    const names = objects
      .filter(({ kind }) => kind === 'Service')
      .map(({ metadata }) => metadata.name);
    t.same(names.toSorted(), ['shoal-peers', 'shoal-seeds', 'shoal-tracker', 'shoal-tracker-page']);
  });
}

t.test('the chart is of this version, and every value has a comment or a table of its own', (t) => {
  const read = (file: string): unknown => parse(readFileSync(join(CHART, file), 'utf8'));
  const { version }: { version: string } = JSON.parse(
    readFileSync(join(root, 'package.json'), 'utf8'),
  );
  t.match(read('Chart.yaml'), { appVersion: version });
  t.match(readFileSync(join(root, 'packaging/Dockerfile'), 'utf8'), `ARG VERSION=${version}`);
  const schema: unknown = JSON.parse(readFileSync(join(CHART, 'values.schema.json'), 'utf8'));
  t.same(valuePaths(read('values.yaml')), schemaPaths(schema), 'values and their schema agree');
  t.end();
});

/** The configuration as the pod's daemon reads it; undefined for trackers. */
function configOf(objects: readonly Rendered[], spec: Workload) {
  const [{ args }] = spec.template.spec.containers;
  const at = args.indexOf('--config');
  if (at === -1) return undefined;
  const file = args[at + 1] ?? '';
  const maps = objects.filter(({ kind }) => kind === 'ConfigMap');
  const text = maps
    .map(({ data }) => data?.[file.replace(/^.*\//, '')])
    .find((one) => one !== undefined);
  // Brackets around it say which kind the values have asked for.
  const isIpv6 = JSON.stringify(spec).includes('[$(POD_IP)]');
  const POD_IP = ADDRESSES[isIpv6 ? 'IPv6' : 'IPv4'];
  return decodeConfig(text ?? 'missing', file, environmentOf(spec, { ...FIELDS, POD_IP }));
}

/** What arguments and configuration name and no volume has. */
function missingFiles(spec: Workload, config: ReturnType<typeof configOf>): string[] {
  const { files, directories } = pathsIn(spec);
  const [{ args }] = spec.template.spec.containers;
  const named = args
    .filter((arg) => arg.startsWith('/'))
    .filter((arg) => /\.[a-z]+$|token$/.test(arg));
  const tls = args.includes('--tls')
    ? args[args.indexOf('--tls') + 1]
    : config?.peer?.identityDirectory;
  named.push(...['ca.crt', 'tls.crt', 'tls.key'].map((name) => join(tls ?? '/none', name)));
  if (config?.peer?.tokenKeysFile !== undefined) named.push(config.peer.tokenKeysFile);
  const docker = config?.dockerConfigDirectory;
  if (docker !== undefined) named.push(join(docker, 'config.json'));
  const missing = named.filter((file) => !files.has(file));
  const written = [config?.root, config?.run].filter((path) => path !== undefined);
  const unwritten = written.filter(
    (path) => !directories.some((one) => `${path}/`.startsWith(`${one}/`)),
  );
  return [...missing, ...unwritten];
}

function isPrivileged(name: string, workload: string): boolean {
  return name === 'snapshotter' && workload.startsWith('shoal-node');
}

function workloadOf(sets: ReadonlyMap<string, Workload>, name: string): Workload {
  const found = sets.get(name);
  if (found === undefined) throw new Error(`nothing is called ${name}`);
  return found;
}

/** Two levels: what is below is Kubernetes's or a list. */
function valuePaths(values: unknown): string[] {
  return Object.entries(Object(values)).flatMap(([key, value]) => {
    const below = Array.isArray(value) ? [] : Object.keys(Object(value));
    return typeof value === 'object' && below.length > 0
      ? below.map((name) => `${key}.${name}`)
      : [key];
  });
}

function schemaPaths(schema: unknown): string[] {
  const properties: [string, { properties?: object }][] = Object.entries(Object(schema).properties);
  return properties
    .filter(([key]) => key !== 'global')
    .flatMap(([key, { properties: below }]) =>
      below === undefined ? [key] : Object.keys(below).map((name) => `${key}.${name}`),
    );
}
