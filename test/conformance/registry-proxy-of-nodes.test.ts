/**
 * The suite of the OCI distribution specification against the mirrors of two daemons that share blobs: it
 * reads what is there, through the first one cold and warm, then through the second one, which gets the
 * blobs from the first.
 */
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import { requireDistributionJudge, requireMounts } from '@shoal/test-kit';
import t from 'tap';
import { MirrorNodes } from '../support/mirror-nodes.ts';
import { READS, REPOSITORY, readOnly, runSuite } from './support/distribution-suite.ts';
import { contentOf } from './support/registry-content.ts';

t.setTimeout(600_000);

const judge = requireDistributionJudge(t);
if (judge !== undefined && requireMounts(t)) {
  t.test('it reads what is there, of two hosts', async (t) => {
    const registry = await EmbeddedRegistry.listen();
    t.teardown(() => registry.close());
    await runSuite(t, judge, registry.host, {});
    const content = await contentOf(registry.host, REPOSITORY);
    const nodes = await MirrorNodes.open(t, [{ name: 'registry.test', host: registry.host }]);
    const first = await nodes.node('first', 'seed', 'challenge');
    const second = await nodes.node('second', 'peer', 'challenge');
    for (const node of [first, second]) {
      for (const state of ['cold', 'warm']) {
        const before = (await node.peer()).traffic;
        const verdicts = await runSuite(t, judge, node.host, readOnly(content));
        const text = `${node.name}, ${state}`;
        t.equal(verdicts.get('OCI Conformance Result'), 'Pass', text);
        for (const name of READS) t.equal(verdicts.get(name), 'Pass', `${text}: ${name}`);
        const after = (await node.peer()).traffic;
        t.comment(`${text}: ${JSON.stringify(after)}`);
        if (state === 'warm') t.ok(after.store > before.store, 'blobs come out of its store');
        else if (node === first) t.ok(after.origin > 0, 'blobs come from the registry');
        // A host that has more to do than its processors can may ask the registry for some of it.
        else t.ok(after.rack > after.origin, 'blobs come from the first host');
      }
    }
  });
}
