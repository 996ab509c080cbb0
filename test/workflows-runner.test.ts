// The one-machine runner of workflows: the common contract over both of its stores, and what can go wrong with this one
// in particular - kills, restarts, long waits and texts that it cannot run.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openAlarms } from '../adapters/local/alarms.ts';
import {
  type ExecutionStore,
  memoryExecutions,
  sqliteExecutions,
} from '../adapters/local/execution-store.ts';
import type { MachineJson, Step, WorkflowDefinition } from '../adapters/local/workflow-definition.ts';
import { type LocalWorkflows, openWorkflows } from '../adapters/local/workflows.ts';
import { machine, task, workflowsContract } from './contract/workflows.ts';
import { rounds } from './support/crash-workflow.ts';

const stores: Record<string, () => ExecutionStore> = {
  memory: memoryExecutions,
  SQLite: () => sqliteExecutions(new DatabaseSync(':memory:')),
};

describe.concurrent('the contract', () => {
  for (const [name, openStore] of Object.entries(stores)) {
    workflowsContract(name, async (definitions) => {
      const workflows = openWorkflows({ executions: openStore(), definitions, now: Date.now });
      return { workflows, idle: workflows.idle, close: workflows.close };
    });
  }
});

const DAY_MS = 86_400_000;
const start = Date.parse('2026-09-01T08:00:00Z');

/** A database file that outlives its runners, and a clock that moves when it is told to. */
let dir: string;
let time: number;
let open: (LocalWorkflows | DatabaseSync)[];

function freshMachine(): void {
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'handout-workflows-'));
    time = start;
    open = [];
  });
  afterEach(async () => {
    for (const opened of open.reverse()) await opened.close();
    rmSync(dir, { recursive: true });
  });
}

function store(): ExecutionStore {
  const db = new DatabaseSync(join(dir, 'db'), { timeout: 5000 });
  open.push(db);
  return sqliteExecutions(db);
}

/** A process of its own, as far as the runner can tell. */
function boot(work: WorkflowDefinition, executions = store()) {
  const faults: unknown[] = [];
  const onFault = (fault: unknown) => void faults.push(fault);
  const workflows = openWorkflows({ executions, definitions: { work }, now: () => time, onFault });
  open.push(workflows);
  return { workflows, executions, faults };
}

