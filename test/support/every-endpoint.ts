// A course with one of everything, and a well-formed request for every endpoint of it: what the walks over all endpoints
// (who may do what, is it as the contract says, does anything break it) begin with. An endpoint without a request here
// fails those walks.

import { announcement, everyItem, newProject } from './http.ts';
import { type Client, distribute, inUrl, openCourse, type RequestOptions, type World } from './world.ts';

/** An instance, and a snapshot of it. Each holds `README.md`, `plan.md`, the table `scores` and the application `lab`. */
export interface Place {
  readonly instance: string;
  readonly snapshot: string;
}

export const placeNames = ['own', 'project', 'master', 'distributed'] as const;
export type PlaceName = (typeof placeNames)[number];

export interface Fixture {
  readonly world: World;
  /** A manager of the organisation, who made everything here. */
  readonly manager: Client;
  readonly space: string;
  readonly places: Readonly<Record<PlaceName, Place>>;
  readonly distribution: string;
  readonly undoable: string;
  readonly plan: string;
  readonly reclaim: string;
  readonly assignment: string;
  /** With feedback and a grade, released. */
  readonly handIn: string;
  /** With nothing yet. */
  readonly ungraded: string;
  readonly receipt: string;
}

/** Who is who: users of the tokens that the walks use. */
export const users = {
  admin: 'adam',
  grader: 'greta',
  student: 's1',
  classmate: 's2',
  editor: 'eva',
  viewer: 'vic',
  observer: 'otto',
  member: 'mara',
} as const;

const csv = { 'content-type': 'text/csv' };
const farAway = '2100-01-01T00:00:00Z';

export async function openFixture(world: World): Promise<Fixture> {
  const course = await openCourse(world, 2);
  const manager = course.instructor;
  const { master, space } = course;
  const { editor, viewer, observer, ...others } = users;
  const project = await newProject(manager, space, { editors: [editor], viewers: [viewer] });
  await manager.put(`/v1/instances/${project}/roles/${observer}`, { role: 'observer' });
  const members = (['admin', 'grader', 'member'] as const).map((role) => ({ user: others[role], role }));
  await manager.post(`/v1/spaces/${space}/members`, { members });

  for (const path of ['README.md', 'plan.md', 'undo.md'])
    await manager.save(master, path, `This is ${path}.`);
  await manager.send('PUT', `/v1/instances/${master}/tables/scores`, {
    body: 'n,name\n1,a\n2,b\n',
    headers: csv,
  });
  await manager.put(`/v1/instances/${master}/apps/lab`, {
    image: 'img@sha256:1',
    packages: 'numpy',
    config: { theme: 'dark' },
  });
  await manager.post(`/v1/instances/${master}/snapshots`, { name: 'Start' });
  const source = { instance: master, state: 'current' };
  const { id: distribution } = await distribute(manager, { source, targets: { all: true } });
  const onlyUndo = { instance: master, items: [{ kind: 'file', path: 'undo.md', as: 'again.md' }] };
  const undo = await distribute(manager, { source: onlyUndo, targets: { instances: [project] } });
  const plan = await manager.post('/v1/distributions/plan', { source, targets: { all: true } });

  const placeOf = async (instance: string): Promise<Place> => {
    const [snapshot] = await everyItem(manager, `/v1/instances/${instance}/snapshots`, 10);
    return { instance, snapshot: snapshot.id };
  };
  const student = await course.student(1);
  const places = {
    own: await placeOf(student.instance),
    project: await placeOf(project),
    master: await placeOf(master),
    distributed: await placeOf(course.distributed),
  };
  const assignment = (await manager.post(`/v1/spaces/${space}/assignments`, newAssignment(master))).body.id;
  const handedIn = await student.post(`/v1/assignments/${assignment}/handins`);
  const { id: handIn, receipt } = handedIn.body;
  await manager.send('PUT', `/v1/handins/${handIn}/feedback/files/plan.md`, { body: 'Well done.' });
  await manager.put(`/v1/handins/${handIn}/grade`, { score: 5, outOf: 6 });
  await manager.post(`/v1/assignments/${assignment}/release`, {});
  const another = (await manager.post(`/v1/spaces/${space}/assignments`, newAssignment(master))).body.id;
  const ungraded = (await student.post(`/v1/assignments/${another}/handins`)).body.id;
  return {
    world,
    manager,
    space,
    places,
    distribution,
    undoable: undo.id,
    plan: plan.body.id,
    reclaim: await finishedReclaim(manager),
    assignment,
    handIn,
    ungraded,
    receipt,
  };
}

