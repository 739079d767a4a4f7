/** What the tests of every package share. Only test code may import this package. */
export { compareListings, compareTrees } from './compare-trees.ts';
export { DnsServer, type SrvRecord } from './dns-server.ts';
export { FaultProxy } from './fault-proxy/fault-proxy.ts';
export { type Fault, type FaultRule, isBlobRead } from './fault-proxy/faults.ts';
export { type LimitedReads, limitBlobReads } from './fault-proxy/limit-blob-reads.ts';
export { PresigningProxy } from './fault-proxy/presigning-proxy.ts';
export { allowFewFiles, type FewFiles } from './few-files.ts';
export type { FuzzTarget } from './fuzz-target.ts';
export {
  type ContainerdLine,
  findTool,
  type HelmJudge,
  nydusDirectory,
  requireContainerdJudge,
  requireDistributionJudge,
  requireHelm,
  requireMounts,
  requireNerdctl,
  requireNydus,
  requireNydusBuilder,
  requireRoot,
  requireTool,
} from './gating.ts';
export { closeServer, listenOnLoopback, serveOnLoopback } from './loopback-server.ts';
export { noiseBytes } from './noise-bytes.ts';
export {
  buildLayout,
  digestOf,
  type LayerCompression,
  type StoredLayer,
  writeLayout,
  writeLayoutDocuments,
} from './oci-layout.ts';
export { plainLayers } from './plain-layers.ts';
export {
  type DockerRegistry,
  type DockerRegistryOptions,
  startDockerRegistry,
} from './registry/docker-registry.ts';
export { type ArtifactFile, pushArtifact } from './registry/push-artifact.ts';
export { TokenServer } from './registry/token-server.ts';
export {
  type CommandOptions,
  type CommandResult,
  runChecked,
  runCommand,
} from './run-command.ts';
export { fuzzShortly } from './short-fuzz.ts';
export { type TarSpec, writeTar, writeTarEntry } from './tar-writer.ts';
export { temporaryDirectory } from './temporary-directory.ts';
export type { TestScope } from './test-scope.ts';
export { type ProcessFigures, timeCommand } from './timed-command.ts';
export { buildTortureLayout, noise, tortureLayers } from './torture-layers.ts';
export { type ListTreeOptions, listTree, type TreeRecord } from './tree-listing.ts';
export { until } from './until.ts';
export { WebFileServer } from './web-file-server.ts';
