/**
 * What Docker asks a mirror for and what it needs of the answers, as data: each request is written down
 * from the documentation, the specification or the issue that it names, not recorded from a running engine. In
 * paths, headers and wants `{name}` stands for something of the image; a header that is wanted as `*`
 * has to be there, one as `-` must not.
 */

export type DockerScene =
  /** An image that anybody gets a token for. */
  | 'public'
  /** One that only a login gets a token for. */
  | 'private'
  /** The registry fails in the way that the rule says. */
  | 'failing';

export type DockerRule = {
  /** What Docker does, and what it needs. */
  readonly says: string;
  /** Title, section. */
  readonly from: string;
  readonly scene: DockerScene;
  readonly method: 'GET' | 'HEAD';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Status that the registry itself answers with, or a connection that it ends. */
  readonly fault?: number | 'reset';
  readonly wants: {
    readonly status: readonly number[];
    readonly headers?: Readonly<Record<string, string>>;
    /** Digest of the whole body, or bytes of the layer behind this offset. */
    readonly body?: string | { readonly layerFrom: number };
  };
};

const MIRROR = 'Registry as a pull through cache';
const API = 'HTTP API V2';
const TOKEN = 'Token Authentication Specification';
const OCI = 'OCI Distribution Specification 1.1';
const FALLBACK = 'docker/docs issue 5139 (what a mirror does not give comes from Docker Hub)';
const PROXYING = 'OCI Distribution Specification, Registry Proxying';

const TAG = '/v2/library/app/manifests/latest';
const MANIFEST = '/v2/library/app/manifests/{manifest}';
const INDEX = '/v2/library/app/manifests/{index}';
const CONFIG = '/v2/library/app/blobs/{config}';
const LAYER = '/v2/library/app/blobs/{layer}';

/** Of the engine with its own image store. */
const ENGINE = {
  'user-agent':
    'docker/24.0.7 go/go1.20.10 git-commit/311b9ff kernel/6.1.0 os/linux arch/amd64 UpstreamClient(Docker-Client/24.0.7 \\(linux\\))',
  'accept-encoding': 'gzip',
};
const ENGINE_ACCEPT = [
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v1+prettyjws',
  'application/json',
].join(', ');
const ANYBODY = { ...ENGINE, authorization: 'Bearer {anonymous}' };
const LOGIN = { ...ENGINE, authorization: 'Bearer {login}' };
const LAYERS = { ...ANYBODY, 'accept-encoding': 'identity' };

/** Of the engine with containerd's image store. */
const STORE = {
  'user-agent': 'docker/29.0.0 containerd/2.2.0 UpstreamClient(Docker-Client/29.0.0 \\(linux\\))',
  accept:
    'application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, */*',
};

const IS_HUB = { 'x-shoal-upstream': 'docker.io' };

