/** The figures that tests tell in comments, e.g. how much memory something took. */

/** Comments of a TAP text in order, without those that tap itself writes. */
export function tapComments(text: string): string[] {
  const comments: string[] = [];
  for (const line of text.split('\n')) {
    const comment = /^ *# (?!Subtest: |time=|\{)(.+)$/.exec(line)?.[1];
    if (comment !== undefined) comments.push(comment);
  }
  return comments;
}
