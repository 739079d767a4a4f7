/** Sets of values that the chart is rendered with, by what they are about. */
import type { Values } from '../../support/rendered-chart.ts';

export const CASES: Readonly<Record<string, Values>> = {
  defaults: {},
  'certificates of cert-manager': {
    certManager: { enabled: true },
    nodes: { identity: { source: 'csi' } },
  },
  'an issuer of all namespaces, restricted': {
    certManager: {
      ...{ enabled: true },
      issuer: { create: false, name: 'ours', kind: 'ClusterIssuer', isRestricted: true },
    },
    nodes: { identity: { source: 'csi' } },
  },
  'an issuer that is there': {
    certManager: { enabled: true, issuer: { create: false, name: 'ours', kind: 'ClusterIssuer' } },
  },
  'no seeds': { seeds: { enabled: false }, nodes: { origins: ['docker.io'] } },
  'no tracker, found by DNS': { tracker: { enabled: false }, discovery: { enabled: true } },
  'no tracker, no seeds': {
    ...{ tracker: { enabled: false }, seeds: { enabled: false }, discovery: { enabled: true } },
  },
  'trackers and seeds for daemons outside of pods': {
    nodes: { enabled: false },
    tracker: { replicaServices: true },
    discovery: { enabled: true },
  },
  snapshotter: { nodes: { mode: 'snapshotter', runtimeClassName: 'plain' } },
  'labels of nodes': {
    nodeLabels: { zone: 'topology.kubernetes.io/zone', rack: 'example.com/rack' },
  },
  'all that there is': {
    ipFamily: 'IPv6',
    clusterDomain: 'c.example',
    discovery: { enabled: true, intervalSeconds: 5 },
    image: { repository: 'r.example:5000/shoal', tag: 'x', pullSecrets: ['pull'] },
    tracker: {
      ...{ replicas: 1, grants: ["gpu-*=r.example/'a b'/*,docker.io/*"], public: ['docker.io/*'] },
      ...{ plainPort: 6969, plainTokenSecret: 'plain', adminTokenSecret: 'admin' },
      pageNames: ['page.example'],
      ...{ nodeSelector: { a: 'b' }, tolerations: [{ operator: 'Exists' }] },
    },
    seeds: {
      ...{ replicas: 3, origins: ['docker.io', 'r.example:5000/team'], zone: 'say "a"' },
      ...{ dockerConfigSecret: 'pull', storage: { size: '1Ti', className: 'fast' } },
      extraConfig: '[codec]\nthreads = 2\n',
    },
    nodes: {
      pools: [
        { name: 'a', nodeSelector: { 'topology.kubernetes.io/zone': 'a' }, zone: 'a', rack: 'r1' },
        { name: 'b', nodeSelector: { 'topology.kubernetes.io/zone': 'b' }, zone: 'b', rack: '' },
      ],
      proxy: {
        default: 'r.example:5000',
        upstreams: [
          { name: 'r.example:5000', address: 'https://r.example:5000', auth: 'node' },
          { name: 'docker.io', insecure: false, redirect_hosts: ['10.0.0.1:443'] },
        ],
      },
      ...{
        dockerConfigSecret: 'pull',
        metricsPort: 9815,
        extraConfig: '[mount]\nprefetch = false',
      },
    },
    networkPolicy: {
      ...{ nodeCidrs: ['10.0.0.0/8'], pageFrom: [{ namespaceSelector: {} }] },
      plainFrom: [{ ipBlock: { cidr: '0.0.0.0/0' } }],
    },
    serviceAccount: { annotations: { a: 'b' } },
    podAnnotations: { c: 'd' },
  },
};