export const DOCKER_RULES: readonly DockerRule[] = [
  {
    says: 'the root of the mirror is a registry; its challenge says where tokens are to be had',
    from: `${API}, API Version Check; ${TOKEN}, How to authenticate`,
    ...{ scene: 'public', method: 'GET', path: '/v2/', headers: ENGINE },
    wants: {
      status: [401],
      headers: { 'docker-distribution-api-version': 'registry/2.0', 'www-authenticate': '*' },
    },
  },
  {
    says: 'a tag is asked for by HEAD with all types that the engine reads',
    from: `${API}, Existing Manifests; ${API}, Pulling an Image Manifest`,
    ...{ scene: 'public', method: 'HEAD', path: TAG },
    headers: { ...ANYBODY, accept: ENGINE_ACCEPT },
    wants: {
      status: [200],
      headers: {
        ...IS_HUB,
        'docker-content-digest': '{index}',
        'content-length': '{indexSize}',
        'content-type': 'application/vnd.oci.image.index.v1+json',
      },
    },
  },
  {
    says: 'only Docker Hub has mirrors, and paths do not name it',
    from: `${MIRROR}, Configure the Docker daemon`,
    ...{ scene: 'public', method: 'GET', path: TAG },
    headers: { ...ANYBODY, accept: ENGINE_ACCEPT },
    wants: { status: [200], headers: IS_HUB, body: '{index}' },
  },
  {
    says: 'the index comes by the digest that HEAD has told',
    from: `${API}, Content Digests`,
    ...{ scene: 'public', method: 'GET', path: INDEX },
    headers: { ...ANYBODY, accept: ENGINE_ACCEPT },
    wants: { status: [200], headers: { 'docker-content-digest': '{index}' }, body: '{index}' },
  },
  {
    says: 'then the manifest of one platform',
    from: 'Image Manifest Version 2, Schema 2, Manifest List',
    ...{ scene: 'public', method: 'GET', path: MANIFEST },
    headers: { ...ANYBODY, accept: ENGINE_ACCEPT },
    wants: {
      status: [200],
      headers: { 'content-type': 'application/vnd.oci.image.manifest.v1+json' },
      body: '{manifest}',
    },
  },
  {
    says: 'then its configuration, a blob',
    from: 'Image Manifest Version 2, Schema 2, Image Manifest Field Descriptions (config)',
    ...{ scene: 'public', method: 'GET', path: CONFIG, headers: ANYBODY },
    wants: { status: [200], headers: { 'content-encoding': '-' }, body: '{config}' },
  },
  {
    says: 'then its layers, with a length for the progress bar',
    from: `${API}, Pulling a Layer`,
    ...{ scene: 'public', method: 'GET', path: LAYER, headers: LAYERS },
    wants: {
      status: [200],
      headers: { 'content-length': '{layerSize}', 'content-encoding': '-' },
      body: '{layer}',
    },
  },
  {
    says: 'a layer that broke off goes on where it ended',
    from: `${API}, Resumable Pull; RFC 9110, Range Requests`,
    ...{ scene: 'public', method: 'GET', path: LAYER },
    headers: { ...LAYERS, range: 'bytes=1000000-' },
    wants: {
      status: [206],
      headers: { 'content-range': 'bytes 1000000-{layerLast}/{layerSize}' },
      body: { layerFrom: 1_000_000 },
    },
  },
  {
    says: 'access to a layer is gated by the name of the repository',
    from: `${API}, Pulling a Layer`,
    ...{ scene: 'public', method: 'GET', path: '/v2/library/other/blobs/{layer}' },
    headers: LAYERS,
    wants: { status: [401, 403, 404], headers: { 'x-shoal-source': '-' } },
  },
  {
    says: 'a tag that is not there is 404: the engine goes on to Docker Hub',
    from: `${API}, Existing Manifests`,
    ...{ scene: 'public', method: 'HEAD', path: '/v2/library/app/manifests/none' },
    headers: { ...ANYBODY, accept: ENGINE_ACCEPT },
    wants: { status: [404] },
  },
  {
    says: 'without a token there is a challenge with the scope of the repository',
    from: `${TOKEN}, How to authenticate`,
    ...{ scene: 'private', method: 'HEAD', path: TAG },
    headers: { ...ENGINE, accept: ENGINE_ACCEPT },
    wants: { status: [401], headers: { 'www-authenticate': '*', 'x-shoal-source': '-' } },
  },
  {
    says: "the engine's own store answers it with the login of Docker Hub",
    from: 'moby/moby issue 42022 (the engine sends the login to mirrors)',
    ...{ scene: 'private', method: 'HEAD', path: TAG },
    headers: { ...LOGIN, accept: ENGINE_ACCEPT },
    wants: { status: [200], headers: { 'docker-content-digest': '{index}' } },
  },
  {
    says: 'and reads the layers with that',
    from: `${TOKEN}, Using the Bearer token`,
    ...{ scene: 'private', method: 'GET', path: LAYER },
    headers: { ...LOGIN, 'accept-encoding': 'identity' },
    wants: { status: [200], body: '{layer}' },
  },
  {
    says: "who comes without it is refused what others have read: he goes to Docker Hub, as containerd's store does",
    from: FALLBACK,
    ...{ scene: 'private', method: 'GET', path: `${INDEX}?ns=docker.io`, headers: STORE },
    wants: { status: [401], headers: { 'x-shoal-source': '-' } },
  },
  {
    says: 'the token that anybody gets for a private image has no access: it is refused, with the scope',
    from: `${TOKEN}, Requesting a Token`,
    ...{ scene: 'private', method: 'HEAD', path: `${TAG}?ns=docker.io` },
    headers: { ...STORE, authorization: 'Bearer {elsewhere}' },
    wants: { status: [401], headers: { 'www-authenticate': '*', 'x-shoal-source': '-' } },
  },
  {
    says: 'a wrong token is refused with a challenge, too',
    from: `${TOKEN}, Using the Bearer token`,
    ...{ scene: 'private', method: 'GET', path: LAYER },
    headers: { ...ENGINE, authorization: 'Bearer of.bad.news' },
    wants: { status: [401], headers: { 'www-authenticate': '*' } },
  },
  {
    says: "containerd's image store names the registry in the query, and pings nobody",
    from: PROXYING,
    ...{ scene: 'public', method: 'HEAD', path: `${TAG}?ns=docker.io` },
    headers: { ...STORE, authorization: 'Bearer {anonymous}' },
    wants: { status: [200], headers: { ...IS_HUB, 'docker-content-digest': '{index}' } },
  },
  {
    says: 'without that name the mirror is Docker Hub',
    from: `${PROXYING}; ${MIRROR}, Configure the Docker daemon`,
    ...{ scene: 'public', method: 'GET', path: INDEX },
    headers: { ...STORE, authorization: 'Bearer {anonymous}' },
    wants: { status: [200], headers: IS_HUB, body: '{index}' },
  },
  {
    says: 'blobs come as they are, whatever encodings the store reads',
    from: `${OCI}, Pulling blobs`,
    ...{ scene: 'public', method: 'GET', path: `${LAYER}?ns=docker.io` },
    headers: {
      ...STORE,
      authorization: 'Bearer {anonymous}',
      'accept-encoding': 'zstd;q=1.0, gzip;q=0.8, deflate;q=0.5',
    },
    wants: { status: [200], headers: { 'content-encoding': '-' }, body: '{layer}' },
  },
  ...[404, 429, 500, 503, 'reset' as const].flatMap((fault): DockerRule[] => [
    {
      says: `the registry fails (${fault}): an error, in the words of the specification, and the engine asks Docker Hub`,
      from: `${API}, Errors; ${FALLBACK}`,
      ...{ scene: 'failing', method: 'GET', path: TAG, fault },
      headers: { ...ANYBODY, accept: ENGINE_ACCEPT },
      wants: { status: fault === 'reset' ? [502] : [fault], headers: { 'content-type': '*' } },
    },
    {
      says: `the same of a layer (${fault})`,
      from: `${API}, Errors`,
      ...{ scene: 'failing', method: 'GET', path: LAYER, fault, headers: LAYERS },
      wants: { status: fault === 'reset' ? [502] : [fault], headers: { 'content-type': '*' } },
    },
  ]),
];
