// Who may do what: every endpoint, asked by every kind of person, against a table written out here. `ok` is whatever an
// allowed request is answered with; 404 is what cannot even be seen, 403 what can be seen and not be done, 401 nobody.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endpoints } from '../../functions/routes.ts';
import {
  everyRequest,
  type Fixture,
  instanceRequests,
  openFixture,
  otherRequests,
  type PlaceName,
  placeNames,
  users,
} from '../support/every-endpoint.ts';
import { openWorld, type Send, type World } from '../support/world.ts';

/**
 * manager: of the organisation · admin, grader, member: of the space · student: in the own instance · classmate: in
 * another student's · editor, viewer, observer: of the project, and in nothing else · stranger: no role · nobody: no token.
 */
const people = [
  'manager',
  'admin',
  'grader',
  'member',
  'student',
  'classmate',
  'editor',
  'viewer',
  'observer',
  'stranger',
  'nobody',
] as const;
type Person = (typeof people)[number];

/** One verdict for each person, in their order. */
type Row = string;

const everyone: Row /*    */ = 'ok  ok  ok  ok  ok  ok  ok  ok  ok  ok  ok ';
const signedIn: Row /*    */ = 'ok  ok  ok  ok  ok  ok  ok  ok  ok  ok  401';
const managers: Row /*    */ = 'ok  403 403 403 403 403 403 403 403 403 401';
const theMaker: Row /*    */ = 'ok  404 404 404 404 404 404 404 404 404 401';
const wholeSpace: Row /*  */ = 'ok  ok  ok  ok  ok  ok  404 404 404 404 401';
const spaceStaff: Row /*  */ = 'ok  ok  403 403 403 403 404 404 404 404 401';
const spaceGraders: Row /**/ = 'ok  ok  ok  403 403 403 404 404 404 404 401';
const staffAlone: Row /*  */ = 'ok  ok  404 404 404 404 404 404 404 404 401';
const ofOneself: Row /*   */ = 'ok  ok  403 404 ok  404 404 404 404 404 401';
const theHandIn: Row /*   */ = 'ok  ok  ok  404 ok  404 404 404 404 404 401';
const grading: Row /*     */ = 'ok  ok  ok  404 403 404 404 404 404 404 401';

const others: Readonly<Record<string, Row>> = {
  health: everyone,
  getOpenApi: everyone,
  getDocs: everyone,
  getKeys: everyone,
  me: signedIn,
  listSpaces: signedIn,
  verifyReceipt: signedIn,
  createSpace: managers,
  startReclaim: managers,
  listDeletedSpaces: managers,
  undeleteSpace: managers,
  deleteSpace: theMaker,
  changeSpace: spaceStaff,
  listDeletedInstances: spaceStaff,
  undeleteInstance: spaceStaff,
  deleteInstance: staffAlone,
  listReclaims: managers,
  getReclaim: managers,
  listDeletions: managers,
  getSpace: wholeSpace,
  listInstances: wholeSpace,
  listAssignments: wholeSpace,
  listMembers: spaceStaff,
  addMembers: spaceStaff,
  removeMember: spaceStaff,
  createInstance: spaceStaff,
  getSpaceStorage: spaceStaff,
  whatIf: spaceStaff,
  listDistributions: spaceStaff,
  recall: spaceStaff,
  createAssignment: spaceStaff,
  getPlan: theMaker,
  listPlanTargets: theMaker,
  getDistribution: staffAlone,
  listTargets: staffAlone,
  retryDistribution: staffAlone,
  cancelDistribution: staffAlone,
  undoDistribution: staffAlone,
  getAssignment: wholeSpace,
  listHandIns: wholeSpace,
  changeAssignment: spaceStaff,
  deleteAssignment: spaceStaff,
  putOverride: spaceStaff,
  removeOverride: spaceStaff,
  releaseFeedback: spaceStaff,
  getAudit: spaceStaff,
  verifyAudit: spaceStaff,
  getGrades: spaceGraders,
  handIn: ofOneself,
  getHandIn: theHandIn,
  getHandInFile: theHandIn,
  getReceipt: theHandIn,
  getFeedback: theHandIn,
  getFeedbackFile: theHandIn,
  putFeedbackFile: grading,
  putGrade: grading,
};

/** What an endpoint asks of who comes to an instance. */
const needs: Readonly<Record<string, keyof typeof tables>> = {
  getInstance: 'see',
  getFile: 'read',
  listEntries: 'read',
  diff: 'read',
  listJournal: 'read',
  verifyJournal: 'read',
  getTable: 'read',
  getRows: 'read',
  getApp: 'read',
  getCurrentApp: 'read',
  listSnapshots: 'read',
  getSnapshot: 'read',
  getInstanceStorage: 'read',
  getStage: 'read',
  putStage: 'read',
  clearStage: 'read',
  putFile: 'write',
  deleteFile: 'write',
  createUpload: 'write',
  applyChanges: 'write',
  putTable: 'write',
  appendRows: 'write',
  deleteTable: 'write',
  putApp: 'write',
  deleteApp: 'write',
  takeSnapshot: 'write',
  deleteSnapshot: 'write',
  listDeletedSnapshots: 'write',
  undeleteSnapshot: 'write',
  restore: 'write',
  catchUp: 'receive',
  planDistribution: 'receive',
  distribute: 'receive',
  giveRole: 'rule',
  takeRole: 'rule',
  putQuota: 'manage',
  removeQuota: 'manage',
};

