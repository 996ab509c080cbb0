// Random changes of one instance: files, tables and applications, copies and moves, uploads, snapshots and restores. Each
// says what the state is afterwards. Texts and paths are few, so that what was deleted often comes again.

import { inRanges, rangeOf, type Selector } from '../../core/model/scope.ts';
import { type Content, model as delivering } from './delivery-model.ts';
import { announcement } from './http.ts';
import { type Change, type Soak, unknown } from './soak.ts';
import type { Chance } from './soak-chance.ts';
import { fileIdentity, type OpenUpload, type Workplace } from './soak-model.ts';
import { inUrl, sha256 } from './world.ts';

const folders = ['', 'a/', 'b/', 'b/c/', 'd1/'];
const prefixes = ['n', 'a/', 'b/', 'b/c/', 'd1/', 'd2/', 'd3/'];
const copiesTo = ['d1/', 'd2/', 'd3/'];
/** More entries than that are not let grow. */
const mostEntries = 200;
const headers = { 'content-type': 'text/csv' };

let texts = 0;

/** Content that was there before, or that never was. */
export function someText(chance: Chance): string {
  const number = chance.is(0.6) ? chance.below(60) : 1_000 + texts++;
  const size = number % 30 === 7 ? 70_000 : (number * 97) % 1_500;
  const text = `text ${number} `.padEnd(size, 'x');
  textsByHash.set(sha256(text), text);
  return text;
}

const textsByHash = new Map<string, string>();

const somePath = (chance: Chance): string => `${chance.pick(folders)}n${chance.below(12)}.txt`;
const filesOf = (content: Content): string[] =>
  [...content.keys()].filter((key) => key.startsWith('files/')).map((key) => key.slice('files/'.length));

/** An instance that people may change. */
export const someWorkplace = ({ chance, model }: Soak): Workplace =>
  chance.pick(model.ofKind('master', 'student', 'student', 'group', 'project'));

/** Half of all posts say who they are, so that they could be sent again. */
const keyed = (chance: Chance): Record<string, string> =>
  chance.is(0.5) ? { 'idempotency-key': `key ${chance.next()}` } : {};

type Making = (soak: Soak, instance: string) => Change | undefined;

/** Content that nothing else has, so that nothing else keeps it. */
export const newText = (): string => `text ${1_000_000 + texts++}`;

const url = (instance: string, rest: string): string => `/v1/instances/${instance}${rest}`;

const saveFile: Making = (soak, instance) =>
  saving(soak, instance, somePath(soak.chance), someText(soak.chance));

export function saving({ model, manager }: Soak, instance: string, path: string, text: string): Change {
  const expected = new Map(model.current(instance)).set(`files/${path}`, fileIdentity(sha256(text)));
  return { what: `save ${path}`, instance, expected, ask: () => manager.save(instance, path, text) };
}

const deleteFile: Making = (soak, instance) => {
  const paths = filesOf(soak.model.current(instance));
  return paths.length === 0 ? undefined : deleting(soak, instance, soak.chance.pick(paths));
};

export function deleting({ model, manager }: Soak, instance: string, path: string): Change {
  const expected = new Map(model.current(instance));
  expected.delete(`files/${path}`);
  const ask = () => manager.delete(url(instance, `/files/${inUrl(path)}`));
  return { what: `delete ${path}`, instance, expected, ask };
}

const deleteFolder: Making = ({ chance, model, manager }, instance) => {
  const now = model.current(instance);
  const there = prefixes.filter((prefix) => filesOf(now).some((path) => path.startsWith(prefix)));
  if (there.length === 0) return undefined;
  const prefix = chance.pick(there);
  const expected = new Map([...now].filter(([key]) => !key.startsWith(`files/${prefix}`)));
  const ops = [{ op: 'delete', kind: 'file', prefix }];
  const key = keyed(chance);
  const ask = () => manager.post(url(instance, '/changes'), { ops }, key);
  return { what: `delete ${prefix}`, instance, expected, ask };
};

/** Copies a folder from some state of the instance, or moves it. */
const relocate: Making = ({ chance, model, manager, nowMs }, instance) => {
  const now = model.current(instance);
  if (now.size > mostEntries) return undefined;
  const workplace = model.instances.get(instance)!;
  const op = chance.pick(['copy', 'copy', 'move'] as const);
  const { state, content } =
    op === 'move' ? { state: 'current', content: now } : someState(chance, model, workplace, nowMs);
  const there = prefixes.filter((prefix) => filesOf(content).some((path) => path.startsWith(prefix)));
  if (there.length === 0) return undefined;
  const prefix = chance.pick(there);
  const to = chance.pick(copiesTo.filter((folder) => folder !== prefix));
  const expected = new Map(now);
  const taken = [...content].filter(([key]) => key.startsWith(`files/${prefix}`));
  if (op === 'move') for (const [key] of taken) expected.delete(key);
  for (const [key, identity] of taken)
    expected.set(`files/${to}${key.slice(`files/${prefix}`.length)}`, identity);
  const ops = [{ op, kind: 'file', from: { state, prefix }, to }];
  const key = keyed(chance);
  const ask = () => manager.post(url(instance, '/changes'), { ops }, key);
  return { what: `${op} ${prefix} of ${state} to ${to}`, instance, expected, ask };
};

