// A workflow that goes round twelve times, and a process to be killed that runs it and writes down each round as it
// begins: `node crash-workflow.ts DATABASE LOG ROUND`. It hangs in that round, and then says so.

import { appendFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout } from 'node:timers/promises';
import { sqliteExecutions } from '../../adapters/local/execution-store.ts';
import type { WorkflowDefinition } from '../../adapters/local/workflow-definition.ts';
import { openWorkflows } from '../../adapters/local/workflows.ts';

const ROUNDS = 12;

export const rounds = (begin: (round: number) => Promise<void>): WorkflowDefinition => ({
  asl: {
    StartAt: 'Round',
    States: {
      Round: { Type: 'Task', Resource: `\${round}`, Next: 'More' },
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
  const [file = '', log = '', last] = process.argv.slice(2);
  const begin = async (round: number) => {
    appendFileSync(log, `${round}\n`);
    if (round !== Number(last)) return;
    console.log('hangs');
    await setTimeout(3_600_000);
  };
  const executions = sqliteExecutions(new DatabaseSync(file));
  const workflows = openWorkflows({ executions, definitions: { rounds: rounds(begin) }, now: Date.now });
  await workflows.resume();
  await workflows.start('rounds', 'a', { round: 0 });
}
