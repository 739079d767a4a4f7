/** An authority and hosts of a test: certificates and tokens as a real cluster has them. */
import { generateKeyPairSync } from 'node:crypto';
import { temporaryDirectory } from '@shoal/test-kit';
import type { HostFacts } from '../../src/identity/host.ts';
import { parseHostName } from '../../src/identity/host.ts';
import { createAuthority, issueCertificate } from '../../src/trust/authority.ts';
import { signToken, verifyToken } from '../../src/trust/token.ts';
import type { WireTrust } from '../../src/wire/handshakes/wire-trust.ts';

type Tap = Parameters<typeof temporaryDirectory>[0];

export type TestHost = { readonly self: HostFacts; readonly trust: WireTrust };

export type TestHostOptions = {
  readonly role?: 'peer' | 'seed';
  /** @default everything */
  readonly repositories?: readonly string[];
  readonly tokenHost?: string;
  readonly tokenLifeMs?: number;
  /** When its token was signed; 0 is now. */
  readonly tokenAgeMs?: number;
};

export class TestCluster {
  readonly #directory: string;
  readonly #tokenKeys = generateKeyPairSync('ed25519');

  static async open(t: Tap): Promise<TestCluster> {
    const directory = temporaryDirectory(t);
    await createAuthority(directory);
    return new TestCluster(directory);
  }

  /** A seed and a peer of a cluster of their own. */
  static async openPair(t: Tap): Promise<readonly [TestHost, TestHost]> {
    const cluster = await TestCluster.open(t);
    return await Promise.all([cluster.host('seed-1', { role: 'seed' }), cluster.host('peer-1')]);
  }

  private constructor(directory: string) {
    this.#directory = directory;
  }

  async host(name: string, options: TestHostOptions = {}): Promise<TestHost> {
    const { role = 'peer', tokenHost = name } = options;
    const host = parseHostName(name);
    const issued = await issueCertificate(this.#directory, { host, role, addresses: [], days: 1 });
    const { token } = signToken(
      {
        host: parseHostName(tokenHost),
        repositories: options.repositories ?? ['*'],
        nowMs: Date.now() - (options.tokenAgeMs ?? 0),
        lifeMs: options.tokenLifeMs ?? 3600_000,
      },
      this.#tokenKeys.privateKey,
    );
    return {
      self: { host, role, zone: 'z1', rack: 'r1', address: '127.0.0.1:0' },
      trust: {
        identity: () => issued,
        token: () => token,
        checkToken: (text, of, nowMs) =>
          verifyToken(text, { publicKeys: [this.#tokenKeys.publicKey], host: of, nowMs }),
      },
    };
  }
}