//               manager admin grader member student classmate editor viewer observer stranger nobody
const tables = {
  see: {
    own: '        ok  ok  404 404 ok  404 404 404 404 404 401',
    project: '    ok  ok  404 404 404 404 ok  ok  ok  404 401',
    master: '     ok  ok  404 404 404 404 404 404 404 404 401',
    distributed: 'ok  ok  404 404 ok  ok  ok  404 404 404 401',
  },
  read: {
    own: '        ok  ok  404 404 ok  404 404 404 404 404 401',
    project: '    ok  ok  404 404 404 404 ok  ok  403 404 401',
    master: '     ok  ok  404 404 404 404 404 404 404 404 401',
    distributed: 'ok  ok  404 404 ok  ok  ok  404 404 404 401',
  },
  // Nobody writes to Distributed but a distribution: it is the record of what was given.
  write: {
    own: '        ok  ok  404 404 ok  404 404 404 404 404 401',
    project: '    ok  ok  404 404 404 404 ok  403 403 404 401',
    master: '     ok  ok  404 404 404 404 404 404 404 404 401',
    distributed: '403 403 404 404 403 403 403 404 404 404 401',
  },
  receive: {
    own: '        ok  ok  404 404 ok  404 404 404 404 404 401',
    project: '    ok  ok  404 404 404 404 ok  403 403 404 401',
    master: '     ok  ok  404 404 404 404 404 404 404 404 401',
    distributed: 'ok  ok  404 404 403 403 403 404 404 404 401',
  },
  rule: {
    own: '        ok  ok  404 404 403 404 404 404 404 404 401',
    project: '    ok  ok  404 404 404 404 403 403 403 404 401',
    master: '     ok  ok  404 404 404 404 404 404 404 404 401',
    distributed: 'ok  ok  404 404 403 403 403 404 404 404 401',
  },
  manage: {
    own: '        ok  403 404 404 403 404 404 404 404 404 401',
    project: '    ok  403 404 404 404 404 403 403 403 404 401',
    master: '     ok  403 404 404 404 404 404 404 404 404 401',
    distributed: 'ok  403 404 404 403 403 403 404 404 404 401',
  },
} satisfies Record<string, Record<PlaceName, Row>>;

let world: World;
let fixture: Fixture;
const senders: Partial<Record<Person, Send>> = {};

beforeAll(async () => {
  world = await openWorld();
  fixture = await openFixture(world);
  for (const person of people) {
    if (person === 'nobody') senders[person] = world.anonymous;
    else if (person === 'manager') senders[person] = fixture.manager.send;
    else senders[person] = (await world.client(person === 'stranger' ? person : users[person])).send;
  }
});
afterAll(() => world[Symbol.asyncDispose]());

/** The verdicts as they are, written like a row of the table. */
async function verdicts(name: string, place: PlaceName): Promise<string[]> {
  const found: string[] = [];
  for (const person of people) {
    const { method, path, ...options } = await everyRequest[name]!(fixture, fixture.places[place]);
    const { status } = await senders[person]!(method, path, options);
    expect(status, `${person} ${method} ${path}`).not.toBe(500);
    found.push([401, 403, 404].includes(status) ? String(status) : 'ok');
  }
  return found;
}

const row = (text: Row): string[] => text.trim().split(/\s+/);

it('every endpoint has its row', () => {
  const names = endpoints.map(({ name }) => name).sort();
  expect([...Object.keys(needs), ...Object.keys(others)].sort()).toEqual(names);
  expect(Object.keys(instanceRequests).sort()).toEqual(Object.keys(needs).sort());
  expect(Object.keys(otherRequests).sort()).toEqual(Object.keys(others).sort());
});

describe.each(Object.entries(needs))('%s', (name, need) => {
  it.each(placeNames)('of %s', async (place) => {
    expect(await verdicts(name, place)).toEqual(row(tables[need][place]));
  });
});

it.each(Object.entries(others))('%s', async (name, expected) => {
  expect(await verdicts(name, 'own')).toEqual(row(expected));
});

