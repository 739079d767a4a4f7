/** Sources and targets by their text, without credentials or mirrors. */
import { parseReference } from '@shoal/oci';
import { openSource, openTarget } from '@shoal/registry-client';

export const openTargetOf = (text: string) => openTarget(parseReference(text), {});
export const openSourceOf = (text: string) => openSource(parseReference(text), {});
