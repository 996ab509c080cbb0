// What every `Workflows` must do, in the words of those who start them. Run over each store of the one-machine runner
// by `workflows-runner.test.ts`.

import { describe, expect, it } from 'vitest';
import type { MachineJson, Step, WorkflowDefinition } from '../../adapters/local/workflow-definition.ts';
import type { Workflows } from '../../core/ports.ts';

export interface OpenedWorkflows {
  readonly workflows: Workflows;
  /** Resolves when no step runs and none is about to: every execution has ended or waits. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

export type OpenWorkflows = (definitions: Record<string, WorkflowDefinition>) => Promise<OpenedWorkflows>;

/** A Task state that calls a step; the last one, unless the fields say what is next. */
export const task = (step: string, fields: object = {}) => ({
  Type: 'Task',
  Resource: `\${${step}}`,
  ...('Next' in fields ? {} : { End: true }),
  ...fields,
});

export const machine = (StartAt: string, States: MachineJson['States']): MachineJson => ({ StartAt, States });

/** One step, written down each time it runs. */
function oneStep() {
  const seen: unknown[] = [];
  const step: Step = async (input) => void seen.push(input);
  return { seen, definition: { asl: machine('Only', { Only: task('only') }), steps: { only: step } } };
}

const afterWait = (wait: object, step: Step): WorkflowDefinition => ({
  asl: machine('Later', { Later: { Type: 'Wait', ...wait, Next: 'Work' }, Work: task('work') }),
  steps: { work: step },
});

export function workflowsContract(name: string, open: OpenWorkflows): void {
  describe.concurrent(`workflows: ${name}`, () => {
    startCases(open);
    textCases(open);
    failureCases(open);
    stopCases(open);
  });
}

function startCases(open: OpenWorkflows): void {
  it('a workflow starts once, however often it is asked for', async () => {
    const { seen, definition } = oneStep();
    const { workflows, idle, close } = await open({ work: definition });
    await Promise.all([1, 2, 3].map(() => workflows.start('work', 'a', { n: 1 })));
    await idle();
    await workflows.start('work', 'a', { n: 2 });
    await idle();
    expect(seen).toEqual([{ n: 1 }]);
    await close();
  });

  it('the same id under another workflow is another execution', async () => {
    const [one, two] = [oneStep(), oneStep()];
    const { workflows, idle, close } = await open({ one: one.definition, two: two.definition });
    await workflows.start('one', 'a', { n: 1 });
    await workflows.start('two', 'a', { n: 2 });
    await idle();
    expect([one.seen, two.seen]).toEqual([[{ n: 1 }], [{ n: 2 }]]);
    await close();
  });

  it('tells whether a workflow runs, has ended or was never started', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const asl = machine('Only', { Only: task('only') });
    const { workflows, idle, close } = await open({ work: { asl, steps: { only: () => promise } } });
    expect(await workflows.status('work', 'a')).toBeUndefined();
    await workflows.start('work', 'a', {});
    expect(await workflows.status('work', 'a')).toBe('running');
    resolve();
    await idle();
    expect(await workflows.status('work', 'a')).toBe('succeeded');
    expect(await workflows.status('work', 'b')).toBeUndefined();
    await close();
  });

  it('a workflow that nobody wrote cannot be started', async () => {
    const { workflows, close } = await open({ work: oneStep().definition });
    await expect(workflows.start('play', 'a', {})).rejects.toThrow();
    await close();
  });

  it('what the caller does to the input afterwards changes nothing', async () => {
    const { seen, definition } = oneStep();
    const { workflows, idle, close } = await open({ work: definition });
    const input = { list: [1] };
    await workflows.start('work', 'a', input);
    input.list.push(2);
    await idle();
    expect(seen).toEqual([{ list: [1] }]);
    await close();
  });
}

