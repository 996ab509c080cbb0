// Who may do what (DESIGN §9). An actor has standings towards a thing; each action names the standings that may do it.
// One table decides; whoever cannot even see the thing is told that it is not there.

import type { InstanceKind, InstanceRole, SpaceRole } from './space.ts';

export interface Actor {
  /** The token's subject. */
  readonly user: string;
  /** Manager of the organisation. */
  readonly manager: boolean;
}

export type Standing =
  | 'anyone'
  | 'manager'
  | 'admin'
  | 'grader'
  | 'member'
  | 'editor'
  | 'viewer'
  | 'observer'
  | 'maker';

const staff = ['manager', 'admin'] as const;
const readers = [...staff, 'editor', 'viewer'] as const;
const editors = [...staff, 'editor'] as const;

/** The standings that may do each action. An action belongs to the kind of thing before its dot. */
export const actions = {
  /** Open to everyone, token or none. */
  'service.look': ['anyone'],
  'service.use': ['anyone'],
  'organisation.create-space': ['manager'],
  'organisation.reclaim': ['manager'],
  'organisation.undelete-space': ['manager'],
  'space.see': [...staff, 'grader', 'member'],
  'space.list-members': staff,
  'space.change-members': staff,
  'space.create-instance': staff,
  'space.list-distributions': staff,
  'space.distribute-to-all': staff,
  'space.recall': staff,
  'space.see-storage': staff,
  'space.change': staff,
  'space.delete': ['manager'],
  'space.see-deleted': staff,
  'space.undelete-instance': staff,
  'space.see-assignments': [...staff, 'grader', 'member'],
  'space.create-assignment': staff,
  'assignment.see': [...staff, 'grader', 'member'],
  'assignment.hand-in': [...staff, 'member'],
  'assignment.see-all-hand-ins': [...staff, 'grader'],
  'assignment.change': staff,
  'assignment.see-audit': staff,
  'handIn.see': [...staff, 'grader', 'editor', 'viewer'],
  'handIn.see-unreleased': [...staff, 'grader'],
  'handIn.grade': [...staff, 'grader'],
  'distribution.see': [...staff, 'maker'],
  'distribution.change': [...staff, 'maker'],
  'instance.see': [...readers, 'observer'],
  'instance.read': readers,
  'instance.write': editors,
  'instance.snapshot': editors,
  'instance.restore': editors,
  'instance.stage': readers,
  'instance.receive': editors,
  'instance.catch-up': editors,
  'instance.hand-in': editors,
  'instance.change-roles': staff,
  'instance.delete': staff,
  'instance.change-quota': ['manager'],
} as const satisfies Record<string, readonly Standing[]>;

export type Action = keyof typeof actions;

/** The action that tells whether a thing of this kind may be known to exist. */
const seeing: Record<string, Action> = {
  service: 'service.use',
  organisation: 'service.use',
  space: 'space.see',
  distribution: 'distribution.see',
  instance: 'instance.see',
  assignment: 'assignment.see',
  handIn: 'handIn.see',
};

export type Decision = 'allowed' | 'forbidden' | 'hidden';

/** What an actor is towards a space, and towards one of its instances. */
export interface Relation {
  readonly manager: boolean;
  readonly spaceRole?: SpaceRole | undefined;
  readonly instanceRole?: InstanceRole | undefined;
  readonly instanceKind?: InstanceKind | undefined;
  /** Whether the actor is an editor of some instance of the space: then Distributed may be viewed. */
  readonly editsInSpace?: boolean | undefined;
  /** Whether the actor asked for the thing (a distribution). */
  readonly made?: boolean | undefined;
}

export function standingsOf(relation: Relation): Set<Standing> {
  const standings = new Set<Standing>(['anyone']);
  if (relation.manager) standings.add('manager');
  if (relation.spaceRole === 'admin') standings.add('admin');
  if (relation.spaceRole === 'grader') standings.add('grader');
  if (relation.spaceRole === 'student' || relation.spaceRole === 'member') standings.add('member');
  if (relation.made) standings.add('maker');
  if (relation.instanceRole) standings.add(relation.instanceRole);
  if (relation.instanceKind === 'distributed' && relation.editsInSpace) standings.add('viewer');
  return standings;
}

/** Changed by distribution and recall alone, so that it stays the record of what was given. */
const filledByDistribution: ReadonlySet<Action> = new Set([
  'instance.write',
  'instance.snapshot',
  'instance.restore',
]);

export function can(action: Action, relation: Relation): Decision {
  const standings = standingsOf(relation);
  const may = (asked: Action) => actions[asked].some((standing) => standings.has(standing));
  if (!may(seeing[action.slice(0, action.indexOf('.'))]!)) return 'hidden';
  if (relation.instanceKind === 'distributed' && filledByDistribution.has(action)) return 'forbidden';
  return may(action) ? 'allowed' : 'forbidden';
}
