/** The files one worker serves, by node id and by name, and the answers that need nothing else. */
import { constants } from 'node:os';
import { FUSE_ROOT_ID } from './kernel-structs.ts';
import {
  encodeAttributesReply,
  encodeDirectoryReply,
  encodeEntryReply,
  encodeErrorReply,
  encodeOpenReply,
  encodeReply,
  encodeStatfsReply,
  type NodeFacts,
} from './reply.ts';
import type { FuseRequest } from './request.ts';
import type { WorkerFile } from './worker-messages.ts';

const { ENOENT, ENOSYS, ENOTDIR, ESTALE, EIO } = constants.errno;

export type ServedFile = WorkerFile & { readonly map: Uint8Array };

export class FileTable {
  readonly #byId = new Map<number, ServedFile>();
  readonly #byName = new Map<string, ServedFile>();

  add(file: WorkerFile): void {
    const served = { ...file, map: new Uint8Array(file.readyMap) };
    this.#byId.set(file.fileId, served);
    this.#byName.set(wireName(file.name), served);
  }

  remove(fileId: number): void {
    const file = this.#byId.get(fileId);
    if (file === undefined) return;
    this.#byId.delete(fileId);
    this.#byName.delete(wireName(file.name));
  }

  get(fileId: number): ServedFile | undefined {
    return this.#byId.get(fileId);
  }

  /** The reply to any request but READ, INTERRUPT and those that get none. */
  reply(request: FuseRequest): Buffer {
    const { unique, nodeId } = request;
    switch (request.kind) {
      case 'lookup':
        return this.#lookup(unique, nodeId, request.name);
      case 'getattr': {
        const node = this.#node(nodeId);
        return node === undefined
          ? encodeErrorReply(unique, ESTALE)
          : encodeAttributesReply(unique, node);
      }
      case 'open':
      case 'opendir':
        return this.#node(nodeId) === undefined
          ? encodeErrorReply(unique, ESTALE)
          : encodeOpenReply(unique);
      case 'readdir':
        return this.#list(unique, request.offset, request.size);
      case 'statfs':
        return encodeStatfsReply(unique, this.#byId.size);
      case 'release':
      case 'destroy':
        return encodeReply(unique);
      case 'unknown':
        return encodeErrorReply(unique, ENOSYS);
      default:
        return encodeErrorReply(unique, EIO);
    }
  }

  #node(nodeId: number): NodeFacts | undefined {
    if (nodeId === FUSE_ROOT_ID) return { nodeId, sizeBytes: 0 };
    const file = this.#byId.get(nodeId);
    return file === undefined ? undefined : { nodeId, sizeBytes: file.sizeBytes };
  }

  #lookup(unique: bigint, parent: number, name: string): Buffer {
    if (parent !== FUSE_ROOT_ID) return encodeErrorReply(unique, ENOTDIR);
    const file = this.#byName.get(name);
    if (file === undefined) return encodeErrorReply(unique, ENOENT);
    return encodeEntryReply(unique, { nodeId: file.fileId, sizeBytes: file.sizeBytes });
  }

  #list(unique: bigint, from: number, size: number): Buffer {
    const entries = [
      { nodeId: FUSE_ROOT_ID, name: '.' },
      { nodeId: FUSE_ROOT_ID, name: '..' },
    ];
    for (const [name, file] of this.#byName) entries.push({ nodeId: file.fileId, name });
    return encodeDirectoryReply(unique, entries, from, size);
  }
}

/** A name's bytes as the protocol module hands them over. */
function wireName(name: string): string {
  return Buffer.from(name, 'utf8').toString('latin1');
}