function textCases(open: OpenWorkflows): void {
  it('each step gets what the step before it answered', async () => {
    const seen: unknown[] = [];
    const asl = machine('First', { First: task('count', { Next: 'Second' }), Second: task('count') });
    const count: Step = async ({ n }) => {
      seen.push(n);
      return { n: Number(n) + 1, at: new Date(0), nothing: undefined };
    };
    const { workflows, idle, close } = await open({ work: { asl, steps: { count } } });
    await workflows.start('work', 'a', { n: 1 });
    await idle();
    expect(seen).toEqual([1, 2]);
    await close();
  });

  it('a Map does its step for every item and keeps their order', async () => {
    const asl = machine('All', {
      All: {
        Type: 'Map',
        ItemsPath: '$.names',
        ItemSelector: { 'name.$': '$$.Map.Item.Value', 'by.$': '$$.Execution.Name', 'of.$': '$.of' },
        MaxConcurrency: 3,
        ItemProcessor: machine('One', { One: task('greet') }),
        ResultPath: '$.greetings',
        Next: 'Done',
      },
      Done: task('done'),
    });
    const seen: unknown[] = [];
    const greet: Step = async ({ name, by, of }) => `${by}: ${name} of ${of}`;
    const done: Step = async (input) => void seen.push(input.greetings);
    const { workflows, idle, close } = await open({ work: { asl, steps: { greet, done } } });
    const names = Array.from({ length: 20 }, (_, i) => `n${i}`);
    await workflows.start('work', 'a', { names, of: 'x' });
    await idle();
    expect(seen).toEqual([names.map((item) => `a: ${item} of x`)]);
    await close();
  });

  it('a Choice goes round until there is no more to do', async () => {
    const asl = machine('Batch', {
      Batch: task('batch', { Next: 'More' }),
      More: {
        Type: 'Choice',
        Choices: [{ Variable: '$.left', NumericGreaterThan: 0, Next: 'Batch' }],
        Default: 'Done',
      },
      Done: { Type: 'Succeed' },
    });
    const seen: unknown[] = [];
    const batch: Step = async ({ left }) => {
      seen.push(left);
      return { left: Number(left) - 1 };
    };
    const { workflows, idle, close } = await open({ work: { asl, steps: { batch } } });
    await workflows.start('work', 'a', { left: 4 });
    await idle();
    expect(seen).toEqual([4, 3, 2, 1]);
    expect(await workflows.status('work', 'a')).toBe('succeeded');
    await close();
  });

  it('a step can be told under which name and with which input the workflow was started', async () => {
    const { seen, definition } = oneStep();
    const Parameters = { 'name.$': '$$.Execution.Name', 'started.$': '$$.Execution.Input', 'n.$': '$.n' };
    const asl = machine('Change', {
      Change: { Type: 'Pass', Result: { n: 2 }, Next: 'Only' },
      Only: task('only', { Parameters }),
    });
    const { workflows, idle, close } = await open({ work: { ...definition, asl } });
    await workflows.start('work', 'a', { n: 1 });
    await idle();
    expect(seen).toEqual([{ name: 'a', started: { n: 1 }, n: 2 }]);
    await close();
  });

  it('waiting for what is past takes no time', async () => {
    const seen: unknown[] = [];
    const wait = { TimestampPath: '$.at' };
    const { workflows, idle, close } = await open({
      work: afterWait(wait, async (input) => void seen.push(input)),
    });
    await workflows.start('work', 'a', { at: '2001-01-01T00:00:00Z' });
    await idle();
    expect(seen).toEqual([{ at: '2001-01-01T00:00:00Z' }]);
    await close();
  });
}

