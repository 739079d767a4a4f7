/** The part of tap's test object that the kit uses, so that the kit does not depend on tap. */
export type TestScope = {
  teardown(handler: () => unknown): unknown;
  pass(message: string, extra: { skip: string }): unknown;
  fail(message: string): unknown;
  comment(message: string): unknown;
};
