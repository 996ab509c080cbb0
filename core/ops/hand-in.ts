// Handing in: one journal entry that pins the whole instance, judged by the server's clock at the append. It writes only
// into the student's own partitions, so ten thousand in one minute do not meet.

import { AppError, badInput } from '../errors.ts';
import {
  type Assignment,
  type Dates,
  endOfSecond,
  lateness,
  openingId,
  phaseAt,
  type Submission,
} from '../model/assignment.ts';
import type { Distribution } from '../model/distribution.ts';
import type { FileEntry } from '../model/entry.ts';
import { type HandIn, type HandInSummary, type SubmittedFile, summaryOf } from '../model/hand-in.ts';
import type { InstanceEntry } from '../model/journal.ts';
import { keys } from '../model/keys.ts';
import { fromKey, toKey } from '../model/path.ts';
import type { Instance } from '../model/space.ts';
import type { Digest, RecordWrite, StoredRecord } from '../ports.ts';
import { getEntry, scan } from '../tree/walk.ts';
import { authorizeInstance, getHandIn, membership } from './access.ts';
import { fileSha256 } from './blobs.ts';
import { type Call, reader } from './call.ts';
import { datesOf } from './dates.ts';
import { publish } from './events.ts';
import { append } from './journal.ts';
import { batchesOf } from './reports.ts';

/** The list of files, as JSON, so that a hand-in and its receipt (which has it again) stay within a record. */
const mostListBytes = 100_000;

export async function handIn(
  call: Call,
  assignment: Assignment,
  wanted: { readonly instance?: string | undefined; readonly note?: string | undefined },
): Promise<HandIn> {
  const { ports, actor } = call;
  const instance = await workplace(call, assignment, wanted.instance);
  const dates = await datesOf(ports, assignment, instance);
  const id = call.newId('handIn');
  let made: HandIn | undefined;
  await append(call, instance.id, { action: 'hand-in', cause: id }, async (head, atMs) => {
    judge(dates, atMs);
    await requireReceived(call, assignment, instance.id, head);
    const latest = await ports.records.get<HandInSummary>(keys.latestHandIn(instance.id, assignment.id));
    const attempt = nextAttempt(assignment, latest?.value);
    const { files, complete } = await submittedFiles(call, head.root, assignment.submission);
    checkFiles(assignment, files, complete);
    const statement = {
      id,
      assignmentId: assignment.id,
      spaceId: assignment.spaceId,
      instanceId: instance.id,
      attempt,
      at: new Date(atMs).toISOString(),
      dueAt: dates.dueAt,
      late: lateness(atMs, dates),
      by: actor.user,
      root: head.root,
      version: head.sequence + 1,
      files: files.map(({ file }) => file),
    };
    const receipt = await ports.receipts.sign(statement);
    made = { ...statement, kind: 'hand-in', receipt, ...(wanted.note && { note: wanted.note }) };
    const details = { assignment: assignment.id, attempt, late: made.late };
    return { state: head, also: handInWrites(made, latest), details };
  });
  // A call that was cut off and is made again finds what its first try made.
  const handedIn = made ?? (await getHandIn(call, id));
  const { attempt, at, late } = handedIn;
  const told = { assignmentId: assignment.id, instanceId: instance.id, handInId: id, attempt, at, late };
  await publish(ports, 'hand-in.received', told);
  return handedIn;
}

/** The instance someone hands in from: the one named, or the one the member works in. */
async function workplace(call: Call, assignment: Assignment, named: string | undefined): Promise<Instance> {
  const id = named ?? (await membership(call, assignment.spaceId))?.instanceId;
  if (id === undefined)
    throw badInput('/instance', 'You have no instance of your own here; name one you edit.', 'impossible');
  const instance = await authorizeInstance(call, 'instance.hand-in', id);
  if (instance.spaceId !== assignment.spaceId || (instance.kind !== 'student' && instance.kind !== 'group'))
    throw badInput(
      '/instance',
      'Hand in from the instance of a student or group of this course.',
      'impossible',
    );
  return instance;
}

function judge(dates: Dates, atMs: number): void {
  const phase = phaseAt(dates, atMs);
  if (phase === 'scheduled')
    throw new AppError('forbidden', `It opens at ${dates.opensAt}.`, { extra: { opensAt: dates.opensAt } });
  if (phase === 'closed')
    throw new AppError('forbidden', `It closed at ${dates.closesAt}.`, {
      extra: { closesAt: dates.closesAt },
    });
}

