/** A node with registry, snapshotter and containerd, and one image in both kinds. */
import { join } from 'node:path';
import { requireTool, type TestScope, temporaryDirectory } from '@shoal/test-kit';
import { type DockerRegistry, startDockerRegistry } from '../../support/docker-registry.ts';
import { type OwnSnapshotter, startSnapshotter } from '../../support/own-snapshotter.ts';
import { runShoal } from '../../support/shoal-command.ts';
import { buildBusyboxLayout, pushLayout } from './busybox-image.ts';
import { type Installation, type Release, type ReleaseOptions, startRelease } from './releases.ts';

export type Node = {
  readonly registry: DockerRegistry;
  readonly snapshotter: OwnSnapshotter;
  readonly containerd: Installation;
  /** The same files, as ordinary and as converted image. */
  readonly ordinary: string;
  readonly converted: string;
};

export type NodeOptions = ReleaseOptions & {
  /** More of the daemon's configuration, which follows on lines of `[snapshotter]`. */
  readonly daemonConfig?: string;
};

/** A busy machine may take longer to mount than a pull waits by default. */
const PATIENT = '[snapshotter]\nlookup_timeout_ms = 60000\n';

/** Undefined, with the test skipped or failed, where it cannot run. */
export async function startNode(
  t: TestScope,
  release: Release,
  options: NodeOptions = {},
): Promise<Node | undefined> {
  if (!requireTool(t, 'docker-registry', 'skopeo', 'busybox')) return undefined;
  const directory = temporaryDirectory(t);
  const registry = await startDockerRegistry(t, join(directory, 'registry'));
  const snapshotter = await startSnapshotter(t, {
    config: PATIENT + (options.daemonConfig ?? ''),
  });
  const containerd = await startRelease(t, release, snapshotter, options);
  if (containerd === undefined) return undefined;
  const layout = buildBusyboxLayout(join(directory, 'layout'));
  const ordinary = `${registry.host}/test/ordinary:latest`;
  const converted = `${registry.host}/test/converted:latest`;
  await pushLayout(layout, ordinary);
  await runShoal(['convert', '--source', `oci:${layout}`, '--target', converted]);
  return { registry, snapshotter, containerd, ordinary, converted };
}
