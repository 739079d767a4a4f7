/** A swarm of made-up hosts for the page: three zones, a rollout under way, one slow host, two preheats. */
import type { HostReport } from '../../src/tracker/host-report.ts';
import type { TrackerServer } from '../../src/tracker/server/index.ts';
import {
  ADMIN_TOKEN,
  ask,
  blobNamed,
  clientOf,
  pageOf,
  reportOf,
  type Scene,
} from './tracker-scene.ts';

const MIB = 1 << 20;
const ZONES = ['eu-west-1a', 'eu-west-1b', 'eu-west-1c'];
const IMAGES = [
  {
    name: 'registry.example/team/api:2.14.0',
    repository: 'registry.example/team/api',
    sizeBytes: 184 * MIB,
  },
  {
    name: 'registry.example/team/web:7.1.3',
    repository: 'registry.example/team/web',
    sizeBytes: 96 * MIB,
  },
  {
    name: 'registry.example/ml/llm-serving:0.9',
    repository: 'registry.example/ml/llm-serving',
    sizeBytes: 6340 * MIB,
  },
  {
    name: 'docker.io/library/postgres:17',
    repository: 'docker.io/library/postgres',
    sizeBytes: 152 * MIB,
  },
  { name: '', repository: 'docker.io/library/debian', sizeBytes: 49 * MIB },
];
const PREHEAT = { id: 'rollout-1', reference: 'registry.example/ml/llm-serving:0.9' };

type Host = { readonly host: string; readonly role: 'peer' | 'seed'; readonly report: HostReport };

/** The same numbers every time. */
function part(number: number, of: number): number {
  return ((number * 7919 + 13) % of) / of;
}

function hostOf(number: number): Host {
  const zone = ZONES[number % 3] ?? '';
  const isSeed = number < 3;
  const host = isSeed ? `seed-${number + 1}` : `node-${String(number - 2).padStart(2, '0')}`;
  const isSlow = number === 11;
  const busy = isSlow ? 0.04 : 0.4 + 0.6 * part(number, 17);
  const blobs = IMAGES.slice(0, isSeed ? 5 : 2 + (number % 4)).map((image, index) => {
    const isWhole = isSeed || (index < 2 && number % 3 !== 0);
    const share = isSlow ? 0.06 : part(number + 5 * index, 19);
    const heldBytes = isWhole ? image.sizeBytes : Math.floor(image.sizeBytes * share);
    const named = image.name === '' ? {} : { name: image.name };
    const { repository, sizeBytes } = image;
    return { blob: blobNamed(repository), repository, sizeBytes, heldBytes, ...named };
  });
  const preheat = number % 5 === 0 ? 'done' : 'running';
  const bytesTotal = 6340 * MIB;
  const progress = {
    ...PREHEAT,
    ...(isSlow
      ? { state: 'failed' as const, message: 'no space left on the device' }
      : { state: preheat as 'done' | 'running' }),
    bytesDone: preheat === 'done' ? bytesTotal : Math.floor(bytesTotal * part(number, 11)),
    bytesTotal,
  };
  return {
    host,
    role: isSeed ? 'seed' : 'peer',
    report: reportOf({
      zone,
      rack: `rack-${1 + (number % 2)}${number % 3}`,
      address: `10.${number % 3}.0.${10 + number}:4002`,
      rates: {
        local: Math.floor(12 * MIB * part(number, 5)),
        rack: Math.floor(isSeed ? 0 : 85 * MIB * busy),
        zone: Math.floor(isSeed ? 0 : 32 * MIB * busy),
        other: Math.floor(isSeed ? 4 * MIB : 5 * MIB * busy),
        origin: Math.floor(isSeed ? 46 * MIB : number === 7 ? 3 * MIB : 0),
        upload: Math.floor((isSeed ? 310 : 70) * MIB * busy),
      },
      missMs: isSlow
        ? { p50: 41, p99: 960 }
        : { p50: 1.1 + 2 * part(number, 7), p99: 6 + 30 * part(number, 13) },
      blobs,
      preheats: isSeed ? [] : [progress],
    }),
  };
}

/** Reports all of them, as hosts do. */
export async function fillTracker(scene: Scene, tracker: TrackerServer): Promise<void> {
  const hosts = Array.from({ length: 20 }, (_, number) => hostOf(number));
  const names = hosts.filter(({ role }) => role === 'peer').map(({ host }) => host);
  const order = async (body: object) => {
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
    await ask(`${pageOf(tracker)}/v1/preheats`, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
    });
  };
  await order({ ...PREHEAT, hosts: names });
  await order({ reference: 'registry.example/team/web:7.2.0', hosts: names.slice(0, 6) });
  for (const { host, role, report } of hosts) {
    await clientOf(scene, await scene.identity(host, role), [tracker]).report(report);
  }
}
