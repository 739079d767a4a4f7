/**
 * Which driver a mount gets, and the sentence that says why and why not a better one.
 */
import type { DriverName } from './driver/index.ts';
import type { DriverChoice } from './mount-types.ts';

export type ChosenDriver = { readonly name: DriverName; readonly reason: string };

/** `auto` takes plain files when nothing is missing any more, else the FUSE files. */
export function chooseDriver(choice: DriverChoice, isComplete: boolean): ChosenDriver {
  if (choice !== 'auto') return { name: choice, reason: 'asked for with --driver' };
  if (isComplete) {
    return {
      name: 'complete',
      reason: 'every blob is complete here: the kernel reads plain files, no daemon is involved',
    };
  }
  return {
    name: 'blobfs',
    reason:
      'missing bytes are fetched on demand through FUSE files, and readers wait when the daemon is' +
      ' away; complete needs every blob here; fanotify is not part of this version',
  };
}
