// Random work of a course: distributions by every strategy, plans, recalls, undos, retries, members who come and go,
// assignments with hand-ins, captures and feedback. What a distribution does is checked as its journal entries are seen.

import { isOver } from '../../core/model/distribution.ts';
import { strategies } from '../../core/model/strategy.ts';
import type { Soak } from './soak.ts';
import { hour } from './soak.ts';
import { someState, someText } from './soak-contents.ts';
import type { Reply } from './world.ts';

const mostStudents = 6;
const mostProjects = 3;
const mostAssignments = 4;
const mostHandIns = 12;

type Work = (soak: Soak) => Promise<void>;

/** Fails unless the reply is one of success, or a refusal that may be. */
function expectReply(reply: Reply, what: string, ...refusals: number[]): boolean {
  if (reply.status < 300) return true;
  if (refusals.includes(reply.status)) return false;
  throw new Error(`${what}: ${reply.text}`);
}

function someWish({ chance, model, nowMs, master }: Soak) {
  const source = chance.is(0.7)
    ? model.instances.get(master)!
    : chance.pick(model.ofKind('master', 'project', 'student'));
  const { state, content } = someState(chance, model, source, nowMs);
  if (content.size === 0) return undefined;
  const item = () => {
    const key = chance.pick([...content.keys()]);
    const kind = key.slice(0, key.indexOf('/') - 1);
    const path = key.slice(key.indexOf('/') + 1);
    return chance.is(0.5) ? { kind, path, state } : { kind, prefix: path.slice(0, 1), state };
  };
  const whole = chance.is(0.5);
  const items = whole ? [{ all: true, state }] : [item()];
  return {
    source: { instance: source.id, items },
    targets: someTargets({ chance, model } as Soak, source.id),
    strategy: Object.fromEntries(
      ['files', 'tables', 'apps'].map((kind) => [kind, chance.is(0.5) ? 'merge' : chance.pick(strategies)]),
    ),
  };
}

function someTargets({ chance, model }: Soak, source: string): object {
  const groups = model.ofKind('group');
  const kind = chance.below(4);
  if (kind === 0 && groups.length > 0) return { group: groups[0]!.owner };
  const others = model.ofKind('student', 'group', 'project').filter(({ id }) => id !== source);
  if (kind === 1 && others.length > 0) return { instances: chance.some(others, 3).map(({ id }) => id) };
  return { all: true };
}

const distribute: Work = async (soak) => {
  const { chance, manager, machine } = soak;
  const wish = someWish(soak);
  if (!wish) return;
  const failing = chance.is(0.15);
  if (failing) machine.gate.failTargets(1 + chance.below(2));
  const reply = await manager.post('/v1/distributions', { ...wish, safetySnapshots: chance.is(0.3) });
  expectReply(reply, 'distribute');
  const { id } = reply.body;
  const cancelling = chance.is(0.05);
  if (cancelling) await manager.post(`/v1/distributions/${id}/cancel`);
  await soak.settle();
  machine.gate.heal();
  const { status } = soak.model.distributions.get(id)!;
  soak.say(`distribute ${id}: ${status}`);
  if (status !== 'completed' && !failing && !cancelling && !machine.gate.dead)
    throw new Error(`The distribution is ${status}: ${await failures(soak, id)}`);
};

const failures = async ({ manager }: Soak, id: string): Promise<string> =>
  (await manager.get(`/v1/distributions/${id}/targets?status=failed&limit=100`)).text;

const plan: Work = async (soak) => {
  const wish = someWish(soak);
  if (!wish) return;
  expectReply(await soak.manager.post('/v1/distributions/plan', wish), 'plan');
  await soak.observe();
};

const followPlan: Work = async (soak) => {
  const plans = [...soak.model.plans.keys()];
  if (plans.length === 0) return;
  const id = soak.chance.pick(plans);
  // Whoever has moved since makes it too late, and so does its age.
  const reply = await soak.manager.post('/v1/distributions', { plan: id });
  expectReply(reply, 'follow a plan', 412, 404, 410);
  soak.say(`follow ${id}: ${reply.status}`);
  await soak.settle();
};

