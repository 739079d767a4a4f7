/**
 * Whether a containerd configuration lets this snapshotter work, and what to change where it does
 * not. Pure: the configuration goes in, findings come out.
 */
import type { Finding } from '@shoal/linux';
import type { ContainerdConfig, ProxyPlugin } from './containerd-config.ts';
import { isTwoOrNewer } from './containerd-files.ts';

export type ContainerdFinding = Finding & {
  /** Lines of TOML to write. */
  readonly write?: readonly string[] | undefined;
  /** Images are lazy all the same; `detail` says whom it concerns. */
  readonly isWarning?: boolean | undefined;
};

export type ContainerdContext = {
  /** The socket where this daemon serves containerd. */
  readonly address: string;
  /** The daemon's root: containerd asks for the size of its file system. */
  readonly root: string;
  /** Of the containerd that runs, `1.6.20`; undefined: not known. */
  readonly version: string | undefined;
};

/** What a proxy is called where there is none yet. */
const NAME = 'shoal';

type Check = {
  readonly config: ContainerdConfig;
  readonly context: ContainerdContext;
  readonly name: string;
};

export function checkContainerd(
  config: ContainerdConfig,
  context: ContainerdContext,
): readonly ContainerdFinding[] {
  const proxy = ownProxy(config, context);
  const check = { config, context, name: proxy?.name ?? NAME };
  return [
    versionFinding(check),
    proxyFinding(check, proxy),
    ...(proxy === undefined ? [] : proxyDetails(check, proxy)),
    ...(config.isCriDisabled ? [criDisabled] : criFindings(check)),
    ...(isTwo(check) ? [unpackFinding(check)] : []),
  ];
}