/** The current state, a snapshot, or a time in the window. */
export function someState(
  chance: Chance,
  model: Soak['model'],
  workplace: Workplace,
  nowMs: number,
): { state: string; content: Content } {
  const kind = chance.below(3);
  const snapshots = [...workplace.snapshots];
  if (kind === 1 && snapshots.length > 0) {
    const [state, { root }] = chance.pick(snapshots);
    return { state, content: model.states.get(root)! };
  }
  if (kind === 2) {
    const { atMs } = chance.pick(model.window(workplace, nowMs));
    const { root } = workplace.journal.findLast((version) => version.atMs <= atMs)!;
    return { state: `at:${new Date(atMs).toISOString()}`, content: model.states.get(root)! };
  }
  return { state: 'current', content: model.current(workplace.id) };
}

const putTable: Making = ({ chance, model, manager }, instance) => {
  const name = `t${chance.below(3)}`;
  const rows = someRows(chance);
  const expected = new Map(model.current(instance)).set(`tables/${name}`, unknown);
  const ask = () => manager.send('PUT', url(instance, `/tables/${name}`), { body: csvOf(rows), headers });
  return { what: `put ${name}`, instance, expected, ask, learn: (made) => model.rows.set(made, rows) };
};

const appendRows: Making = ({ chance, model, manager }, instance) => {
  const now = model.current(instance);
  const names = [...now.keys()].filter((key) => key.startsWith('tables/'));
  if (names.length === 0) return undefined;
  const key = chance.pick(names);
  const more = someRows(chance);
  const rows = [...model.rows.get(now.get(key)!)!, ...more];
  if (rows.length > 500) return putTable({ chance, model, manager } as Soak, instance);
  const expected = new Map(now).set(key, unknown);
  const sent = { body: csvOf(more), headers: { ...headers, ...keyed(chance) } };
  const ask = () =>
    manager.send('POST', url(instance, `/${key.split('/').map(encodeURIComponent).join('/')}/rows`), sent);
  return { what: `append to ${key}`, instance, expected, ask, learn: (made) => model.rows.set(made, rows) };
};

interface Row {
  readonly n: number;
  readonly word: string;
}

const someRows = (chance: Chance): Row[] =>
  Array.from({ length: 1 + chance.below(12) }, () => ({ n: chance.below(20), word: `w${chance.below(5)}` }));
const csvOf = (rows: readonly Row[]): string =>
  ['n,word', ...rows.map(({ n, word }) => `${n},${word}`), ''].join('\n');

const putApp: Making = ({ chance, model, manager }, instance) => {
  const name = `app${chance.below(2)}`;
  const app = {
    image: `image:${chance.below(5)}`,
    ...(chance.is(0.7) && { packages: someText(chance) }),
    ...(chance.is(0.7) && { config: { theme: 'x'.repeat(chance.is(0.3) ? 5_000 + chance.below(9) : 9) } }),
  };
  const expected = new Map(model.current(instance)).set(`apps/${name}`, unknown);
  const ask = () => manager.put(url(instance, `/apps/${name}`), app);
  return { what: `put ${name}`, instance, expected, ask, learn: (made) => model.apps.set(made, app) };
};

const takeSnapshot: Making = ({ chance, model, manager }, instance) => {
  const key = keyed(chance);
  const ask = () => manager.post(url(instance, '/snapshots'), { name: 'Kept' }, key);
  return { what: 'snapshot', instance, expected: model.current(instance), ask };
};

const deleteSnapshot: Making = ({ chance, model, manager }, instance) => {
  const snapshots = [...model.instances.get(instance)!.snapshots.keys()];
  if (snapshots.length === 0) return undefined;
  const id = chance.pick(snapshots);
  const ask = () => manager.delete(url(instance, `/snapshots/${id}`));
  return { what: `delete ${id}`, instance, expected: model.current(instance), ask };
};

/** Whole, from an own state or that of another instance. */
const restore: Making = ({ chance, model, manager, nowMs }, instance) => {
  const source = chance.is(0.7) ? model.instances.get(instance)! : chance.pick([...model.instances.values()]);
  const { state, content } = someState(chance, model, source, nowMs);
  const body = { state, from: source.id, safetySnapshot: chance.is(0.4) };
  const key = keyed(chance);
  const ask = () => manager.post(url(instance, '/restore'), body, key);
  return { what: `restore ${state} of ${source.id}`, instance, expected: content, ask };
};

