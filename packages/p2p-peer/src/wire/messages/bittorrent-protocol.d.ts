/** What PeerWire uses of bittorrent-protocol 5.0.9, which comes without types. */
declare module 'bittorrent-protocol' {
  export type WireRequest = {
    readonly piece: number;
    readonly offset: number;
    readonly length: number;
    readonly callback: (error: Error | null, bytes: Uint8Array | null) => void;
  };

  class Wire {
    readonly requests: WireRequest[];
    readonly hasFast: boolean;
    readonly peerChoking: boolean;
    readonly peerExtensions: { readonly extended?: boolean };
    extendedMapping: Record<number, string>;
    protected _finished: boolean;
    protected _extendedHandshakeSent: boolean | undefined;
    protected readonly _parserSize: number;
    protected readonly _parser: (bytes: Uint8Array) => void;

    handshake(infoHash: string, peerId: string, extensions: { fast: boolean }): void;
    request(piece: number, offset: number, length: number, callback: WireRequest['callback']): void;
    cancel(piece: number, offset: number, length: number): void;
    reject(piece: number, offset: number, length: number): void;
    piece(index: number, offset: number, bytes: Uint8Array): void;
    have(index: number): void;
    haveAll(): void;
    haveNone(): void;
    bitfield(bits: Uint8Array): void;
    unchoke(): void;
    interested(): void;
    keepAlive(): void;
    extended(id: number, body: Uint8Array): void;
    destroy(): this;
    end(): this;

    protected _debug(...parts: unknown[]): void;
    protected _push(bytes: Uint8Array): void;
    protected _message(id: number, numbers: readonly number[], bytes: Uint8Array | null): void;
    protected _parse(size: number, parser: (bytes: Buffer) => void): void;
    protected _pull(
      requests: WireRequest[],
      piece: number,
      offset: number,
      length: number,
    ): WireRequest | null;
    protected _sendExtendedHandshake(): void;
    protected _write(bytes: Uint8Array, done: (error: Error | null) => void): void;
    protected _onMessageLength(bytes: Buffer): void;
    protected _onMessage(bytes: Buffer): void;
    protected _onKeepAlive(): void;
    protected _onHandshake(
      infoHash: Uint8Array,
      peerId: Uint8Array,
      extensions: { readonly fast: boolean; readonly extended: boolean },
    ): void;
    protected _onChoke(): void;
    protected _onUnchoke(): void;
    protected _onInterested(): void;
    protected _onHave(index: number): void;
    protected _onBitField(bits: Uint8Array): void;
    protected _onHaveAll(): void;
    protected _onHaveNone(): void;
    protected _onRequest(piece: number, offset: number, length: number): void;
    protected _onPiece(piece: number, offset: number, bytes: Uint8Array): void;
    protected _onCancel(piece: number, offset: number, length: number): void;
    protected _onReject(piece: number, offset: number, length: number): void;
    protected _onSuggest(index: number): void;
    protected _onAllowedFast(index: number): void;
    protected _onExtended(id: number, body: Uint8Array): void;
  }

  // biome-ignore lint/style/noDefaultExport: it is the package's.
  export { Wire as default };
}