/** A step that reports each time it begins and then goes on only when it is let go. */
function gate() {
  const [entered, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const step: Step = async () => {
    entered.resolve();
    await released.promise;
  };
  return { step, entered: entered.promise, release: released.resolve };
}

function counted(names: readonly string[]) {
  const runs: Record<string, number> = {};
  const steps: Record<string, Step> = {};
  for (const name of names) {
    runs[name] = 0;
    steps[name] = async (input) => {
      runs[name] = (runs[name] ?? 0) + 1;
      return { ...input, [name]: runs[name] };
    };
  }
  return { runs, steps };
}

const waitAnd = (wait: object, work: Step): WorkflowDefinition => ({
  asl: machine('Wait', { Wait: { Type: 'Wait', ...wait, Next: 'Work' }, Work: task('work') }),
  steps: { work },
});

describe('after a crash', () => {
  freshMachine();
  const asl = machine('First', {
    First: task('first', { Next: 'Second' }),
    Second: task('second', { Next: 'Third' }),
    Third: task('third'),
  });

  it('goes on with the state that was under way, and does not repeat the states before it', async () => {
    const { runs, steps } = counted(['first', 'second', 'third']);
    const { step, entered, release } = gate();
    const crashed = boot({ asl, steps: { ...steps, second: step } });
    await crashed.workflows.start('work', 'a', { n: 1 });
    await entered;
    const { workflows, executions } = boot({ asl, steps });
    await workflows.resume();
    await workflows.idle();
    expect(runs).toEqual({ first: 1, second: 1, third: 1 });
    expect(executions.get({ workflow: 'work', id: 'a' })).toMatchObject({
      status: 'succeeded',
      checkpoint: { state: 'Third', input: { n: 1, first: 1, second: 1 } },
    });
    release();
    await crashed.workflows.idle();
  });

  it('each kill -9 repeats the one step that it cut short, and nothing is left out', async () => {
    const [file, log] = [join(dir, 'db'), join(dir, 'log')];
    const script = join(import.meta.dirname, 'support', 'crash-workflow.ts');
    for (const round of ['2', '5', '9']) {
      const args = [script, file, log, round];
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      child.stdout.once('data', () => child.kill('SIGKILL'));
      const [, signal] = await once(child, 'exit');
      expect(signal).toBe('SIGKILL');
    }
    const executions = store();
    const work = rounds(async (round) => appendFileSync(log, `${round}\n`));
    const workflows = openWorkflows({ executions, definitions: { rounds: work }, now: Date.now });
    open.push(workflows);
    expect(await workflows.status('rounds', 'a')).toBe('running');
    await workflows.resume();
    await workflows.idle();
    expect(await workflows.status('rounds', 'a')).toBe('succeeded');
    const begun = readFileSync(log, 'utf8').trim().split('\n').map(Number);
    expect(begun).toEqual([0, 1, 2, 2, 3, 4, 5, 5, 6, 7, 8, 9, 9, 10, 11]);
  });

  it('what the text says about the execution is the same as before', async () => {
    const told: unknown[] = [];
    const Parameters = { 'of.$': '$$.Execution' };
    const text = machine('First', {
      First: task('tell', { Parameters, Next: 'Wait' }),
      Wait: { Type: 'Wait', Seconds: 60, Next: 'Second' },
      Second: task('tell', { Parameters }),
    });
    const tell: Step = async ({ of }) => void told.push(of);
    const before = boot({ asl: text, steps: { tell } });
    await before.workflows.start('work', 'a', { n: 1 });
    await before.workflows.idle();
    await before.workflows.close();
    time += DAY_MS;
    const { workflows } = boot({ asl: text, steps: { tell } });
    await workflows.resume();
    await workflows.idle();
    const same = { Id: 'local:work:a', Name: 'a', Input: { n: 1 }, StartTime: '2026-09-01T08:00:00.000Z' };
    expect(told).toEqual([same, same]);
  });

  it('a workflow that was stopped stays stopped', async () => {
    const { runs, steps } = counted(['work']);
    const work = waitAnd({ Seconds: 60 }, steps.work!);
    const before = boot(work);
    await before.workflows.start('work', 'a', {});
    await before.workflows.idle();
    await before.workflows.stop('work', 'a');
    time += DAY_MS;
    const { workflows } = boot(work);
    await workflows.resume();
    await workflows.idle();
    expect([await workflows.status('work', 'a'), runs.work]).toEqual(['stopped', 0]);
  });

  it('an execution whose state is gone from the text is kept and reported until the state is back', async () => {
    const { runs, steps } = counted(['first', 'second', 'third']);
    const before = boot(waitAnd({ Seconds: 60 }, steps.first!));
    await before.workflows.start('work', 'a', {});
    await before.workflows.close();
    time += DAY_MS;
    const wrong = boot({ asl, steps });
    await wrong.workflows.resume();
    await wrong.workflows.idle();
    expect(wrong.faults.map(String)).toEqual(["Error: The workflow 'work' has no state 'Wait'"]);
    await wrong.workflows.close();
    const { workflows } = boot(waitAnd({ Seconds: 60 }, steps.first!));
    await workflows.resume();
    await workflows.idle();
    expect([await workflows.status('work', 'a'), runs.first]).toEqual(['succeeded', 1]);
  });
});

describe('waits', () => {
  freshMachine();
  const ended = async ({ workflows }: { workflows: LocalWorkflows }) => {
    workflows.wake();
    await workflows.idle();
    return (await workflows.status('work', 'a')) === 'succeeded';
  };
  const nothing: Step = async () => undefined;
  const inSixtyDays = new Date(start + 60 * DAY_MS).toISOString();

  it.each([
    ['Timestamp', { Timestamp: inSixtyDays }],
    ['TimestampPath', { TimestampPath: '$.at' }],
    ['Seconds', { Seconds: 60 * 86_400 }],
    ['SecondsPath', { SecondsPath: '$.seconds' }],
  ])('60 days ahead are 60 days (%s)', async (_name, wait) => {
    const runner = boot(waitAnd(wait, nothing));
    await runner.workflows.start('work', 'a', { at: inSixtyDays, seconds: 60 * 86_400 });
    expect(await ended(runner)).toBe(false);
    time = start + 60 * DAY_MS - 1;
    expect(await ended(runner)).toBe(false);
    time += 1;
    expect(await ended(runner)).toBe(true);
  });

  it('a restart does not begin a wait again', async () => {
    const work = waitAnd({ Seconds: 3600 }, nothing);
    const before = boot(work);
    await before.workflows.start('work', 'a', {});
    await before.workflows.idle();
    await before.workflows.close();
    time += 3_000_000;
    const after = boot(work);
    await after.workflows.resume();
    expect(await ended(after)).toBe(false);
    time += 600_000;
    expect(await ended(after)).toBe(true);
  });

  it('a wait that has begun keeps its end when the text changes', async () => {
    const before = boot(waitAnd({ Seconds: 3600 }, nothing));
    await before.workflows.start('work', 'a', {});
    await before.workflows.idle();
    await before.workflows.close();
    const after = boot(waitAnd({ Seconds: 60 }, nothing));
    await after.workflows.resume();
    time += 60_000;
    expect(await ended(after)).toBe(false);
    time += 3_540_000;
    expect(await ended(after)).toBe(true);
  });

  it('ends by itself, without being woken', async () => {
    const { promise, resolve } = Promise.withResolvers<number>();
    const work = waitAnd({ TimestampPath: '$.at' }, async () => resolve(Date.now()));
    const workflows = openWorkflows({ executions: store(), definitions: { work }, now: Date.now });
    open.push(workflows);
    const due = Date.now() + 50;
    await workflows.start('work', 'a', { at: new Date(due).toISOString() });
    expect(await promise).toBeGreaterThanOrEqual(due);
  });

  it('a clock that was set forward is noticed within a minute', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const rung: string[] = [];
      const alarms = openAlarms(() => time);
      alarms.set('far', start + 60 * DAY_MS, () => rung.push('far'));
      vi.advanceTimersByTime(DAY_MS);
      expect(rung).toEqual([]);
      time = start + 60 * DAY_MS;
      vi.advanceTimersByTime(60_000);
      expect(rung).toEqual(['far']);
      alarms.close();
    } finally {
      vi.useRealTimers();
    }
  });

  it('many that are due at once all end, the earliest first', async () => {
    const seen: unknown[] = [];
    const { workflows } = boot(waitAnd({ SecondsPath: '$.n' }, async ({ n }) => void seen.push(n)));
    const order = Array.from({ length: 50 }, (_, i) => (i * 7) % 50);
    for (const n of order) await workflows.start('work', String(n), { n: n + 1 });
    await workflows.idle();
    expect(seen).toEqual([]);
    time += DAY_MS;
    workflows.wake();
    await workflows.idle();
    expect(seen).toEqual(order.map((n) => n + 1).sort((a, b) => a - b));
  });

  it.each([
    ['no number', { SecondsPath: '$.text' }],
    ['no time', { TimestampPath: '$.text' }],
    ['a number of another kind', { SecondsPath: '$.half' }],
    ['nothing there', { SecondsPath: '$.nothing' }],
  ])('a wait for what is no time fails the workflow: %s', async (_name, wait) => {
    const { workflows, executions } = boot(waitAnd(wait, nothing));
    await workflows.start('work', 'a', { text: 'soon', half: 0.5 });
    await workflows.idle();
    const { status, failure } = executions.get({ workflow: 'work', id: 'a' })!;
    expect([status, failure?.error]).toEqual(['failed', 'States.Runtime']);
  });
});