/** Whether the assignment ever came to the instance: by its opening, or with what the instance began from. */
async function requireReceived(
  call: Call,
  assignment: Assignment,
  instance: string,
  head: InstanceEntry,
): Promise<void> {
  const read = reader(call);
  for await (const { key } of scan(read, assignment.payload.root))
    if (await getEntry(read, head.delivered, key)) return;
  for (const target of ['all', instance]) {
    const key = keys.distribution(openingId(assignment, target));
    const opening = await call.ports.records.get<Distribution>(key);
    if (!opening) continue;
    for await (const { targets } of batchesOf(call.ports, opening.value))
      if (targets.some(({ instanceId, status }) => instanceId === instance && status === 'done')) return;
  }
  throw badInput('/instance', 'This instance never got the assignment.', 'impossible');
}

function nextAttempt({ attempts }: Assignment, latest: HandInSummary | undefined): number {
  const attempt = (latest?.attempt ?? 0) + 1;
  if (attempts !== null && attempt > attempts)
    throw new AppError('impossible', `All ${attempts} attempts are used.`, { extra: { attempts } });
  return attempt;
}

export interface Submitted {
  readonly file: SubmittedFile;
  readonly entry: FileEntry;
}

/** The files a state holds at the submission paths, as many as a list may hold; a fixed file that is not there is left out. */
export async function submittedFiles(
  call: Call,
  root: Digest,
  submission: Submission,
): Promise<{ files: Submitted[]; complete: boolean }> {
  const files: Submitted[] = [];
  let listBytes = 0;
  for await (const [path, entry] of entriesAt(call, root, submission)) {
    const sha256 = fileSha256(entry);
    const content = sha256 === undefined ? { parts: entry.parts.map((part) => part.sha256) } : { sha256 };
    const file = { path, size: entry.size, ...content };
    listBytes += Buffer.byteLength(JSON.stringify(file));
    if (listBytes > mostListBytes) return { files, complete: false };
    files.push({ file, entry });
  }
  return { files, complete: true };
}

async function* entriesAt(
  call: Call,
  root: Digest,
  submission: Submission,
): AsyncGenerator<[string, FileEntry]> {
  const read = reader(call);
  if ('folder' in submission) {
    const range = {
      from: toKey('file', `${submission.folder}/`),
      to: toKey('file', `${submission.folder}0`),
    };
    for await (const { key, entry } of scan(read, root, range)) yield [fromKey(key).path, entry as FileEntry];
    return;
  }
  for (const path of submission.files) {
    const entry = await getEntry(read, root, toKey('file', path));
    if (entry) yield [path, entry as FileEntry];
  }
}

function checkFiles(
  { submission, sizeLimit }: Assignment,
  files: readonly Submitted[],
  complete: boolean,
): void {
  const refuse = (detail: string, extra: Record<string, unknown>) =>
    new AppError('impossible', detail, { extra });
  if (!complete) throw refuse('There are too many files for one hand-in; put them into an archive.', {});
  const there = new Set(files.map(({ file }) => file.path));
  const wanted =
    'folder' in submission ? (there.size > 0 ? [] : [`${submission.folder}/`]) : submission.files;
  const missing = wanted.filter((path) => !there.has(path));
  if (missing.length > 0) throw refuse(`Missing: ${missing.join(', ')}.`, { missing });
  const size = files.reduce((sum, { file }) => sum + file.size, 0);
  if (sizeLimit !== null && size > sizeLimit)
    throw refuse(`The files have ${size} bytes; the limit is ${sizeLimit}.`, {
      size,
      sizeLimit,
      files: files.map(({ file }) => ({ path: file.path, size: file.size })),
    });
}

/** The records of a hand-in; the one that was the latest until now goes among the earlier ones. */
function handInWrites(handedIn: HandIn, latest: StoredRecord<HandInSummary> | undefined): RecordWrite[] {
  const { id, instanceId, assignmentId, attempt } = handedIn;
  const writes: RecordWrite[] = [
    {
      put: keys.latestHandIn(instanceId, assignmentId),
      value: summaryOf(handedIn),
      if: latest ? { revision: latest.revision } : 'absent',
    },
    { put: keys.handIn(id), value: handedIn, if: 'absent' },
  ];
  if (!latest) return writes;
  const place = keys.earlierHandIn(instanceId, assignmentId, attempt! - 1);
  return [...writes, { put: place, value: latest.value, if: 'absent' }];
}

/** The moment as of which a capture is made: the end of the due second. */
export const captureMoment = (dates: Dates): number => endOfSecond(dates.dueAt);
