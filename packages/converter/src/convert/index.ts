/** Conversion alone: `shoal convert` loads neither check nor unpack nor the readers of images. */
export { convertImage } from './convert-image.ts';
export { readPrefetchFile } from './prefetch.ts';
