/** The part of `shoal status` that is about containerd: its images, why some are not lazy, credentials. */
import type { StatusAnswer } from '@shoal/node/client';
import { formatCount } from '../quantity-text.ts';

/** Lines to print; none when containerd has nothing from here. */
export function containerdLines(status: StatusAnswer): readonly string[] {
  return [...snapshotLines(status), ...credentialLines(status), ...imageLines(status)];
}

function snapshotLines({ snapshots, containerd }: StatusAnswer): readonly string[] {
  const { active, view, committed, address } = snapshots;
  const lines = [
    `snapshots for containerd at ${address}: ${active} active, ` +
      `${formatCount(view, 'view')}, ${committed} committed`,
  ];
  if (active + view + committed > 0 && !containerd.isThere) {
    lines.push(`no containerd listens at ${containerd.address}`);
  }
  return lines;
}

function credentialLines({ credentials }: StatusAnswer): readonly string[] {
  return credentials.map(({ registry, state, reason, at }) => {
    const why = reason === undefined ? '' : `: ${reason}`;
    return `credentials for ${registry}: ${state} at ${at}${why}`;
  });
}

function imageLines({ images }: StatusAnswer): readonly string[] {
  const lazy = images.lazy.map(
    ({ imageRef, mountpoint, snapshots }) =>
      `lazy: ${imageRef}, ${formatCount(snapshots, 'snapshot')}, at ${mountpoint}`,
  );
  const ordinary = images.ordinary.map(
    ({ imageRef, reason, layers }) =>
      `not lazy: ${imageRef ?? 'an image without a name'}, ${formatCount(layers, 'layer')}: ${reason}`,
  );
  return [...lazy, ...ordinary];
}
