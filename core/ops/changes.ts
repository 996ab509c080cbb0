// Several operations as one change: put what was uploaded, delete, copy, move. All or nothing.

import { AppError, badInput } from '../errors.ts';
import type { Entry } from '../model/entry.ts';
import { fromKey, type Kind, parseKindPath, toKey } from '../model/path.ts';
import { type Range, rangeOf, type Selector } from '../model/scope.ts';
import type { Digest } from '../ports.ts';
import type { Edit } from '../tree/edit.ts';
import { scan } from '../tree/walk.ts';
import { type Call, reader } from './call.ts';
import { type SavedVersion, save, savedVersion } from './save.ts';
import { resolveState } from './states.ts';
import { type CommittedUpload, commitUpload, finishUpload } from './uploads.ts';

/** Copies of copies would double with each operation. */
const mostEdits = 50_000;

export type ChangeOp =
  | { op: 'put'; path: string; upload?: string | undefined }
  | { op: 'delete'; kind: Kind; path?: string | undefined; prefix?: string | undefined }
  | {
      op: 'copy' | 'move';
      kind: Kind;
      from: { state?: string | undefined; path?: string | undefined; prefix?: string | undefined };
      to: string;
    };

export interface Changes {
  readonly upload?: string | undefined;
  readonly message?: string | undefined;
  readonly ifMatch?: string | undefined;
  readonly ops: readonly ChangeOp[];
}

export async function applyChanges(call: Call, instance: string, changes: Changes): Promise<SavedVersion> {
  const uploads = await commitUploads(call, instance, changes);
  const pointers = new Map<string, string>();
  const pointerOf = (key: string) => pointers.get(key) ?? '/ops';
  const options = { ifMatch: changes.ifMatch, message: changes.message, pointerOf };
  const entry = await save(call, instance, options, async (root) => {
    const draft = new Draft(call, instance, root);
    for (const [index, op] of changes.ops.entries()) {
      const pointer = `/ops/${index}`;
      for (const key of await draft.apply(op, pointer, (path) => uploads.find(op, path, pointer)))
        pointers.set(key, `${pointer}/${op.op === 'copy' || op.op === 'move' ? 'to' : 'path'}`);
    }
    if (changes.ops.length === 0) for (const [key, put] of uploads.everything()) draft.put(key, put);
    return draft.edits();
  });
  await uploads.done();
  return savedVersion(entry);
}

/** The uploads a change refers to: one for all of it, or one for an operation. */
async function commitUploads(call: Call, instance: string, changes: Changes) {
  const byId = new Map<string, CommittedUpload>();
  const isUpload = (text: string | undefined): text is string => text?.startsWith('upl_') ?? false;
  const use = async (id: string, pointer: string) => {
    if (!byId.has(id)) byId.set(id, await commitUpload(call, instance, id, pointer));
  };
  if (changes.upload !== undefined) await use(changes.upload, '/upload');
  for (const [index, op] of changes.ops.entries())
    if (op.op === 'put' && isUpload(op.upload)) await use(op.upload, `/ops/${index}/upload`);

  return {
    find(op: ChangeOp, path: string, pointer: string): Entry {
      const named = op.op === 'put' ? op.upload : undefined;
      const id = isUpload(named) ? named : changes.upload;
      if (id === undefined)
        throw badInput(
          `${pointer}/upload`,
          'Name the upload that has the bytes, here or for the whole change.',
        );
      const source = named === undefined || isUpload(named) ? path : named;
      const found = byId.get(id)!.entryFor(source, path);
      if (!found)
        throw new AppError('impossible', `Upload ${id} has no file "${source}".`, {
          errors: [{ pointer: `${pointer}/path`, detail: `That upload has no file "${source}".` }],
        });
      return found;
    },
    *everything(): Generator<[string, Entry]> {
      for (const upload of byId.values()) yield* upload.entries();
    },
    async done() {
      for (const id of byId.keys()) await finishUpload(call, id);
    },
  };
}

/** The state as the operations so far have made it. */
class Draft {
  readonly #call: Call;
  readonly #instance: string;
  readonly #root: Digest;
  readonly #edits = new Map<string, Entry | undefined>();

  constructor(call: Call, instance: string, root: Digest) {
    this.#call = call;
    this.#instance = instance;
    this.#root = root;
  }

  put(key: string, entry: Entry): void {
    this.#edits.set(key, entry);
    if (this.#edits.size > mostEdits)
      throw new AppError('too-large', `One change touches at most ${mostEdits} entries; split it.`);
  }

  edits(): Edit[] {
    return [...this.#edits].map(([key, entry]) => ({ key, entry }));
  }

  /** Applies one operation; answers the keys it filled. */
  async apply(op: ChangeOp, pointer: string, uploaded: (path: string) => Entry): Promise<string[]> {
    if (op.op === 'put') {
      const path = parseKindPath('file', op.path, `${pointer}/path`);
      this.put(toKey('file', path), uploaded(path));
      return [toKey('file', path)];
    }
    if (op.op === 'delete') {
      for (const [key] of await this.#select(this.#root, op, pointer, true)) this.#edits.set(key, undefined);
      return [];
    }
    return this.#relocate(op, pointer);
  }

  async #relocate(op: Extract<ChangeOp, { to: string }>, pointer: string): Promise<string[]> {
    const { state = 'current', path, prefix } = op.from;
    const live = state === 'current';
    if (op.op === 'move' && !live)
      throw badInput(`${pointer}/from/state`, 'A past state cannot change: copy from it instead of moving.');
    const root = live
      ? this.#root
      : (await resolveState(this.#call, this.#instance, state, `${pointer}/from/state`)).root;
    const found = await this.#select(root, { kind: op.kind, path, prefix }, `${pointer}/from`, live);
    const skip = (prefix ?? '').normalize('NFC').length;
    const filled: string[] = [];
    if (op.op === 'move') for (const [key] of found) this.#edits.set(key, undefined);
    for (const [key, entry] of found) {
      const target = path === undefined ? op.to + fromKey(key).path.slice(skip) : op.to;
      const to = toKey(op.kind, parseKindPath(op.kind, target, `${pointer}/to`));
      this.put(to, entry);
      filled.push(to);
    }
    return filled;
  }

  /** What a selector names, with the edits made so far where the state is the one being changed. */
  async #select(
    root: Digest,
    selector: Selector,
    pointer: string,
    live: boolean,
  ): Promise<[string, Entry][]> {
    const range = rangeOf(selector, pointer);
    const found = new Map<string, Entry | undefined>();
    for await (const { key, entry } of scan(reader(this.#call), root, range)) found.set(key, entry);
    if (live) for (const [key, entry] of this.#editsOf(selector, range)) found.set(key, entry);
    const there = [...found].filter((item): item is [string, Entry] => item[1] !== undefined);
    if (there.length > 0) return there;
    const detail = `There is nothing at ${fromKey(range.from.replace(/\0$/, '')).path || 'that prefix'} in that state.`;
    throw new AppError('not-found', detail, { errors: [{ pointer, detail }] });
  }

  /** The edits so far of what a selector names. One key is looked up: n operations take n steps, not n². */
  #editsOf({ path }: Selector, { from }: Range): [string, Entry | undefined][] {
    if (path === undefined) return [...this.#edits].filter(([key]) => key.startsWith(from));
    return this.#edits.has(from) ? [[from, this.#edits.get(from)]] : [];
  }
}