/** The proxy with our address, else the one with our name. */
export function ownProxy(
  { proxies }: ContainerdConfig,
  { address }: Pick<ContainerdContext, 'address'>,
): ProxyPlugin | undefined {
  const byAddress = proxies.find((proxy) => proxy.address.replace(/^unix:\/\//, '') === address);
  return byAddress ?? proxies.find((proxy) => proxy.name === NAME);
}

/** containerd 2.x, by what runs or by the file. */
function isTwo({ config, context }: Check): boolean {
  return isTwoOrNewer(context.version, config.version);
}

/** False when the version is not known. */
function isBefore(wanted: readonly [major: number, minor: number], { context }: Check): boolean {
  const [major = Number.NaN, minor = Number.NaN] = (context.version ?? 'unknown')
    .split('.')
    .map(Number);
  return major < wanted[0] || (major === wanted[0] && minor < wanted[1]);
}

function versionFinding(check: Check): ContainerdFinding {
  const { version } = check.config;
  // Version 4 came with 2.3; whoever writes it runs a containerd that takes it.
  const ok = version === 2 || ((version === 3 || version === 4) && isTwo(check));
  return {
    name: 'configuration version',
    ok,
    detail: `the file is of version ${version}`,
    remedy: 'write in its first line, and the tables of that version below',
    write: [`version = ${isTwo(check) ? 3 : 2}`],
  };
}

function proxyFinding({ context }: Check, proxy: ProxyPlugin | undefined): ContainerdFinding {
  const { address } = context;
  const isRight = proxy?.type === 'snapshot' && proxy.address.replace(/^unix:\/\//, '') === address;
  const there =
    proxy === undefined
      ? 'no [proxy_plugins] entry leads here'
      : `[proxy_plugins.${proxy.name}] is of type "${proxy.type}" at ${proxy.address}`;
  return {
    name: 'proxy plugin',
    ok: isRight,
    detail: there,
    write: [
      `[proxy_plugins.${proxy?.name ?? NAME}]`,
      '  type = "snapshot"',
      `  address = "${address}"`,
    ],
  };
}

function proxyDetails(check: Check, { exports, capabilities }: ProxyPlugin): ContainerdFinding[] {
  const table = `[proxy_plugins.${check.name}.exports]`;
  const findings: ContainerdFinding[] = [];
  if (isTwo(check) && !check.config.isCriDisabled) {
    const { root } = check.context;
    findings.push({
      name: 'proxy root',
      ok: exports['root'] === root,
      isWarning: true,
      detail: `exports.root is ${shown(exports['root'])}; it concerns kubelet only, to which CRI reports the use of that file system`,
      write: [table, `  root = "${root}"`],
    });
  }
  if (isTwo(check) && !isBefore([2, 1], check)) {
    const value = exports['enable_remote_snapshot_annotations'];
    findings.push({
      name: 'transfer annotations',
      ok: value === 'true',
      detail: `exports.enable_remote_snapshot_annotations is ${shown(value)}; without it the transfer service (2.1+) does not say which image a layer is of`,
      write: [table, '  enable_remote_snapshot_annotations = "true"'],
    });
  }
  if (capabilities.includes('rebase')) {
    findings.push({
      name: 'capabilities',
      ok: false,
      detail: 'the capability "rebase" has layers prepared without their parent',
      remedy: `take "rebase" out of capabilities of [proxy_plugins.${check.name}]`,
    });
  }
  return findings;
}

const criDisabled: ContainerdFinding = {
  name: 'CRI',
  ok: true,
  detail: 'the CRI plugin is turned off: Kubernetes does not use this containerd',
};

function criFindings(check: Check): ContainerdFinding[] {
  const { disableSnapshotAnnotations, discardUnpackedLayers } = check.config.cri;
  const table = criTable(check);
  return [
    criSnapshotter(check, table),
    {
      name: 'CRI annotations',
      ok: disableSnapshotAnnotations === false,
      detail: `disable_snapshot_annotations is ${disableSnapshotAnnotations ?? 'not set, which means true'}; while it is true nothing pulled through CRI is lazy`,
      write: [...table, '  disable_snapshot_annotations = false'],
    },
    {
      name: 'CRI unpacked layers',
      ok: discardUnpackedLayers !== true,
      detail: `discard_unpacked_layers is ${discardUnpackedLayers ?? false}; layers that were thrown away cannot be pushed or shared`,
      write: [...table, '  discard_unpacked_layers = false'],
    },
  ];
}

/** The node's snapshotter, or that of a runtime: 1.6 knows none, 2.x wants it for pulls, too. */
function criSnapshotter(check: Check, table: readonly string[]): ContainerdFinding {
  const { config, name } = check;
  const { snapshotter, runtimes, runtimePlatforms } = config.cri;
  const named = Object.keys(runtimes).filter((runtime) => runtimes[runtime] === name);
  const pulling = isTwo(check)
    ? named.filter((runtime) => runtimePlatforms[runtime] === name)
    : named.filter(() => !isBefore([1, 7], check));
  const wrong = named.filter((runtime) => !pulling.includes(runtime));
  const notes = [
    ...(pulling.length === 0 ? [] : [`runtimes with ${name}: ${pulling.join(', ')}`]),
    ...(wrong.length === 0
      ? []
      : [`of runtime ${wrong.join(', ')} it is not taken for pulls (runtime_platforms of 2.x)`]),
  ];
  return {
    name: 'CRI snapshotter',
    ok: snapshotter === name || pulling.length > 0,
    detail: [
      `pods get their images from ${snapshotter ?? 'overlayfs (the default)'}`,
      ...notes,
    ].join('; '),
    write: [...table, `  snapshotter = "${name}"`],
  };
}

/** Below 2.x an old file is brought up to date in part only: what counts is not taken over. */
function criTable(check: Check): readonly string[] {
  if (!isTwo(check)) return [`[plugins."io.containerd.grpc.v1.cri".containerd]`];
  const table = `[plugins."io.containerd.cri.v1.images"]`;
  return check.config.version >= 3 ? [table] : ['version = 3', table];
}

/** Since 2.0 `ctr images pull` unpacks only for snapshotters that are named there. */
function unpackFinding({ config, name }: Check): ContainerdFinding {
  const isNamed = config.unpackConfigs.some(
    ({ platform, snapshotter }) => snapshotter === name && /^linux(\/|$)|^$/.test(platform),
  );
  return {
    name: 'transfer unpack',
    ok: isNamed,
    detail: isNamed
      ? `the transfer service unpacks for ${name}`
      : `no unpack_config names ${name}: 'ctr images pull --snapshotter ${name}' is refused`,
    write: [
      '[[plugins."io.containerd.transfer.v1.local".unpack_config]]',
      '  platform = "linux"',
      `  snapshotter = "${name}"`,
    ],
  };
}

function shown(value: unknown): string {
  return value === undefined ? 'not set' : JSON.stringify(value);
}