async function finishedReclaim(manager: Client): Promise<string> {
  const { id } = (await manager.post('/v1/reclaims', { dryRun: true })).body;
  while ((await manager.get(`/v1/reclaims/${id}`)).body.status !== 'completed')
    await new Promise((resolve) => setTimeout(resolve, 20));
  return id;
}

const newAssignment = (master: string, more: object = {}) => ({
  title: 'Plan',
  source: { instance: master, items: [{ kind: 'file', path: 'plan.md' }] },
  submission: { files: ['plan.md'] },
  dueAt: farAway,
  ...more,
});

export interface Sent extends RequestOptions {
  readonly method: string;
  readonly path: string;
}

/** A request to one endpoint: at which URL, with what, and what must be there for it to succeed. */
type Ask = (fixture: Fixture, place: Place) => Sent | Promise<Sent>;

const get = (path: string): Sent => ({ method: 'GET', path });
const remove = (path: string): Sent => ({ method: 'DELETE', path });
const send = (method: string, path: string, json: unknown): Sent => ({ method, path, json });
const post = (path: string, json: unknown = {}): Sent => send('POST', path, json);
const put = (path: string, json: unknown): Sent => send('PUT', path, json);

const at = ({ instance }: Place, rest = ''): string => `/v1/instances/${instance}${rest}`;
const inSpace = ({ space }: Fixture, rest = ''): string => `/v1/spaces/${space}${rest}`;
const onAssignment = ({ assignment }: Fixture, rest = ''): string => `/v1/assignments/${assignment}${rest}`;
const onHandIn = ({ handIn }: Fixture, rest = ''): string => `/v1/handins/${handIn}${rest}`;

/** Requests about an instance: each can be asked of every place. */
export const instanceRequests: Readonly<Record<string, Ask>> = {
  getInstance: (_, place) => get(at(place)),
  catchUp: (_, place) => post(at(place, '/catch-up')),
  giveRole: (_, place) => put(at(place, '/roles/someone'), { role: 'observer' }),
  takeRole: async ({ manager }, place) => {
    await manager.put(at(place, '/roles/extra'), { role: 'observer' });
    return remove(at(place, '/roles/extra'));
  },
  listEntries: (_, place) => get(at(place, '/states/current/entries?delimiter=/')),
  getFile: (_, place) => get(at(place, `/states/current/files/${inUrl('plan.md')}`)),
  putFile: (_, place) => ({ method: 'PUT', path: at(place, '/files/notes.md'), body: 'notes' }),
  deleteFile: async ({ manager }, place) => {
    await manager.save(place.instance, 'extra.md', 'x');
    return remove(at(place, '/files/extra.md'));
  },
  createUpload: (_, place) =>
    post(at(place, '/uploads'), announcement([{ path: 'up.md', parts: [Buffer.from('up')] }])),
  applyChanges: (_, place) =>
    post(at(place, '/changes'), {
      message: 'A copy',
      ops: [{ op: 'copy', kind: 'file', from: { path: 'plan.md' }, to: 'copy.md' }],
    }),
  diff: (_, place) => get(at(place, `/diff?from=${place.snapshot}&to=current`)),
  listJournal: (_, place) => get(at(place, '/journal?after=0&limit=5')),
  verifyJournal: (_, place) => get(at(place, '/journal/verify')),
  putTable: (_, place) => ({ method: 'PUT', path: at(place, '/tables/t'), body: 'a\n1\n', headers: csv }),
  appendRows: (_, place) => ({
    method: 'POST',
    path: at(place, '/tables/scores/rows'),
    body: 'n,name\n3,c\n',
    headers: csv,
  }),
  deleteTable: async ({ manager }, place) => {
    await manager.send('PUT', at(place, '/tables/extra'), { body: 'a\n1\n', headers: csv });
    return remove(at(place, '/tables/extra'));
  },
  getTable: (_, place) => get(at(place, '/states/current/tables/scores')),
  getRows: (_, place) => get(at(place, '/states/current/tables/scores/rows?limit=1&columns=name')),
  putApp: (_, place) => put(at(place, '/apps/new'), { image: 'img@sha256:2', config: { a: [1] } }),
  getCurrentApp: (_, place) => get(at(place, '/apps/lab')),
  getApp: (_, place) => get(at(place, '/states/current/apps/lab')),
  deleteApp: async ({ manager }, place) => {
    await manager.put(at(place, '/apps/extra'), { image: 'x' });
    return remove(at(place, '/apps/extra'));
  },
  takeSnapshot: (_, place) => post(at(place, '/snapshots'), { name: 'Now', description: 'As it is' }),
  listSnapshots: (_, place) => get(at(place, '/snapshots?limit=2')),
  getSnapshot: (_, place) => get(at(place, `/snapshots/${place.snapshot}`)),
  deleteSnapshot: async ({ manager }, place) => {
    const extra = await manager.post(at(place, '/snapshots'), { name: 'Extra' });
    return remove(at(place, `/snapshots/${extra.status === 201 ? extra.body.id : place.snapshot}`));
  },
  listDeletedSnapshots: (_, place) => get(at(place, '/deleted-snapshots?limit=2')),
  undeleteSnapshot: async ({ manager }, place) => {
    const extra = await manager.post(at(place, '/snapshots'), { name: 'Extra' });
    const id = extra.status === 201 ? extra.body.id : place.snapshot;
    await manager.delete(at(place, `/snapshots/${id}`));
    return post(at(place, `/deleted-snapshots/${id}/undelete`));
  },
  putQuota: (_, place) => put(at(place, '/quota'), { bytes: 1_000_000 }),
  removeQuota: (_, place) => remove(at(place, '/quota')),
  restore: (_, place) =>
    post(at(place, '/restore'), { state: 'current', paths: [{ kind: 'file', path: 'plan.md' }] }),
  getInstanceStorage: (_, place) => get(at(place, '/storage')),
  getStage: (_, place) => get(at(place, '/stage')),
  putStage: (_, place) =>
    put(at(place, '/stage'), { items: [{ state: 'current', kind: 'file', path: 'plan.md' }] }),
  clearStage: (_, place) => remove(at(place, '/stage')),
  planDistribution: (_, place) => post('/v1/distributions/plan', toItself(place)),
  distribute: (_, place) => post('/v1/distributions', toItself(place)),
};