function failureCases(open: OpenWorkflows): void {
  const failing: Step = async () => {
    throw new RangeError('too far');
  };

  it('a step that fails twice and then succeeds is retried', async () => {
    const Retry = [{ ErrorEquals: ['RangeError'], IntervalSeconds: 1, BackoffRate: 1, MaxAttempts: 2 }];
    let runs = 0;
    const only: Step = async (input) => {
      runs += 1;
      return runs < 3 ? failing(input) : undefined;
    };
    const asl = machine('Only', { Only: task('only', { Retry }) });
    const { workflows, idle, close } = await open({ work: { asl, steps: { only } } });
    await workflows.start('work', 'a', {});
    await idle();
    expect(runs).toBe(3);
    expect(await workflows.status('work', 'a')).toBe('succeeded');
    await close();
  });

  it('a step that fails and that nothing catches fails the workflow, and no later step runs', async () => {
    const { seen, definition } = oneStep();
    const asl = machine('Fail', { Fail: task('failing', { Next: 'Only' }), Only: task('only') });
    const steps = { ...definition.steps, failing };
    const { workflows, idle, close } = await open({ work: { asl, steps } });
    await workflows.start('work', 'a', {});
    await idle();
    expect(await workflows.status('work', 'a')).toBe('failed');
    expect(seen).toEqual([]);
    await close();
  });

  it('a Fail state fails the workflow', async () => {
    const asl = machine('No', { No: { Type: 'Fail', Error: 'Nope', Cause: 'because' } });
    const { workflows, idle, close } = await open({ work: { asl, steps: {} } });
    await workflows.start('work', 'a', {});
    await idle();
    expect(await workflows.status('work', 'a')).toBe('failed');
    await close();
  });

  it('what a Catch names is done instead, and is told what went wrong', async () => {
    const { seen, definition } = oneStep();
    const Catch = [{ ErrorEquals: ['States.ALL'], ResultPath: '$.problem', Next: 'Only' }];
    const asl = machine('Fail', {
      Fail: task('failing', { Catch, Next: 'Never' }),
      Never: { Type: 'Fail' },
      Only: task('only'),
    });
    const steps = { ...definition.steps, failing };
    const { workflows, idle, close } = await open({ work: { asl, steps } });
    await workflows.start('work', 'a', { n: 1 });
    await idle();
    expect(await workflows.status('work', 'a')).toBe('succeeded');
    const [{ n, problem }] = seen as [{ n: number; problem: { Error: string; Cause: string } }];
    expect({ n, error: problem.Error }).toEqual({ n: 1, error: 'RangeError' });
    expect(JSON.parse(problem.Cause)).toMatchObject({ errorType: 'RangeError', errorMessage: 'too far' });
    await close();
  });

  it('one item of a Map that is caught does not spoil the others', async () => {
    const { seen, definition } = oneStep();
    const Catch = [{ ErrorEquals: ['States.ALL'], Next: 'Failed' }];
    const one: Step = async (input) => (input.bad ? failing(input) : 'done');
    const asl = machine('All', {
      All: {
        Type: 'Map',
        ItemsPath: '$.items',
        ItemProcessor: machine('One', {
          One: task('one', { Catch }),
          Failed: { Type: 'Pass', Result: 'failed', End: true },
        }),
        ResultPath: '$.results',
        Next: 'Only',
      },
      Only: task('only'),
    });
    const steps = { ...definition.steps, one };
    const { workflows, idle, close } = await open({ work: { asl, steps } });
    await workflows.start('work', 'a', { items: [{}, { bad: true }, {}] });
    await idle();
    expect(seen).toMatchObject([{ results: ['done', 'failed', 'done'] }]);
    await close();
  });
}

function stopCases(open: OpenWorkflows): void {
  it('a workflow that is stopped while it waits does nothing more, and is not started again', async () => {
    const seen: unknown[] = [];
    const definition = afterWait({ Seconds: 3600 }, async () => void seen.push('ran'));
    const { workflows, idle, close } = await open({ work: definition });
    await workflows.start('work', 'a', {});
    await idle();
    expect(await workflows.status('work', 'a')).toBe('running');
    await workflows.stop('work', 'a');
    await workflows.start('work', 'a', {});
    await idle();
    expect(await workflows.status('work', 'a')).toBe('stopped');
    expect(seen).toEqual([]);
    await close();
  });

  it('a step under way ends when its workflow is stopped, and no further step begins', async () => {
    const { seen, definition } = oneStep();
    const [entered, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const slow: Step = async () => {
      entered.resolve();
      await released.promise;
      seen.push('slow');
    };
    const asl = machine('Slow', { Slow: task('slow', { Next: 'Only' }), Only: task('only') });
    const steps = { ...definition.steps, slow };
    const { workflows, idle, close } = await open({ work: { asl, steps } });
    await workflows.start('work', 'a', {});
    await entered.promise;
    await workflows.stop('work', 'a');
    released.resolve();
    await idle();
    expect(seen).toEqual(['slow']);
    expect(await workflows.status('work', 'a')).toBe('stopped');
    await close();
  });

  it('stopping what has ended, or never was, changes nothing', async () => {
    const { seen, definition } = oneStep();
    const { workflows, idle, close } = await open({ work: definition });
    await workflows.start('work', 'a', {});
    await idle();
    await workflows.stop('work', 'a');
    await workflows.stop('work', 'b');
    expect(await workflows.status('work', 'a')).toBe('succeeded');
    expect(await workflows.status('work', 'b')).toBeUndefined();
    await workflows.start('work', 'b', {});
    await idle();
    expect(await workflows.status('work', 'b')).toBe('succeeded');
    expect(seen).toHaveLength(2);
    await close();
  });
}