describe('beyond the endpoint', () => {
  const ask = async (method: string, path: string, json?: unknown): Promise<string[]> => {
    const found: string[] = [];
    for (const person of people) {
      const { status } = await senders[person]!(method, path, json === undefined ? {} : { json });
      found.push([401, 403, 404].includes(status) ? String(status) : 'ok');
    }
    return found;
  };

  it('an observer reads the README of the current state, and nothing else', async () => {
    const { instance } = fixture.places.project;
    const taken = await fixture.manager.post(`/v1/instances/${instance}/snapshots`, {
      name: 'With a README',
    });
    const readers = 'ok  ok  404 404 404 404 ok  ok  403 404 401';
    const readme = 'ok  ok  404 404 404 404 ok  ok  ok  404 401';
    const file = (state: string, path: string) =>
      ask('GET', `/v1/instances/${instance}/states/${state}/files/${path}`);
    expect(await file('current', 'README.md')).toEqual(row(readme));
    expect(await file(taken.body.id, 'README.md')).toEqual(row(readers));
    expect(await file('current', 'plan.md')).toEqual(row(readers));
    expect(await file('current', 'docs/README.md')).toEqual(
      row('404 404 404 404 404 404 404 404 403 404 401'),
    );
  });

  it('giving something to all is for the staff of the space', async () => {
    const toAll = (instance: string) => ({
      source: { instance, items: [{ state: 'current', kind: 'file', path: 'plan.md' }] },
      targets: { all: true },
    });
    const { master, own, project } = fixture.places;
    for (const path of ['/v1/distributions', '/v1/distributions/plan']) {
      expect(await ask('POST', path, toAll(master.instance))).toEqual(row(staffAlone));
      const asStudent = 'ok  ok  404 404 403 404 404 404 404 404 401';
      expect(await ask('POST', path, toAll(own.instance))).toEqual(row(asStudent));
      const asProject = 'ok  ok  404 404 404 404 404 404 403 404 401';
      expect(await ask('POST', path, toAll(project.instance))).toEqual(row(asProject));
    }
  });

  it('giving to an instance needs leave to write there and to read here', async () => {
    const { own, distributed } = fixture.places;
    const body = {
      source: { instance: distributed.instance, state: 'current' },
      targets: { instances: [own.instance] },
    };
    expect(await ask('POST', '/v1/distributions', body)).toEqual(
      row('ok  ok  404 404 ok  404 404 404 404 404 401'),
    );
  });

  it('a plan and a distribution belong to who made them', async () => {
    const student = await world.client(users.student);
    const { own } = fixture.places;
    const body = {
      source: { instance: own.instance, items: [{ state: 'current', kind: 'file', path: 'plan.md' }] },
      targets: { instances: [own.instance] },
    };
    const plan = await student.post('/v1/distributions/plan', body);
    const mine = '404 404 404 404 ok  404 404 404 404 404 401';
    expect(await ask('GET', `/v1/plans/${plan.body.id}`)).toEqual(row(mine));
    const { id } = (await student.post('/v1/distributions', body)).body;
    const minesAndStaff = 'ok  ok  404 404 ok  404 404 404 404 404 401';
    expect(await ask('GET', `/v1/distributions/${id}`)).toEqual(row(minesAndStaff));
  });

  it('feedback and grade are for staff and graders alone until they are released', async () => {
    const { manager, space, places } = fixture;
    const wanted = {
      title: 'Second',
      source: { instance: places.master.instance, items: [{ kind: 'file', path: 'plan.md' }] },
      submission: { files: ['plan.md'] },
      dueAt: '2100-01-01T00:00:00Z',
    };
    const assignment = (await manager.post(`/v1/spaces/${space}/assignments`, wanted)).body.id;
    const student = await world.client(users.student);
    const { id } = (await student.post(`/v1/assignments/${assignment}/handins`)).body;
    await manager.send('PUT', `/v1/handins/${id}/feedback/files/plan.md`, { body: 'Hm.' });
    const before = row('ok  ok  ok  404 404 404 404 404 404 404 401');
    expect(await ask('GET', `/v1/handins/${id}/feedback`)).toEqual(before);
    expect(await ask('GET', `/v1/handins/${id}/feedback/files/plan.md`)).toEqual(before);
    await manager.post(`/v1/assignments/${assignment}/release`, {});
    expect(await ask('GET', `/v1/handins/${id}/feedback`)).toEqual(row(theHandIn));
    expect(await ask('GET', `/v1/handins/${id}/feedback/files/plan.md`)).toEqual(row(theHandIn));
  });

  it('a role ends with the next request once it is taken', async () => {
    const { manager, places } = fixture;
    const url = `/v1/instances/${places.project.instance}`;
    await manager.put(`${url}/roles/temp`, { role: 'editor' });
    const temp = await world.client('temp');
    expect((await temp.get(url)).status).toBe(200);
    expect((await temp.get(`/v1/instances/${places.distributed.instance}`)).status).toBe(200);
    await manager.delete(`${url}/roles/temp`);
    expect((await temp.get(url)).status).toBe(404);
    expect((await temp.get(`/v1/instances/${places.distributed.instance}`)).status).toBe(404);
  });
});