const restorePaths: Making = ({ chance, model, manager, nowMs }, instance) => {
  const { state, content } = someState(chance, model, model.instances.get(instance)!, nowMs);
  const there = filesOf(content);
  if (there.length === 0) return undefined;
  const path: Selector = chance.is(0.5)
    ? { kind: 'file', path: chance.pick(there) }
    : { kind: 'file', prefix: chance.pick(there).slice(0, 2) };
  const scope = [rangeOf(path, '')];
  const payload = new Map([...content].filter(([key]) => inRanges(scope, key)));
  const { content: expected } = delivering({
    base: model.delivered(instance),
    payload,
    target: model.current(instance),
    scope,
    strategies: { file: 'overwrite', table: 'overwrite', app: 'overwrite' },
    day: new Date(nowMs).toISOString().slice(0, 10),
  });
  const body = { state, paths: [path], safetySnapshot: chance.is(0.4) };
  const key = keyed(chance);
  const ask = () => manager.post(url(instance, '/restore'), body, key);
  return { what: `restore ${JSON.stringify(path)} of ${state}`, instance, expected, ask };
};

const commitUpload: Making = (soak, instance) => {
  const uploads = [...soak.model.uploads.values()].filter((upload) => upload.instance === instance);
  return uploads.length === 0 ? undefined : committing(soak, soak.chance.pick(uploads));
};

/** Commits an upload: for the first time, or once more. */
export function committing({ model, manager, nowMs }: Soak, upload: OpenUpload): Change {
  const { id, instance, files, whole, committed, expiresMs } = upload;
  const expected = new Map(model.current(instance));
  for (const { path, parts } of files) {
    const identity = fileIdentity(...parts.map((part) => sha256(part)));
    expected.set(`files/${path}`, identity);
    model.wholes.set(identity, sha256(parts.join('')));
  }
  return {
    what: `commit ${id}${committed ? ' again' : ''}`,
    instance,
    expected,
    mayRefuse: committed || !whole || expiresMs < nowMs,
    ask: () => manager.post(url(instance, '/changes'), { upload: id }),
    done: () => {
      upload.committed = true;
    },
  };
}

const makings: Readonly<Record<string, Making>> = {
  saveFile,
  deleteFile,
  deleteFolder,
  relocate,
  putTable,
  appendRows,
  putApp,
  takeSnapshot,
  deleteSnapshot,
  restore,
  restorePaths,
  commitUpload,
};
const weights: Readonly<Record<string, number>> = {
  saveFile: 30,
  deleteFile: 10,
  deleteFolder: 3,
  relocate: 6,
  putTable: 3,
  appendRows: 5,
  putApp: 4,
  takeSnapshot: 5,
  deleteSnapshot: 10,
  restore: 4,
  restorePaths: 4,
  commitUpload: 5,
};

/** Some change of an instance that can be made as it is now. */
export function someChange(soak: Soak, instance: string): Change {
  const { chance, model } = soak;
  if (model.current(instance).size > mostEntries && chance.is(0.5)) return deleteFolder(soak, instance)!;
  if (model.instances.get(instance)!.snapshots.size > 12) return deleteSnapshot(soak, instance)!;
  for (;;) {
    const change = makings[chance.weighted(weights)]!(soak, instance);
    if (change) return change;
  }
}

/** Announces an upload, and sends all of it, a part of it, or nothing. Some of it may be there already. */
export async function startUpload(soak: Soak): Promise<void> {
  const { chance, model } = soak;
  const { id: instance } = someWorkplace(soak);
  const paths = new Set(Array.from({ length: 1 + chance.below(3) }, () => somePath(chance)));
  const files = [...paths].map((path) => {
    const there = /^file ([0-9a-f]{64})$/.exec(model.current(instance).get(`files/${path}`) ?? '')?.[1];
    const known = there && chance.is(0.5) ? textsByHash.get(there) : undefined;
    const parts = Array.from(
      { length: 1 + chance.below(3) },
      (_, i) => (i === 0 && known) || someText(chance),
    );
    return { path, parts };
  });
  const { id, present } = await sendUpload(soak, instance, files, chance.pick([1, 1, 1, 0.5, 0]));
  soak.say(`upload ${id} to ${instance}, ${present.length} parts present`);
  if (present.length === 0 || chance.is(0.5)) return;
  for (const { path } of files)
    if (model.current(instance).has(`files/${path}`)) await soak.make(deleting(soak, instance, path));
}

/** Announces an upload and sends that share of its parts. */
export async function sendUpload(
  { chance, model, manager }: Soak,
  instance: string,
  files: OpenUpload['files'],
  share = 1,
): Promise<OpenUpload> {
  const announced = announcement(
    files.map(({ path, parts }) => ({ path, parts: parts.map((part) => Buffer.from(part)) })),
  );
  const { status, body, text } = await manager.post(url(instance, '/uploads'), announced);
  if (status !== 201) throw new Error(text);
  const present: string[] = [];
  let whole = true;
  for (const [f, { parts }] of files.entries())
    for (const [p, part] of parts.entries()) {
      const wanted = body.files[f].parts[p];
      if (wanted === null) present.push(sha256(part));
      else if (chance.is(share)) {
        const put = await manager.send('PUT', wanted.url, { body: part, headers: wanted.headers });
        if (put.status !== 200) throw new Error(put.text);
      } else whole = false;
    }
  const expiresMs = Date.parse(body.expiresAt);
  const upload: OpenUpload = {
    id: body.upload,
    instance,
    expiresMs,
    files,
    present,
    whole,
    committed: false,
  };
  model.uploads.set(upload.id, upload);
  return upload;
}