const recall: Work = async (soak) => {
  const { chance, model, manager, machine, space } = soak;
  const keys = [...model.current(chance.pick([...model.instances.keys()])).keys()];
  if (keys.length === 0) return;
  const key = chance.pick(keys);
  const kind = key.slice(0, key.indexOf('/') - 1);
  const item = { kind, path: key.slice(key.indexOf('/') + 1) };
  const body = {
    items: [item],
    from: chance.pick(['students', 'others', 'all']),
    safetySnapshots: chance.is(0.3),
  };
  if (chance.is(0.15)) machine.gate.failTargets(1);
  expectReply(await manager.post(`/v1/spaces/${space}/recalls`, body), 'recall');
  soak.say(`recall ${key}`);
  await soak.settle();
  machine.gate.heal();
};

/** Whoever undoes, retries or follows must still be allowed to, and nobody is in what was deleted. */
const ifDeleted = ({ model }: Soak): number[] => (model.anyDeleted ? [404] : []);

const undo: Work = async (soak) => {
  const { chance, model, manager, machine, nowMs } = soak;
  const over = [...model.distributions.values()].filter(({ status }) => isOver(status));
  if (over.length === 0) return;
  const { id, createdAt } = chance.pick(over.slice(-6));
  const late = !model.isInWindow(Date.parse(createdAt), nowMs);
  const failing = chance.is(0.15);
  if (failing) machine.gate.failTargets(1);
  const reply = await manager.post(`/v1/distributions/${id}/undo`);
  const taken = expectReply(reply, 'undo', ...(late ? [410] : []), ...ifDeleted(soak));
  if (taken && late) throw new Error('An undo of the past.');
  if (!taken) return machine.gate.heal();
  const cancelling = chance.is(0.1);
  if (cancelling) await manager.post(`/v1/distributions/${reply.body.id}/cancel`);
  await soak.settle();
  machine.gate.heal();
  const { status } = model.distributions.get(reply.body.id)!;
  soak.say(`undo ${id}: ${status}`);
  if (status !== 'completed' && !failing && !cancelling && !model.anyDeleted)
    throw new Error(`The undo is ${status}: ${await failures(soak, reply.body.id)}`);
};

const retry: Work = async (soak) => {
  const { chance, model, manager } = soak;
  const failed = [...model.distributions.values()].filter(
    ({ status }) => isOver(status) && status !== 'completed',
  );
  if (failed.length === 0) return;
  const { id } = chance.pick(failed);
  const reply = await manager.post(`/v1/distributions/${id}/retry`);
  expectReply(reply, 'retry', 409, 410, ...ifDeleted(soak));
  await soak.settle();
  soak.say(`retry ${id}: ${reply.status} ${model.distributions.get(id)!.status}`);
};

const catchUp: Work = async (soak) => {
  const students = soak.model.ofKind('student', 'group');
  if (students.length === 0) return;
  const { id } = soak.chance.pick(students);
  const reply = await soak.manager.post(`/v1/instances/${id}/catch-up`);
  expectReply(reply, 'catch up', 410);
  soak.say(`catch-up of ${id}: ${reply.status}`);
  await soak.observe(id);
};

const join: Work = async (soak) => {
  const { chance, model, manager, space } = soak;
  const members = `/v1/spaces/${space}/members`;
  const students = model.ofKind('student');
  const grouped = chance.is(0.2);
  const known = students.length >= mostStudents;
  const user = grouped
    ? `g${chance.below(3)}`
    : known
      ? chance.pick(students).owner!
      : `s${students.length + 1}`;
  const member = { user, role: 'student', ...(grouped && { group: 'pair' }) };
  expectReply(await manager.post(members, { members: [member] }), 'join');
  if (chance.is(0.3)) expectReply(await manager.delete(`${members}/${user}`), 'leave');
  soak.say(`join ${user}`);
  await soak.observe();
};

