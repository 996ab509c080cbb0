// Feedback and grades: written by graders to one attempt, hidden from the student until release, read-only after it.

import { AppError, notFound } from '../errors.ts';
import {
  type Assignment,
  afterLateness,
  type Dates,
  type LatePolicy,
  lateness,
} from '../model/assignment.ts';
import type { Feedback, Grade, GradeRecord, HandIn } from '../model/hand-in.ts';
import { keys, partitions } from '../model/keys.ts';
import { fileEntry } from '../model/media-type.ts';
import { toKey } from '../model/path.ts';
import type { Digest, RecordKey, RecordWrite } from '../ports.ts';
import { digestOf } from '../tree/digest.ts';
import { editTree } from '../tree/edit.ts';
import { emptyRoot } from '../tree/page.ts';
import { keepPages } from '../tree/reader.ts';
import { authorizeHandIn, findInstance, getAssignment } from './access.ts';
import { markReleased } from './assignments.ts';
import { storeBlob } from './blobs.ts';
import { type Call, nowText, reader } from './call.ts';
import { classOf, rowsOf, type Workplace } from './class-list.ts';
import { datesOf } from './dates.ts';
import { type EntrySummary, listEntries } from './entries.ts';
import { publish } from './events.ts';
import { submittedFiles } from './hand-in.ts';
import { append } from './journal.ts';
import { inParallel } from './retry.ts';
import { checkPlaces } from './save.ts';

interface Release {
  readonly at: string;
  readonly by: string;
}

/** When the feedback of a hand-in was released; undefined while it is not. */
export async function releasedAt(call: Call, handIn: HandIn): Promise<string | undefined> {
  const assignment = await getAssignment(call, handIn.assignmentId);
  if (assignment.releasedAt) return assignment.releasedAt;
  const own = await call.ports.records.get<Release>(keys.release(assignment.id, handIn.instanceId));
  return own?.value.at;
}

/**
 * What was released does not change; a hand-in that nobody had marked by then still can be. The checks make a mark that is
 * written while the class is released fail, so that it is looked at again. (Releases of one student go through the same
 * journal as the marks, and so never meet them.)
 */
async function unreleased(call: Call, handIn: HandIn): Promise<RecordWrite[]> {
  const { records } = call.ports;
  const { id, assignmentId, instanceId } = handIn;
  const assignment = (await records.get<Assignment>(keys.assignment(assignmentId)))!;
  const released = assignment.value.releasedAt ?? (await records.get(keys.release(assignmentId, instanceId)));
  if (!released) return [{ check: keys.assignment(assignmentId), if: { revision: assignment.revision } }];
  const marks = await records.getMany([keys.feedback(id), keys.grade(id)]);
  if (marks.length > 0)
    throw new AppError('not-now', 'The feedback is released; from then on it does not change.');
  return [];
}

/**
 * Journals what a grader did in the student's instance, with the record that holds it. The student may read the journal
 * before the release, so it has only the digest of that record.
 */
async function journal(
  call: Call,
  handIn: HandIn,
  action: 'feedback' | 'grade',
  change: () => Promise<Extract<RecordWrite, { put: RecordKey }>>,
): Promise<void> {
  const cause = call.newId('request');
  await append(call, handIn.instanceId, { action, cause }, async (head) => {
    const checks = await unreleased(call, handIn);
    const write = await change();
    const details = {
      assignment: handIn.assignmentId,
      handIn: handIn.id,
      digest: digestOf([cause, write.value]),
    };
    return { state: head, also: [write, ...checks], details };
  });
}

/** The tree of the feedback: what graders made of it, or the submission as it was handed in. */
async function feedbackRoot(
  call: Call,
  handIn: HandIn,
): Promise<{ root: Digest; revision: string | undefined }> {
  const record = await call.ports.records.get<Feedback>(keys.feedback(handIn.id));
  if (record) return { root: record.value.root, revision: record.revision };
  const { submission } = await getAssignment(call, handIn.assignmentId);
  const { files } = await submittedFiles(call, handIn.root, submission);
  const edits = files.map(({ file, entry }) => ({ key: toKey('file', file.path), entry }));
  const tree = await editTree(reader(call), emptyRoot, edits);
  await call.ports.pages.putMany(tree.pages);
  return { root: tree.root, revision: undefined };
}

export async function putFeedbackFile(
  call: Call,
  handIn: HandIn,
  path: string,
  bytes: Uint8Array,
): Promise<Digest> {
  const { ports, actor } = call;
  await unreleased(call, handIn);
  const part = await storeBlob(ports, bytes);
  let saved = emptyRoot;
  await journal(call, handIn, 'feedback', async () => {
    const { root, revision } = await feedbackRoot(call, handIn);
    const edit = { key: toKey('file', path), entry: fileEntry(path, [part]) };
    const tree = await editTree(reader(call), root, [edit]);
    keepPages(ports.pages, tree.pages);
    await checkPlaces(reader(call), tree.root, [edit]);
    await ports.pages.putMany(tree.pages);
    saved = tree.root;
    const value: Feedback = { root: tree.root, by: actor.user, at: nowText(call) };
    return { put: keys.feedback(handIn.id), value, if: revision === undefined ? 'absent' : { revision } };
  });
  return saved;
}

export async function putGrade(
  call: Call,
  handIn: HandIn,
  given: { readonly score: number; readonly outOf: number; readonly comment: string },
): Promise<Grade> {
  const grade: GradeRecord = { ...given, by: call.actor.user, at: nowText(call) };
  await journal(call, handIn, 'grade', async () => ({ put: keys.grade(handIn.id), value: grade }));
  return withLateness(call, handIn, grade);
}

