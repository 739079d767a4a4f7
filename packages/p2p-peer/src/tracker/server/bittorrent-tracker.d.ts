/** What the tracker uses of bittorrent-tracker 11.2.3, which comes without types. */
declare module 'bittorrent-tracker/server' {
  import type { EventEmitter } from 'node:events';
  import type { IncomingMessage, ServerResponse } from 'node:http';

  export type TrackerCallback<Value> = (error: Error | null, value?: Value) => void;

  /** As the engine reads it from the address; what strangers repeat comes as a list. */
  export type EngineParams = {
    readonly info_hash: string;
    readonly peer_id: string;
    readonly port: number;
    readonly left: number;
    readonly compact: number;
    readonly numwant: number;
    readonly event?: unknown;
    readonly ip: string;
    readonly httpReq: IncomingMessage;
    readonly [key: string]: unknown;
  };

  export type EnginePeer = { readonly ip: string; readonly port: number };

  export type EngineAnswer = {
    readonly complete: number;
    readonly incomplete: number;
    /** Bytes go into the answer as they are, in a form that the engine does not know. */
    readonly peers: readonly EnginePeer[] | Buffer;
    readonly 'min interval'?: number;
  };

  export type EngineSwarm = {
    announce(params: EngineParams, callback: TrackerCallback<EngineAnswer>): void;
  };

  // biome-ignore lint/style/noDefaultExport: it is theirs
  export default class Server extends EventEmitter {
    constructor(options: {
      readonly http: boolean;
      readonly udp: boolean;
      readonly ws: boolean;
      readonly stats: boolean;
      readonly interval: number;
      readonly filter?: (
        infoHash: string,
        params: EngineParams,
        callback: (error: Error | null) => void,
      ) => void;
    });
    getSwarm(infoHash: string, callback: TrackerCallback<EngineSwarm | undefined>): void;
    createSwarm(infoHash: string, callback: TrackerCallback<EngineSwarm>): void;
    onHttpRequest(request: IncomingMessage, response: ServerResponse): void;
    close(callback?: () => void): void;
  }
}
