/** What is found beside the table of select-image.test.ts: by digest, among referrers, or not at all. */
import { NydusAnnotation, parseReference } from '@shoal/oci';
import { findConvertedImage, openSource, openTarget } from '@shoal/registry-client';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import { FaultProxy, temporaryDirectory } from '@shoal/test-kit';
import t, { type Test } from 'tap';
import { HOST, ImageAuthor, NOT_CONVERTED, nameOf } from './support/image-author.ts';

const QUICK = { plainHttp: true, retry: { attemptsMax: 2, delayMs: 1, delayMaxMs: 2 } };

/** An original and its converted referrer in a registry behind a proxy. */
async function scene(t: Test) {
  const registry = await EmbeddedRegistry.listen();
  t.teardown(() => registry.close());
  const proxy = await FaultProxy.listen(t, registry.host);
  await using target = await openTarget(parseReference(`${registry.host}/a/b:v1`), QUICK);
  const author = new ImageAuthor(target);
  const subject = await author.ordinary('plain');
  await author.tag(subject);
  const converted = await author.converted('it', HOST, { subject });
  return { proxy, subject, converted };
}

t.test('a digest reference: its referrer, and itself', async (t) => {
  const { proxy, subject, converted } = await scene(t);
  for (const { digest } of [subject, converted]) {
    await using store = await openSource(parseReference(`${proxy.host}/a/b@${digest}`), QUICK);
    const found = await findConvertedImage(store);
    t.equal(found.descriptor.digest, converted.digest);
    t.match(found.bootstrap.annotations, { [NydusAnnotation.bootstrap]: 'true' });
  }
});

t.test('an ordinary image is refused with the command that helps', async (t) => {
  const reference = parseReference(`oci:${temporaryDirectory(t)}/image:v1`);
  await using target = await openTarget(reference);
  const author = new ImageAuthor(target);
  await author.tag(await author.ordinary('plain'));
  await using store = await openSource(reference);
  await t.rejects(findConvertedImage(store), {
    code: NOT_CONVERTED,
    remedy: /^convert it first: shoal convert --source oci:.*image:v1 --target <reference>$/,
  });
});

t.test('layers above a bootstrap are not left out unasked', async (t) => {
  const reference = parseReference(`oci:${temporaryDirectory(t)}/image:v1`);
  await using target = await openTarget(reference);
  const author = new ImageAuthor(target);
  await author.tag(await author.committed('committed'));
  await using store = await openSource(reference);
  await t.rejects(findConvertedImage(store), { code: 'ERR_REGISTRY_CLIENT_LAYERS_ABOVE' });
  const asked = findConvertedImage(store, { layersAbove: 'ignored' });
  t.equal(await nameOf(author, asked), 'committed');
});

t.test('referrers that cannot be asked for are an error, not "none"', async (t) => {
  const { proxy } = await scene(t);
  const faults = [
    [{ kind: 'status', status: 401 }, /credentials are wanted/, false],
    [{ kind: 'status', status: 500 }, /status 500/, true],
    [{ kind: 'reset' }, /the connection broke/, true],
  ] as const;
  for (const [fault, why, retryable] of faults) {
    proxy.heal();
    proxy.inject({ fault, matches: ({ url }) => url?.includes('/referrers/') === true });
    await using store = await openSource(parseReference(`${proxy.host}/a/b:v1`), QUICK);
    const code = 'ERR_REGISTRY_CLIENT_REFERRERS';
    await t.rejects(findConvertedImage(store), { code, message: why, retryable, remedy: /./ });
  }
  proxy.heal();
  const fault = { kind: 'status', status: 404 } as const;
  proxy.inject({ fault, matches: ({ url }) => url?.includes('/referrers/') === true });
  await using store = await openSource(parseReference(`${proxy.host}/a/b:v1`), QUICK);
  await t.rejects(findConvertedImage(store), { code: NOT_CONVERTED }, 'no API and no tag');
});

t.test('a referrer that was deleted since is passed over', async (t) => {
  const { proxy, converted } = await scene(t);
  const fault = { kind: 'status', status: 404 } as const;
  proxy.inject({ fault, matches: ({ url }) => url?.endsWith(converted.digest) === true });
  await using store = await openSource(parseReference(`${proxy.host}/a/b:v1`), QUICK);
  await t.rejects(findConvertedImage(store), { code: NOT_CONVERTED });
});

t.test('a tag, a repository or a digest that is not there: one sentence says which', async (t) => {
  const { proxy, subject } = await scene(t);
  const digest = subject.digest.replace(/.$/, (last) => (last === '0' ? '1' : '0'));
  for (const name of ['a/b:v9', 'a/c:latest', `a/b@${digest}`]) {
    await using store = await openSource(parseReference(`${proxy.host}/${name}`), QUICK);
    await t.rejects(findConvertedImage(store), {
      code: 'ERR_REGISTRY_CLIENT_NOT_FOUND',
      message: `the registry ${proxy.host} has no image ${name}`,
      remedy: `check host, name and tag; if the image is private, log in first: docker login ${proxy.host}`,
    });
  }
});

t.test('an index whose image is not there', async (t) => {
  const { proxy, subject } = await scene(t);
  await using target = await openTarget(parseReference(`${proxy.host}/a/b:index`), QUICK);
  const author = new ImageAuthor(target);
  await author.tag(await author.index({ ...subject, platform: HOST }));
  const fault = { kind: 'status', status: 404 } as const;
  proxy.inject({ fault, matches: ({ url }) => url?.endsWith(subject.digest) === true });
  await using store = await openSource(parseReference(`${proxy.host}/a/b:index`), QUICK);
  await t.rejects(findConvertedImage(store), {
    code: 'ERR_REGISTRY_CLIENT_NOT_FOUND',
    message: `${proxy.host}/a/b: manifest ${subject.digest} is missing`,
    remedy: /push it again/,
  });
});
