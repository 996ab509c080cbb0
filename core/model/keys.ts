// Where every record lives: partition and sort of each kind, in one place (docs/format.md describes the values).

import type { RecordKey } from '../ports.ts';

const width = 12;
/** Numbers are padded, so that their text sorts as they do. */
export const padded = (n: number): string => String(n).padStart(width, '0');

const key = (partition: string, sort: string): RecordKey => ({ partition, sort });

export const partitions = {
  space: (space: string) => `space#${space}`,
  instance: (instance: string) => `instance#${instance}`,
  user: (user: string) => `user#${user}`,
  distribution: (distribution: string) => `distribution#${distribution}`,
  /** Work that was accepted and whose workflow may not have been started yet. */
  assignment: (assignment: string) => `assignment#${assignment}`,
  handIn: (handIn: string) => `handin#${handIn}`,
  reclaim: (reclaim: string) => `reclaim#${reclaim}`,
  launches: 'launches',
  reclaims: 'reclaims',
  spaces: 'spaces',
} as const;

/** The beginnings of sorts, for queries. */
export const prefixes = {
  journal: 'journal#',
  member: 'member#',
  instance: 'instance#',
  assignment: 'assignment#',
  override: 'override#',
  release: 'release#',
  snapshot: 'snapshot#',
  space: 'space#',
  role: 'role#',
  distribution: 'distribution#',
  batch: 'batch#',
  tally: 'tally#',
  missed: 'missed#',
  launch: 'launch#',
  plan: 'plan#',
  upload: 'upload#',
  handIn: 'handin#',
  capture: 'capture#',
  stage: 'stage#',
  /** What was deleted leaves the list of what is there for one of its own. */
  deletedInstance: 'deleted-instance#',
  deletedSpace: 'deleted-space#',
  reclaim: 'reclaim#',
  chunk: 'chunk#',
  spare: 'spare#',
} as const;

export const handInsOf = (assignment: string): string => `${prefixes.handIn}${assignment}#`;
export const capturesOf = (assignment: string): string => `${prefixes.capture}${assignment}#`;

export const keys = {
  spaceIndex: (space: string) => key(partitions.spaces, prefixes.space + space),
  space: (space: string) => key(partitions.space(space), 'space'),
  member: (space: string, user: string) => key(partitions.space(space), prefixes.member + user),
  group: (space: string, group: string) => key(partitions.space(space), `group#${group}`),
  spaceInstance: (space: string, instance: string) =>
    key(partitions.space(space), prefixes.instance + instance),
  spaceDistribution: (space: string, order: number) =>
    key(partitions.space(space), prefixes.distribution + padded(order)),
  queue: (space: string) => key(partitions.space(space), 'queue'),
  instance: (instance: string) => key(partitions.instance(instance), 'instance'),
  role: (instance: string, user: string) => key(partitions.instance(instance), prefixes.role + user),
  snapshot: (instance: string, snapshot: string) =>
    key(partitions.instance(instance), prefixes.snapshot + snapshot),
  stage: (instance: string, user: string) => key(partitions.instance(instance), prefixes.stage + user),
  /** Set in the same batch as the journal entry of that cause: the entry is appended once, however often it is asked. */
  cause: (instance: string, cause: string) => key(partitions.instance(instance), `cause#${cause}`),
  journal: (partition: string, sequence: number) => key(partition, prefixes.journal + padded(sequence)),
  userSpace: (user: string, space: string) => key(partitions.user(user), prefixes.space + space),
  userInstance: (user: string, instance: string) => key(partitions.user(user), prefixes.instance + instance),
  request: (user: string, idempotencyKey: string) => key(`request#${user}`, `key#${idempotencyKey}`),
  answerPart: (requests: string, digest: string, part: number) =>
    key(requests, `answer#${digest}#${padded(part)}`),
  blob: (sha256: string) => key(`blob#${sha256}`, 'blob'),
  /** A second version of a blob, noticed by reclaim. */
  spareBlob: (sha256: string, version: string) => key(`blob#${sha256}`, prefixes.spare + version),
  /** An upload that may still be committed, where it goes. */
  openUpload: (instance: string, upload: string) =>
    key(partitions.instance(instance), prefixes.upload + upload),
  upload: (upload: string) => key(`upload#${upload}`, 'upload'),
  distribution: (distribution: string) => key(partitions.distribution(distribution), 'distribution'),
  batch: (distribution: string, batch: number) =>
    key(partitions.distribution(distribution), prefixes.batch + padded(batch)),
  tally: (distribution: string, batch: number) =>
    key(partitions.distribution(distribution), prefixes.tally + padded(batch)),
  report: (distribution: string, digest: string, part: number) =>
    key(partitions.distribution(distribution), `report#${digest}#${padded(part)}`),
  assignment: (assignment: string) => key(partitions.assignment(assignment), 'assignment'),
  spaceAssignment: (space: string, assignment: string) =>
    key(partitions.space(space), prefixes.assignment + assignment),
  override: (assignment: string, subject: string) =>
    key(partitions.assignment(assignment), prefixes.override + subject),
  reminder: (assignment: string, dueAt: string) =>
    key(partitions.assignment(assignment), `reminder#${dueAt}`),
  release: (assignment: string, instance: string) =>
    key(partitions.assignment(assignment), prefixes.release + instance),
  /**
   * The short form of a hand-in, where its student works: all of an assignment in the order of attempts. The latest has a
   * key that needs no search, so that a whole class can be read by keys alone.
   */
  earlierHandIn: (instance: string, assignment: string, attempt: number) =>
    key(partitions.instance(instance), handInsOf(assignment) + padded(attempt)),
  latestHandIn: (instance: string, assignment: string) =>
    key(partitions.instance(instance), `${handInsOf(assignment)}latest`),
  instanceCapture: (instance: string, assignment: string, dueAt: string) =>
    key(partitions.instance(instance), capturesOf(assignment) + dueAt),
  handIn: (handIn: string) => key(partitions.handIn(handIn), 'handin'),
  feedback: (handIn: string) => key(partitions.handIn(handIn), 'feedback'),
  grade: (handIn: string) => key(partitions.handIn(handIn), 'grade'),
  plan: (plan: string) => key(`plan#${plan}`, 'plan'),
  spacePlan: (space: string, plan: string) => key(partitions.space(space), prefixes.plan + plan),
  deletedInstance: (space: string, instance: string) =>
    key(partitions.space(space), prefixes.deletedInstance + instance),
  deletedSpace: (space: string) => key(partitions.spaces, prefixes.deletedSpace + space),
  reclaim: (reclaim: string) => key(partitions.reclaim(reclaim), 'reclaim'),
  reclaimIndex: (reclaim: string) => key(partitions.reclaims, prefixes.reclaim + reclaim),
  /** The one reclaim that is not over, if any. */
  reclaiming: key(partitions.reclaims, 'running'),
  chunk: (reclaim: string, chunk: number) => key(partitions.reclaim(reclaim), prefixes.chunk + padded(chunk)),
  missed: (instance: string, order: number) =>
    key(partitions.instance(instance), prefixes.missed + padded(order)),
  launch: (workflow: string, id: string) => key(partitions.launches, `${prefixes.launch}${workflow}#${id}`),
} as const;
