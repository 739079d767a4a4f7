/** Decoders of what registries, archives and configuration files say. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseReference } from '@shoal/oci';
import { openSource } from '@shoal/registry-client';
import { type FuzzTarget, writeTar } from '@shoal/test-kit';
import { decodeMemberHeader, decodePaxRecords } from '../src/archive/member-header.ts';
import { parseChallenges } from '../src/auth/challenge.ts';
import { isImageMatched } from '../src/auth/image-pattern.ts';
import { decodeKubeletConfig } from '../src/auth/kubelet-config.ts';
import { decodeProviderAnswer } from '../src/auth/kubelet-credentials.ts';
import { parseHostsFile } from '../src/hosts/hosts-file.ts';
import { describeErrorBody } from '../src/http/failure.ts';
import { proxyForUrl } from '../src/http/proxy-environment.ts';

const digest = '2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881';
const config = JSON.stringify({ rootfs: { type: 'layers', diff_ids: [`sha256:${digest}`] } });

function dockerArchive(): Buffer {
  const manifest = [{ Config: 'c.json', RepoTags: ['a:b'], Layers: ['l.tar', 'm.tar'] }];
  return writeTar([
    { name: 'c.json', content: config },
    { name: 'l.tar', content: 'x' },
    { name: 'm.tar', type: 'symlink', link: 'l.tar' },
    { name: 'manifest.json', content: JSON.stringify(manifest) },
  ]);
}

async function openArchive(input: Buffer): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'shoal-fuzz-'));
  try {
    const path = join(directory, 'archive');
    writeFileSync(path, input);
    const source = await openSource(parseReference(`docker-archive:${path}`), {});
    await source.close();
  } finally {
    rmSync(directory, { recursive: true });
  }
}

export const fuzzTargets: readonly FuzzTarget[] = [
  {
    name: 'docker-archive',
    samples: () => [dockerArchive()],
    run: openArchive,
  },
  {
    name: 'tar-header',
    samples: () => [dockerArchive().subarray(0, 512)],
    run: (input) => (input.byteLength < 512 ? undefined : decodeMemberHeader(input, 'input')),
  },
  {
    name: 'pax-records',
    samples: () => [Buffer.from('11 path=ab\n12 size=123\n')],
    run: (input) => decodePaxRecords(input),
  },
  {
    name: 'challenge',
    samples: () => [Buffer.from('Bearer realm="https://a/b",service="c", Basic realm=x')],
    run: (input) => parseChallenges(input.toString('latin1')),
  },
  {
    name: 'error-body',
    samples: () => [Buffer.from('{"errors":[{"code":"DENIED","message":"no"}]}')],
    run: (input) => describeErrorBody(input),
  },
  {
    name: 'no-proxy',
    samples: () => [Buffer.from('*.a.example:80,10.0.0.0/8 [::1]:3,fd00::/8')],
    run: (input) =>
      proxyForUrl(new URL('https://10.1.2.3:80/'), {
        HTTPS_PROXY: 'http://p',
        NO_PROXY: input.toString('latin1'),
      }),
  },
  {
    name: 'hosts-file',
    samples: () => [
      Buffer.from(
        'server = "https://a"\n[host."b/v2"]\ncapabilities = ["pull"]\ndial_timeout = "1s"',
      ),
    ],
    run: (input) => parseHostsFile(input.toString('latin1'), 'input', '/'),
  },
  {
    name: 'kubelet-config',
    samples: () => [
      Buffer.from(
        'apiVersion: kubelet.config.k8s.io/v1\nkind: CredentialProviderConfig\nproviders:\n- name: p\n  matchImages: [a]\n  defaultCacheDuration: 1h\n  apiVersion: credentialprovider.kubelet.k8s.io/v1\n',
      ),
    ],
    run: (input) => decodeKubeletConfig(input.toString('latin1'), 'input'),
  },
  {
    name: 'provider-answer',
    samples: () => [
      Buffer.from(
        '{"kind":"CredentialProviderResponse","apiVersion":"v","cacheKeyType":"Image","auth":{"a*.b":{"username":"u","password":"p"}}}',
      ),
    ],
    run: (input) => {
      const { auth } = decodeProviderAnswer(input.toString('latin1')) ?? {};
      return Object.keys(auth ?? {}).map((pattern) => isImageMatched(pattern, 'a.b/c'));
    },
  },
];
