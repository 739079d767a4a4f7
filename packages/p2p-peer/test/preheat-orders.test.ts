/** Preheats: ordered by the administrator, told to hosts with their reports, forgotten by nobody who is at it. */
import t from 'tap';
import {
  ADMIN_TOKEN,
  ask,
  clientOf,
  makeScene,
  pageOf,
  reportOf,
} from './support/tracker-scene.ts';

const HEADERS = { authorization: `Bearer ${ADMIN_TOKEN}` };
const REFERENCE = 'registry.example/team/app:1';

t.test('an order reaches its hosts, their progress the page, the end both', async (t) => {
  const scene = await makeScene(t);
  const tracker = await scene.tracker();
  const page = pageOf(tracker);
  const names = ['node-1', 'node-2', 'node-3', 'node-4'];
  const clients = await Promise.all(
    names.map(async (name) => clientOf(scene, await scene.identity(name, 'peer'), [tracker])),
  );
  const [one, two] = clients;
  if (one === undefined || two === undefined) return;
  await Promise.all(clients.map((client) => client.report(reportOf())));

  const order = (body: object, headers: Record<string, string> = HEADERS) =>
    ask(`${page}/v1/preheats`, { method: 'POST', headers, body: JSON.stringify(body) });
  t.equal((await order({ reference: REFERENCE }, {})).status, 403, 'only with the token');
  const made = await order({ id: 'p1', reference: REFERENCE, hosts: ['node-1', 'node-2'] });
  t.equal(made.status, 201);
  t.match(JSON.parse(made.text), { id: 'p1', counts: { waiting: 2 } });
  t.equal((await order({ id: 'p1', reference: REFERENCE })).status, 409);
  const [answer] = await one.report(reportOf());
  t.same(answer?.preheats, [{ id: 'p1', reference: REFERENCE }]);
  t.same((await clients[2]?.report(reportOf()))?.[0]?.preheats, [], 'not for this host');

  const progress = { id: 'p1', reference: REFERENCE, bytesTotal: 100 };
  await one.report(reportOf({ preheats: [{ ...progress, state: 'running', bytesDone: 40 }] }));
  await two.report(
    reportOf({ preheats: [{ ...progress, state: 'failed', bytesDone: 1, message: 'no space' }] }),
  );
  const view = JSON.parse((await ask(`${page}/v1/preheats/p1`)).text);
  t.match(view, { counts: { running: 1, failed: 1 }, bytesDone: 41, bytesTotal: 200 });
  t.match(view.hosts[0], { host: 'node-2', state: 'failed', message: 'no space' });
  t.same((await two.report(reportOf()))[0]?.preheats, [], 'what is over is not ordered again');

  const end = { method: 'DELETE', headers: HEADERS } as const;
  t.equal((await ask(`${page}/v1/preheats/p1`, { method: 'DELETE' })).status, 403);
  t.equal((await ask(`${page}/v1/preheats/p1`, end)).status, 200);
  t.equal((await ask(`${page}/v1/preheats/nothing`, end)).status, 404);
  t.match((await one.report(reportOf()))[0], { preheats: [], cancelledPreheats: ['p1'] });
});

t.test('every tracker chooses the same part of the hosts', async (t) => {
  const scene = await makeScene(t);
  const trackers = [await scene.tracker(), await scene.tracker()];
  for (let number = 0; number < 10; number += 1) {
    const identity = await scene.identity(`node-${number}`, 'peer');
    await clientOf(scene, identity, trackers).report(reportOf());
  }
  const chosen = await Promise.all(
    trackers.flatMap((tracker) =>
      [{ percent: 25 }, { count: 3 }, {}].map(async (part, index) => {
        const body = JSON.stringify({ id: `p${index}`, reference: REFERENCE, ...part });
        const made = await ask(`${pageOf(tracker)}/v1/preheats`, {
          method: 'POST',
          headers: HEADERS,
          body,
        });
        return JSON.parse(made.text).hosts.map(({ host }: { host: string }) => host);
      }),
    ),
  );
  t.same(
    chosen.map((hosts) => hosts.length),
    [3, 3, 10, 3, 3, 10],
  );
  t.same(chosen.slice(0, 3), chosen.slice(3));
});

t.test('a tracker that was started anew hears of preheats from the hosts', async (t) => {
  const scene = await makeScene(t);
  const tracker = await scene.tracker();
  const client = clientOf(scene, await scene.identity('node-1', 'peer'), [tracker]);
  const running = {
    id: 'p9',
    reference: REFERENCE,
    state: 'running',
    bytesDone: 5,
    bytesTotal: 10,
  } as const;
  const [answer] = await client.report(reportOf({ preheats: [running] }));
  t.same(answer?.cancelledPreheats, [], 'it goes on');
  t.same(answer?.preheats, [{ id: 'p9', reference: REFERENCE }]);
  t.match(JSON.parse((await ask(`${pageOf(tracker)}/v1/preheats`)).text).preheats, [
    { id: 'p9', bytesDone: 5 },
  ]);
});

t.test('what cannot be meant is refused', async (t) => {
  const scene = await makeScene(t);
  const page = pageOf(await scene.tracker());
  const wrong = [
    {},
    { reference: '' },
    { reference: 'a b' },
    { reference: REFERENCE, percent: 0 },
    { reference: REFERENCE, percent: 101 },
    { reference: REFERENCE, count: 0 },
    { reference: REFERENCE, count: 1, percent: 1 },
    { reference: REFERENCE, hosts: [] },
    { reference: REFERENCE, id: '../x' },
    { reference: REFERENCE, more: 1 },
  ];
  for (const body of wrong) {
    const made = await ask(`${page}/v1/preheats`, {
      method: 'POST',
      headers: HEADERS,
      body: JSON.stringify(body),
    });
    t.equal(made.status, 400, JSON.stringify(body));
  }
});

t.test('what hosts say to be at pushes no order out', async (t) => {
  const scene = await makeScene(t);
  const tracker = await scene.tracker();
  const page = pageOf(tracker);
  const client = clientOf(scene, await scene.identity('node-1', 'peer'), [tracker]);
  const order = async (id: string) => {
    const body = JSON.stringify({ id, reference: REFERENCE, hosts: ['node-2'] });
    return (await ask(`${page}/v1/preheats`, { method: 'POST', headers: HEADERS, body })).status;
  };
  t.equal(await order('first'), 201);
  for (let round = 0; round < 10; round += 1) {
    const preheats = Array.from({ length: 32 }, (_, index) => ({
      id: `x${32 * round + index}`,
      reference: REFERENCE,
      state: 'done' as const,
      bytesDone: 0,
      bytesTotal: 0,
    }));
    t.equal((await client.report(reportOf({ preheats }))).length, 1);
  }
  t.equal((await ask(`${page}/v1/preheats/first`)).status, 200, 'it is still there');
  t.equal((await ask(`${page}/v1/preheats/x0`)).status, 404, 'others are not');
  t.equal(await order('x319'), 201, 'nor is a name taken');
  t.match(JSON.parse((await ask(`${page}/v1/preheats/x319`)).text).hosts, [{ host: 'node-2' }]);
});
