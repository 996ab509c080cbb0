// A workflow that goes round twelve times and writes each round down, and a process that runs it until it is killed:
// `node crash-workflow.ts DATABASE LOG`. It says on its standard output which round has begun.

import { appendFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout } from 'node:timers/promises';
import { sqliteExecutions } from '../../adapters/local/execution-store.ts';
import type { WorkflowDefinition } from '../../adapters/local/workflow-definition.ts';
import { openWorkflows } from '../../adapters/local/workflows.ts';

export const ROUNDS = 12;

export const rounds = (begin: (round: number) => Promise<void>): WorkflowDefinition => ({
  asl: {
    StartAt: 'Round',
    States: {
      Round: task('round', { Next: 'More' }),
      More: {
        Type: 'Choice',
        Choices: [{ Variable: '$.round', NumericLessThan: ROUNDS, Next: 'Round' }],
        Default: 'Done',
      },
      Done: { Type: 'Succeed' },
    },
  },
  steps: {
    async round({ round }) {
      await begin(Number(round));
      return { round: Number(round) + 1 };
    },
  },
});

if (import.meta.main) {
  const [file = '', log = ''] = process.argv.slice(2);
  const begin = async (round: number) => {
    appendFileSync(log, `${round}\n`);
    console.log(round);
    await setTimeout(5);
  };
  const executions = sqliteExecutions(new DatabaseSync(file));
  const workflows = openWorkflows({ executions, definitions: { rounds: rounds(begin) }, now: Date.now });
  await workflows.resume();
  await workflows.start('rounds', 'a', { round: 0 });
}
