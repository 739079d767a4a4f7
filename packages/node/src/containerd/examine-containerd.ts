/** What `shoal doctor` says of the containerd of this host. */
import { existsSync } from 'node:fs';
import { errorFields } from '@shoal/snapshotter';
import { type ContainerdFinding, checkContainerd, ownProxy } from './check-containerd.ts';
import { dumpContainerdConfig } from './containerd-dump.ts';
import { readContainerdAddress, readContainerdConfig } from './containerd-files.ts';
import { askContainerdVersion, isServing } from './containerd-socket.ts';

export const CONTAINERD_CONFIG = '/etc/containerd/config.toml';
/** Where containerd listens unless it is told otherwise. */
export const CONTAINERD_ADDRESS = '/run/containerd/containerd.sock';

export type ContainerdReport = {
  readonly configFile: string;
  /** Where containerd was asked. */
  readonly address: string;
  /** Of the containerd that runs; absent: none answers. */
  readonly version?: string | undefined;
  readonly findings: readonly ContainerdFinding[];
  /** Somebody wants containerd to use this snapshotter: what is wrong counts. */
  readonly isWanted: boolean;
  readonly isReady: boolean;
};

export type ContainerdExamination = {
  /** @default CONTAINERD_CONFIG, if it exists */
  readonly configFile?: string | undefined;
  /** @default what the file says, or CONTAINERD_ADDRESS */
  readonly containerdAddress?: string | undefined;
  /** The containerd that runs, asked how it reads its file. @default the one in PATH */
  readonly containerdProgram?: string | undefined;
  /** Where our daemon serves containerd. */
  readonly address: string;
  readonly root: string;
};

/** Undefined when there is no containerd here. */
export async function examineContainerd(
  asked: ContainerdExamination,
): Promise<ContainerdReport | undefined> {
  const { address, root, configFile = CONTAINERD_CONFIG } = asked;
  const containerdAddress = asked.containerdAddress ?? containerdAddressIn(configFile);
  const version = await askContainerdVersion(containerdAddress);
  const isAsked = asked.configFile !== undefined;
  if (!isAsked && version === undefined && !existsSync(configFile)) return undefined;
  const findings: ContainerdFinding[] = [];
  let isWanted = isAsked;
  try {
    const dumped = await dumpContainerdConfig({
      ...{ configFile, version, program: asked.containerdProgram },
    });
    const config = dumped ?? readContainerdConfig(configFile, version);
    isWanted ||= ownProxy(config, { address }) !== undefined;
    findings.push(...checkContainerd(config, { address, root, version }));
  } catch (error) {
    const { reason: detail } = errorFields(error);
    findings.push({ name: 'configuration', ok: false, detail, remedy: 'repair or write the file' });
  }
  if (isWanted) findings.push(await socketFinding(address));
  const isReady = findings.every(({ ok, isWarning }) => ok || isWarning === true);
  return { configFile, address: containerdAddress, version, findings, isWanted, isReady };
}

/** Where containerd listens by its file. What is wrong with that is said when its content is looked at. */
export function containerdAddressIn(configFile = CONTAINERD_CONFIG): string {
  try {
    return readContainerdAddress(configFile) ?? CONTAINERD_ADDRESS;
  } catch {
    return CONTAINERD_ADDRESS;
  }
}

async function socketFinding(address: string): Promise<ContainerdFinding> {
  const ok = await isServing(address);
  return {
    name: 'snapshotter socket',
    ok,
    detail: ok ? `${address} serves` : `nothing serves at ${address}`,
    remedy: "start the daemon: 'systemctl start shoal-snapshotter', or 'shoal snapshotter'",
  };
}
