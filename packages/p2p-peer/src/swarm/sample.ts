/** Which of many are told of, where all are alike. */

/** So many of them, each as likely as any other. Takes the others out. */
export function sample<T>(items: T[], count: number, random: () => number): T[] {
  while (items.length > count) items.splice(Math.floor(random() * items.length), 1);
  return items;
}
