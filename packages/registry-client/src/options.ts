/**
 * Options of every store and client of this package.
 */
import type { AuthenticationObserver } from './auth/authentication-event.ts';
import type { CredentialSource } from './auth/credential-source.ts';
import type { DockerConfigPlace } from './auth/docker-config.ts';
import type { HttpOptions } from './http/http-options.ts';
import type { RegistryClient } from './image-store.ts';

export type ClientOptions = HttpOptions &
  DockerConfigPlace & {
    /** Speak plain HTTP to the registry. Loopback registries may do so unasked. */
    readonly plainHttp?: boolean | undefined;
    /** Asked for credentials in this order. @default Docker's configuration only */
    readonly credentialSources?: readonly CredentialSource[] | undefined;
    /**
     * Directories as containerd's `/etc/containerd/certs.d`: the first that has one for the registry
     * says which servers are asked for its images. @default none
     */
    readonly hostsDirectories?: readonly string[] | undefined;
    /** What anybody gets: of the registry itself, without credentials or mirrors. @default false */
    readonly isAnonymous?: boolean | undefined;
    /** Told of every token and password that a registry wanted anew. */
    readonly onAuthentication?: AuthenticationObserver | undefined;
    /** Ends everything done with these options. */
    readonly signal?: AbortSignal | undefined;
    /** Share this client's connections, tokens and options instead of making one. */
    readonly client?: RegistryClient | undefined;
  };