describe('an orderly end', () => {
  freshMachine();
  it('lets the step under way end, begins no other, and does not repeat it at the next boot', async () => {
    const { runs, steps } = counted(['work']);
    const { step, entered, release } = gate();
    const asl = machine('Slow', { Slow: task('slow', { Next: 'Work' }), Work: task('work') });
    const before = boot({ asl, steps: { ...steps, slow: step } });
    await before.workflows.start('work', 'a', {});
    await entered;
    const closed = before.workflows.close();
    release();
    await closed;
    expect(runs.work).toBe(0);
    const again: Step = async () => expect.unreachable('the step runs again');
    const { workflows } = boot({ asl, steps: { ...steps, slow: again } });
    await workflows.resume();
    await workflows.idle();
    expect([await workflows.status('work', 'a'), runs.work]).toEqual(['succeeded', 1]);
  });

  it('does not sit out the pause before a retry', async () => {
    const Retry = [{ ErrorEquals: ['States.ALL'], IntervalSeconds: 3600 }];
    const Catch = [{ ErrorEquals: ['States.ALL'], Next: 'Caught' }];
    const asl = machine('Try', { Try: task('try', { Retry, Catch }), Caught: { Type: 'Succeed' } });
    const failed = Promise.withResolvers<void>();
    const fails: Step = async () => {
      failed.resolve();
      throw new Error('not yet');
    };
    const before = boot({ asl, steps: { try: fails } });
    await before.workflows.start('work', 'a', {});
    await failed.promise;
    await before.workflows.close();
    const { runs, steps } = counted(['try']);
    const { workflows } = boot({ asl, steps });
    expect(await workflows.status('work', 'a')).toBe('running');
    await workflows.resume();
    await workflows.idle();
    expect([await workflows.status('work', 'a'), runs.try]).toEqual(['succeeded', 1]);
  });
});