/** What a grade comes to by the dates and the policy that are in force now. */
async function withLateness(call: Call, handIn: HandIn, grade: GradeRecord): Promise<Grade> {
  const assignment = await getAssignment(call, handIn.assignmentId);
  const dates = await datesOf(call.ports, assignment, (await findInstance(call, handIn.instanceId))!);
  return { ...grade, final: finalScore(grade, handIn, dates, assignment.latePolicy) };
}

const finalScore = (
  { score, outOf }: GradeRecord,
  { at }: { at: string },
  dates: Dates,
  policy: LatePolicy,
): number => afterLateness(score, outOf, lateness(at, dates), policy);

async function gradeOf(call: Call, handIn: string): Promise<GradeRecord | undefined> {
  return (await call.ports.records.get<GradeRecord>(keys.grade(handIn)))?.value;
}

export interface FeedbackView {
  readonly handIn: string;
  readonly releasedAt: string | null;
  readonly files: readonly EntrySummary[];
  readonly grade: Grade | null;
}

/** The feedback as staff see it at any time, and the student once it is released. */
export async function viewFeedback(call: Call, handIn: HandIn): Promise<FeedbackView> {
  const { root, released } = await visibleFeedback(call, handIn);
  const { items } = await listEntries(call, root, { kind: 'file', prefix: '', limit: 1_000 });
  const given = await gradeOf(call, handIn.id);
  const grade = given ? await withLateness(call, handIn, given) : null;
  return { handIn: handIn.id, releasedAt: released ?? null, files: items as EntrySummary[], grade };
}

/** The root of the feedback, for those who may see it by now. */
export async function visibleFeedback(
  call: Call,
  handIn: HandIn,
): Promise<{ root: Digest; released: string | undefined }> {
  const released = await releasedAt(call, handIn);
  if (!released) await requireStaff(call, handIn);
  return { root: (await feedbackRoot(call, handIn)).root, released };
}

async function requireStaff(call: Call, handIn: HandIn): Promise<void> {
  try {
    await authorizeHandIn(call, 'handIn.see-unreleased', handIn.id);
  } catch (error) {
    if (error instanceof AppError) throw notFound('feedback yet');
    throw error;
  }
}

/** Releases feedback and grades: of the whole assignment, or of some students or groups. */
export async function release(
  call: Call,
  assignment: Assignment,
  students: readonly string[] | undefined,
): Promise<{ released: number }> {
  const everyone = await classOf(call.ports, assignment.spaceId);
  const chosen = students && chosenFrom(everyone, students);
  if (chosen) await inParallel(chosen, 32, ({ id }) => releaseOne(call, assignment, id));
  else await markReleased(call, assignment.id);
  const { id: assignmentId, spaceId } = assignment;
  const tell = (whom: readonly string[] | 'all') =>
    publish(call.ports, 'feedback.released', { assignmentId, spaceId, students: whom });
  if (!students) await tell('all');
  else
    for (let i = 0; i < students.length; i += namesPerEvent) await tell(students.slice(i, i + namesPerEvent));
  return { released: (chosen ?? everyone).length };
}

/** Events have at most 256 KB. */
const namesPerEvent = 500;

/** Where these work, by the names of students and groups. */
function chosenFrom(everyone: readonly Workplace[], names: readonly string[]): Workplace[] {
  const places = new Map(
    everyone.flatMap((place) => [place.owner, ...place.users].map((name) => [name, place])),
  );
  const unknown = names.find((name) => !places.has(name));
  if (unknown !== undefined)
    throw new AppError('impossible', `"${unknown}" is no student or group of this course.`);
  return [...new Set(names.map((name) => places.get(name)!))];
}

async function releaseOne(call: Call, assignment: Assignment, instance: string): Promise<void> {
  const value: Release = { at: nowText(call), by: call.actor.user };
  const put: RecordWrite = { put: keys.release(assignment.id, instance), value };
  const details = { assignment: assignment.id, released: true };
  const cause = call.newId('request', instance);
  await append(call, instance, { action: 'feedback', cause }, async (head) => ({
    state: head,
    also: [put],
    details,
  }));
}

/** One line of the grade table. */
export interface GradeRow {
  readonly student: string;
  readonly name: string;
  readonly handIn: string | null;
  readonly reason: string;
  readonly at: string | null;
  readonly late: number;
  readonly score: number | null;
  readonly outOf: number | null;
  readonly final: number | null;
  readonly comment: string | null;
}

export async function gradeTable(call: Call, assignment: Assignment): Promise<GradeRow[]> {
  const { ports } = call;
  const rows = await rowsOf(ports, assignment, await classOf(ports, assignment.spaceId));
  const counted = rows.flatMap((row) => (row.counted ? [row.counted.id] : []));
  const records = await ports.records.getMany<GradeRecord>(counted.map((id) => keys.grade(id)));
  const grades = new Map(records.map(({ partition, value }) => [partition, value]));
  return rows.map(({ place, counted, reason, dates }) => {
    const grade = counted && grades.get(partitions.handIn(counted.id));
    return {
      student: place.owner,
      name: place.name,
      handIn: counted?.id ?? null,
      reason,
      at: counted?.at ?? null,
      late: counted ? lateness(counted.at, dates) : 0,
      score: grade?.score ?? null,
      outOf: grade?.outOf ?? null,
      final: counted && grade ? finalScore(grade, counted, dates, assignment.latePolicy) : null,
      comment: grade?.comment ?? null,
    };
  });
}