const toItself = ({ instance }: Place) => ({
  source: { instance, items: [{ state: 'current', kind: 'file', path: 'plan.md' }] },
  targets: { instances: [instance] },
});

/** Requests about anything else. */
export const otherRequests: Readonly<Record<string, Ask>> = {
  health: () => get('/v1/health'),
  getOpenApi: () => get('/v1/openapi.json'),
  getDocs: () => get('/v1/docs'),
  getKeys: () => get('/v1/keys'),
  me: () => get('/v1/me'),
  verifyReceipt: ({ receipt }) => post('/v1/receipts/verify', { receipt }),
  createSpace: () => post('/v1/spaces', { name: 'Another', kind: 'research' }),
  listSpaces: () => get('/v1/spaces?limit=5'),
  getSpace: (fixture) => get(inSpace(fixture)),
  addMembers: (fixture) => post(inSpace(fixture, '/members'), { members: [{ user: 'new', role: 'member' }] }),
  listMembers: (fixture) => get(inSpace(fixture, '/members?limit=3')),
  removeMember: async (fixture) => {
    const members = [{ user: 'extra', role: 'member' }];
    await fixture.manager.post(inSpace(fixture, '/members'), { members });
    return remove(inSpace(fixture, '/members/extra'));
  },
  createInstance: (fixture) =>
    post(inSpace(fixture, '/instances'), { name: 'Another', viewers: ['someone'] }),
  listInstances: (fixture) => get(inSpace(fixture, '/instances?limit=3')),
  getSpaceStorage: (fixture) => get(inSpace(fixture, '/storage')),
  whatIf: (fixture) =>
    post(inSpace(fixture, '/storage/what-if'), { delete: { snapshots: [fixture.places.own.snapshot] } }),
  listDistributions: (fixture) => get(inSpace(fixture, '/distributions?limit=3')),
  recall: (fixture) =>
    post(inSpace(fixture, '/recalls'), { items: [{ kind: 'file', path: 'undo.md' }], from: 'students' }),
  changeSpace: (fixture) => send('PATCH', inSpace(fixture), { safetySnapshotSeconds: 10_000_000 }),
  deleteSpace: async ({ manager }) => {
    const extra = await manager.post('/v1/spaces', { name: 'Extra', kind: 'research' });
    return remove(`/v1/spaces/${extra.body.id}?confirm=Extra`);
  },
  listDeletedSpaces: () => get('/v1/deleted-spaces?limit=2'),
  undeleteSpace: async ({ manager }) => {
    const extra = await manager.post('/v1/spaces', { name: 'Extra', kind: 'research' });
    await manager.delete(`/v1/spaces/${extra.body.id}?confirm=Extra`);
    return post(`/v1/deleted-spaces/${extra.body.id}/undelete`);
  },
  deleteInstance: async (fixture) =>
    remove(`/v1/instances/${await newProject(fixture.manager, fixture.space)}?confirm=Project`),
  listDeletedInstances: (fixture) => get(inSpace(fixture, '/deleted-instances?limit=2')),
  undeleteInstance: async (fixture) => {
    const extra = await newProject(fixture.manager, fixture.space);
    await fixture.manager.delete(`/v1/instances/${extra}?confirm=Project`);
    return post(inSpace(fixture, `/deleted-instances/${extra}/undelete`));
  },
  startReclaim: () => post('/v1/reclaims', { dryRun: true }),
  listReclaims: () => get('/v1/reclaims?limit=1'),
  getReclaim: ({ reclaim }) => get(`/v1/reclaims/${reclaim}`),
  listDeletions: ({ reclaim }) => get(`/v1/reclaims/${reclaim}/deletions?limit=3`),
  getPlan: ({ plan }) => get(`/v1/plans/${plan}`),
  listPlanTargets: ({ plan }) => get(`/v1/plans/${plan}/targets?limit=2`),
  getDistribution: ({ distribution }) => get(`/v1/distributions/${distribution}`),
  listTargets: ({ distribution }) => get(`/v1/distributions/${distribution}/targets?limit=2`),
  retryDistribution: ({ distribution }) => post(`/v1/distributions/${distribution}/retry`),
  cancelDistribution: ({ distribution }) => post(`/v1/distributions/${distribution}/cancel`),
  undoDistribution: ({ undoable }) => post(`/v1/distributions/${undoable}/undo`),
  createAssignment: (fixture) =>
    post(
      inSpace(fixture, '/assignments'),
      newAssignment(fixture.places.master.instance, { opensAt: '2099-01-01T00:00:00Z' }),
    ),
  listAssignments: (fixture) => get(inSpace(fixture, '/assignments?limit=2')),
  getAssignment: (fixture) => get(onAssignment(fixture)),
  changeAssignment: (fixture) => send('PATCH', onAssignment(fixture), { title: 'The plan' }),
  deleteAssignment: async (fixture) => {
    const wanted = newAssignment(fixture.places.master.instance, { opensAt: '2099-01-01T00:00:00Z' });
    const extra = await fixture.manager.post(inSpace(fixture, '/assignments'), wanted);
    return remove(`/v1/assignments/${extra.body.id}`);
  },
  putOverride: (fixture) =>
    put(onAssignment(fixture, '/overrides/s2'), { dueAt: '2100-02-01T00:00:00Z', reason: 'ill' }),
  removeOverride: async (fixture) => {
    await fixture.manager.put(onAssignment(fixture, '/overrides/s1'), {
      dueAt: '2100-02-01T00:00:00Z',
      reason: 'ill',
    });
    return remove(onAssignment(fixture, '/overrides/s1'));
  },
  releaseFeedback: (fixture) => post(onAssignment(fixture, '/release'), { students: ['s1'] }),
  getGrades: (fixture) => get(onAssignment(fixture, '/grades')),
  getAudit: (fixture) => get(onAssignment(fixture, '/audit')),
  verifyAudit: (fixture) => get(onAssignment(fixture, '/audit/verify')),
  handIn: (fixture) => post(onAssignment(fixture, '/handins'), { instance: fixture.places.own.instance }),
  listHandIns: (fixture) => get(onAssignment(fixture, '/handins?which=all&limit=5')),
  getHandIn: (fixture) => get(onHandIn(fixture)),
  getHandInFile: (fixture) => get(onHandIn(fixture, '/files/plan.md')),
  getReceipt: (fixture) => get(onHandIn(fixture, '/receipt')),
  putFeedbackFile: ({ ungraded }) => ({
    method: 'PUT',
    path: `/v1/handins/${ungraded}/feedback/files/plan.md`,
    body: 'Good.',
  }),
  putGrade: ({ ungraded }) =>
    put(`/v1/handins/${ungraded}/grade`, { score: 5.5, outOf: 6, comment: 'Better' }),
  getFeedback: (fixture) => get(onHandIn(fixture, '/feedback')),
  getFeedbackFile: (fixture) => get(onHandIn(fixture, '/feedback/files/plan.md')),
};

export const everyRequest: Readonly<Record<string, Ask>> = { ...instanceRequests, ...otherRequests };