it('a workflow that is stopped in the pause before a retry does not try again', async () => {
  const Retry = [{ ErrorEquals: ['States.ALL'], IntervalSeconds: 3600 }];
  const asl = machine('Try', { Try: task('try', { Retry }) });
  let tries = 0;
  const fails: Step = async () => {
    tries += 1;
    throw new Error('not yet');
  };
  const definitions = { work: { asl, steps: { try: fails } } };
  const workflows = openWorkflows({ executions: memoryExecutions(), definitions, now: Date.now });
  await workflows.start('work', 'a', {});
  await expect.poll(() => tries).toBe(1);
  await setImmediate();
  await workflows.stop('work', 'a');
  await workflows.idle();
  expect([await workflows.status('work', 'a'), tries]).toEqual(['stopped', 1]);
});

describe('inside a Map', () => {
  freshMachine();
  const each = (fields: object): MachineJson =>
    machine('All', {
      All: { Type: 'Map', MaxConcurrency: 2, ItemsPath: '$.items', ...fields },
      Caught: { Type: 'Succeed' },
    });
  const ItemProcessor = machine('One', { One: task('one') });
  const items = [0, 1, 2, 3, 4, 5, 6, 7];

  it('no item begins once the workflow is stopped', async () => {
    const { step, entered, release } = gate();
    const begun: unknown[] = [];
    const one: Step = async (item) => {
      begun.push(item);
      await step(item);
    };
    const { workflows } = boot({ asl: each({ ItemProcessor, End: true }), steps: { one } });
    await workflows.start('work', 'a', { items });
    await entered;
    await workflows.stop('work', 'a');
    release();
    for (const _ of items) await setImmediate();
    expect(begun).toEqual([0, 1]);
  });

  it('no item begins once another has failed the Map', async () => {
    const { step, entered, release } = gate();
    const begun: unknown[] = [];
    const one: Step = async (item) => {
      begun.push(item);
      if (Number(item) === 0) throw new Error('no');
      await step(item);
    };
    const Catch = [{ ErrorEquals: ['States.ALL'], Next: 'Caught' }];
    const { workflows, executions } = boot({
      asl: each({ ItemProcessor, Catch, End: true }),
      steps: { one },
    });
    await workflows.start('work', 'a', { items });
    await entered;
    await expect.poll(() => executions.get({ workflow: 'work', id: 'a' })?.status).toBe('succeeded');
    release();
    for (const _ of items) await setImmediate();
    expect(begun.length).toBeLessThan(items.length);
  });

  it('a Map that is cut short by an orderly end runs again as a whole, and is not taken for failed', async () => {
    const { step, entered, release } = gate();
    const Catch = [{ ErrorEquals: ['States.ALL'], Next: 'Lost' }];
    const caring = machine('One', { One: task('one', { Catch }), Lost: { Type: 'Pass', End: true } });
    const asl = each({ ItemProcessor: caring, End: true });
    const before = boot({ asl, steps: { one: step } });
    await before.workflows.start('work', 'a', { items });
    await entered;
    const closed = before.workflows.close();
    release();
    await closed;
    const { runs, steps } = counted(['one']);
    const { workflows } = boot({ asl, steps });
    await workflows.resume();
    await workflows.idle();
    expect([await workflows.status('work', 'a'), runs.one]).toEqual(['succeeded', items.length]);
  });
});

