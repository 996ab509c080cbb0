// Feedback and grades: written by graders to one attempt, hidden from the student until release, read-only after it.

import { AppError, notFound } from '../errors.ts';
import { type Assignment, afterLateness } from '../model/assignment.ts';
import type { Feedback, Grade, HandIn } from '../model/hand-in.ts';
import { keys } from '../model/keys.ts';
import { fileEntry } from '../model/media-type.ts';
import { toKey } from '../model/path.ts';
import type { Digest, RecordWrite } from '../ports.ts';
import { editTree } from '../tree/edit.ts';
import { emptyRoot } from '../tree/page.ts';
import { authorizeHandIn, getAssignment } from './access.ts';
import { markReleased } from './assignments.ts';
import { storeBlob } from './blobs.ts';
import { type Call, nowText, reader } from './call.ts';
import { classOf, rowsOf } from './class-list.ts';
import { type EntrySummary, listEntries } from './entries.ts';
import { publish } from './events.ts';
import { submittedFiles } from './hand-in.ts';
import { append } from './journal.ts';
import { inParallel } from './retry.ts';

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

async function requireUnreleased(call: Call, handIn: HandIn): Promise<void> {
  if (await releasedAt(call, handIn))
    throw new AppError('conflict', 'The feedback is released; from then on it does not change.');
}

/** Journals what a grader did in the student's instance, with the records that hold it. */
async function journal(
  call: Call,
  handIn: HandIn,
  action: 'feedback' | 'grade',
  details: Readonly<Record<string, unknown>>,
  change: () => Promise<RecordWrite>,
): Promise<void> {
  const cause = call.newId('request');
  await append(call, handIn.instanceId, { action, cause }, async (head) => ({
    state: head,
    also: [await change()],
    details: { assignment: handIn.assignmentId, handIn: handIn.id, ...details },
  }));
}

/** The tree of the feedback: what graders made of it, or the submission as it was handed in. */
async function feedbackRoot(
  call: Call,
  handIn: HandIn,
): Promise<{ root: Digest; revision: string | undefined }> {
  const record = await call.ports.records.get<Feedback>(keys.feedback(handIn.id));
  if (record) return { root: record.value.root, revision: record.revision };
  const { submission } = await getAssignment(call, handIn.assignmentId);
  const files = await submittedFiles(call, handIn.root, submission);
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
  await requireUnreleased(call, handIn);
  const part = await storeBlob(ports, bytes);
  let saved = emptyRoot;
  await journal(call, handIn, 'feedback', { path, sha256: part.sha256 }, async () => {
    const { root, revision } = await feedbackRoot(call, handIn);
    const edit = { key: toKey('file', path), entry: fileEntry(path, [part]) };
    const tree = await editTree(reader(call), root, [edit]);
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
  await requireUnreleased(call, handIn);
  const { latePolicy } = await getAssignment(call, handIn.assignmentId);
  const final = afterLateness(given.score, given.outOf, handIn.late, latePolicy);
  const grade: Grade = { ...given, final, by: call.actor.user, at: nowText(call) };
  await journal(call, handIn, 'grade', { score: given.score, outOf: given.outOf, final }, async () => ({
    put: keys.grade(handIn.id),
    value: grade,
  }));
  return grade;
}

export async function getGrade(call: Call, handIn: string): Promise<Grade | undefined> {
  return (await call.ports.records.get<Grade>(keys.grade(handIn)))?.value;
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
  const grade = (await getGrade(call, handIn.id)) ?? null;
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
  const { ports, actor } = call;
  const everyone = await classOf(ports, assignment.spaceId);
  const chosen = students && everyone.filter(({ owner }) => owner !== undefined && students.includes(owner));
  const unknown = students?.find((student) => !everyone.some(({ owner }) => owner === student));
  if (unknown !== undefined)
    throw new AppError('impossible', `"${unknown}" is no student or group of this course.`);
  if (chosen) {
    const value: Release = { at: nowText(call), by: actor.user };
    await inParallel(chosen, 32, async (instance) => {
      const put: RecordWrite = { put: keys.release(assignment.id, instance.id), value };
      const details = { assignment: assignment.id, released: true };
      const cause = call.newId('request', instance.id);
      await append(call, instance.id, { action: 'feedback', cause }, async (head) => ({
        state: head,
        also: [put],
        details,
      }));
    });
  } else await markReleased(call, assignment.id);
  const told = { assignmentId: assignment.id, spaceId: assignment.spaceId, students: students ?? 'all' };
  await publish(ports, 'feedback.released', told);
  return { released: (chosen ?? everyone).length };
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
  const rows = await rowsOf(call.ports, assignment, await classOf(call.ports, assignment.spaceId));
  return inParallel(rows, 32, async ({ instance, counted, reason }) => {
    const grade = counted && (await getGrade(call, counted.id));
    return {
      student: instance.owner ?? instance.id,
      name: instance.name,
      handIn: counted?.id ?? null,
      reason,
      at: counted?.at ?? null,
      late: counted?.late ?? 0,
      score: grade?.score ?? null,
      outOf: grade?.outOf ?? null,
      final: grade?.final ?? null,
      comment: grade?.comment ?? null,
    };
  });
}
