/** Which start of the machine this is. */
import { readFileSync } from 'node:fs';

/** Different after every boot: what the kernel had mounted before is gone. */
export function currentBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}