describe('when something is wrong', () => {
  freshMachine();
  it('a failed workflow keeps the error and its cause', async () => {
    const only: Step = async () => {
      throw new RangeError('too far');
    };
    const { workflows, executions } = boot({ asl: machine('Only', { Only: task('only') }), steps: { only } });
    await workflows.start('work', 'a', {});
    await workflows.idle();
    expect(executions.get({ workflow: 'work', id: 'a' })).toMatchObject({
      status: 'failed',
      endedAt: start,
      failure: { error: 'RangeError', cause: '{"errorType":"RangeError","errorMessage":"too far"}' },
    });
  });

  it('a store that fails is reported, and the execution goes on a minute later', async () => {
    const { runs, steps } = counted(['first', 'second']);
    const asl = machine('First', { First: task('first', { Next: 'Second' }), Second: task('second') });
    const real = memoryExecutions();
    let full = true;
    const failing: ExecutionStore = {
      ...real,
      reach(...change) {
        if (full) throw new Error('the disk is full');
        return real.reach(...change);
      },
    };
    const { workflows, faults } = boot({ asl, steps }, failing);
    await workflows.start('work', 'a', {});
    await workflows.idle();
    expect([await workflows.status('work', 'a'), faults.map(String)]).toEqual([
      'running',
      ['Error: the disk is full'],
    ]);
    full = false;
    time += 60_000;
    workflows.wake();
    await workflows.idle();
    expect([await workflows.status('work', 'a'), runs]).toEqual(['succeeded', { first: 2, second: 1 }]);
  });

  it('no more than 64 steps run at once', async () => {
    let [running, most] = [0, 0];
    const one: Step = async () => {
      running += 1;
      most = Math.max(most, running);
      await setImmediate();
      running -= 1;
    };
    const asl = machine('Only', { Only: task('only') });
    const { workflows } = boot({ asl, steps: { only: one } }, memoryExecutions());
    for (let n = 0; n < 200; n += 1) await workflows.start('work', String(n), {});
    await workflows.idle();
    expect(most).toBe(64);
  });
});

describe('a text that cannot run here is refused when it is loaded', () => {
  const load = (asl: MachineJson) => () =>
    openWorkflows({
      executions: memoryExecutions(),
      definitions: { work: { asl, steps: { one: async () => undefined } } },
      now: Date.now,
    });
  const inMap = (state: object) =>
    machine('All', {
      All: { Type: 'Map', ItemProcessor: machine('Inner', { Inner: state as never }), End: true },
    });
  const pass = { Type: 'Pass', End: true };

  it.each<[string, MachineJson, RegExp]>([
    ['a step that nobody handed in', inMap(task('two')), /'Inner'.*the step 'two'/],
    [
      'a resource that is no step',
      machine('A', { A: { ...task('one'), Resource: 'arn:x' } }),
      /form \$\{step\}/,
    ],
    ['a Wait inside a Map', inMap({ Type: 'Wait', Seconds: 1, End: true }), /top level only/],
    [
      'two states of one name',
      machine('All', { ...inMap(pass).States, Inner: pass }),
      /another state has this/,
    ],
    ['a way to nowhere', machine('A', { A: { Type: 'Pass', Next: 'B' } }), /'B', which is not there/],
    ['no way at all', machine('A', { A: { Type: 'Pass' } }), /leads nowhere/],
    ['a start that is not there', machine('B', { A: pass }), /starts at 'B'/],
    ['a time limit for the whole', { ...machine('A', { A: pass }), TimeoutSeconds: 9 }, /time limit/],
    ['another query language', { ...machine('A', { A: pass }), QueryLanguage: 'JSONata' }, /JSONPath/],
    ['variables', machine('A', { A: { ...pass, Assign: { x: 1 } } }), /Assign would be passed over/],
    [
      'a test for false',
      machine('A', {
        A: { Type: 'Choice', Choices: [{ Variable: '$.x', IsPresent: false, Next: 'B' }], Default: 'B' },
        B: pass,
      }),
      /never holds here/,
    ],
  ])('%s', (_name, asl, message) => {
    expect(load(asl)).toThrow(message);
  });
});