const newProject: Work = async (soak) => {
  const { chance, model, manager, space, nowMs } = soak;
  if (model.ofKind('project').length >= mostProjects) return;
  const source = chance.pick([...model.instances.values()]);
  const { state } = someState(chance, model, source, nowMs);
  const body = { name: 'Project', from: { instance: source.id, state } };
  expectReply(await manager.post(`/v1/spaces/${space}/instances`, body), 'new project');
  soak.say(`project from ${state} of ${source.id}`);
  await soak.observe();
};

const assign: Work = async (soak) => {
  const { chance, model, manager, space, master, nowMs } = soak;
  if (model.assignments.size >= mostAssignments) return;
  const paths = [...model.current(master).keys()].filter((key) => key.startsWith('files/a/'));
  if (paths.length === 0) return;
  const at = (hours: number) => new Date(nowMs + hours * hour).toISOString();
  const due = 1 + chance.below(30);
  const body = {
    title: 'Sheet',
    source: { instance: master, items: [{ kind: 'file', prefix: 'a/' }] },
    submission: { folder: 'a' },
    dueAt: at(due),
    ...(chance.is(0.3) && { opensAt: at(due / 2) }),
    closesAt: chance.is(0.5) ? at(due + 1 + chance.below(20)) : null,
    capture: chance.is(0.7),
  };
  expectReply(await manager.post(`/v1/spaces/${space}/assignments`, body), 'assign');
  soak.say(`assignment due at ${body.dueAt}, closes at ${body.closesAt}`);
  await soak.settle();
};

const handIn: Work = async (soak) => {
  const { chance, model, machine } = soak;
  const students = model.ofKind('student');
  const assignments = [...model.assignments.keys()];
  if (students.length === 0 || assignments.length === 0 || model.handIns.size >= mostHandIns) return;
  const { id: instance, owner } = chance.pick(students);
  const id = chance.pick(assignments);
  const reply = await machine.client(owner!).post(`/v1/assignments/${id}/handins`, { instance });
  // Not open, closed, nothing to hand in, no member any more.
  const given = expectReply(reply, 'hand in', 403, 404, 409, 422);
  soak.say(`hand-in of ${instance}: ${reply.status}`);
  await soak.observe(instance);
  if (given && model.handIns.get(reply.body.id)?.root !== reply.body.root) throw new Error('another root');
};

const giveFeedback: Work = async (soak) => {
  const { chance, model, manager } = soak;
  const handIns = [...model.handIns].filter(([, handed]) => model.instances.has(handed.instance));
  if (handIns.length === 0) return;
  const [id, { instance }] = chance.pick(handIns);
  const path = `/v1/handins/${id}/feedback/files/a/n${chance.below(4)}.txt`;
  expectReply(await manager.send('PUT', path, { body: someText(chance) }), 'feedback', 409);
  if (chance.is(0.05)) {
    const [assignment] = chance.some([...model.assignments.keys()], 1);
    expectReply(await manager.post(`/v1/assignments/${assignment}/release`, {}), 'release');
  }
  soak.say(`feedback to ${id}`);
  await soak.observe(instance);
};

const works = {
  distribute,
  plan,
  followPlan,
  recall,
  undo,
  retry,
  catchUp,
  join,
  newProject,
  assign,
  handIn,
  giveFeedback,
} as const;

const weights: Readonly<Record<keyof typeof works, number>> = {
  distribute: 30,
  plan: 6,
  followPlan: 5,
  recall: 5,
  undo: 6,
  retry: 3,
  catchUp: 4,
  join: 6,
  newProject: 2,
  assign: 3,
  handIn: 6,
  giveFeedback: 5,
};

export const someWork = (soak: Soak): Promise<void> => works[soak.chance.weighted(weights)](soak);
