// Workflows on Step Functions: the name of an execution is the id of the work, so the same id starts one execution only.
// Standard workflows keep an ended execution, and so its name, for 90 days. What `status` says may lag a moment behind.

import {
  DescribeExecutionCommand,
  type SFNClient,
  type ExecutionStatus as SfnStatus,
  StartExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import type { ExecutionStatus, Workflows } from '../../core/ports.ts';
import { asAwsError, retrying } from './retry.ts';

const statuses: Readonly<Record<SfnStatus, ExecutionStatus>> = {
  RUNNING: 'running',
  PENDING_REDRIVE: 'running',
  SUCCEEDED: 'succeeded',
  FAILED: 'failed',
  TIMED_OUT: 'failed',
  ABORTED: 'stopped',
};

/** Undefined instead of the named refusal. */
async function unless<T>(refusal: string, call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await retrying(call);
  } catch (error) {
    if (asAwsError(error).name === refusal) return undefined;
    throw error;
  }
}

export class AwsWorkflows implements Workflows {
  readonly #client: SFNClient;
  readonly #machines: string;

  /** `machines` is what the ARNs of all state machines begin with; the name of the workflow follows. */
  constructor(client: SFNClient, machines: string) {
    this.#client = client;
    this.#machines = machines;
  }

  async start(workflow: string, id: string, input: Readonly<Record<string, unknown>>): Promise<void> {
    const command = new StartExecutionCommand({
      stateMachineArn: this.#machines + workflow,
      name: id,
      input: JSON.stringify(input),
    });
    await unless('ExecutionAlreadyExists', () => this.#client.send(command));
  }

  async stop(workflow: string, id: string): Promise<void> {
    const command = new StopExecutionCommand({ executionArn: this.#executionArn(workflow, id) });
    await unless('ExecutionDoesNotExist', () => this.#client.send(command));
  }

  async status(workflow: string, id: string): Promise<ExecutionStatus | undefined> {
    const command = new DescribeExecutionCommand({ executionArn: this.#executionArn(workflow, id) });
    const execution = await unless('ExecutionDoesNotExist', () => this.#client.send(command));
    return execution?.status && statuses[execution.status];
  }

  #executionArn(workflow: string, id: string): string {
    return `${this.#machines.replace(':stateMachine:', ':execution:')}${workflow}:${id}`;
  }
}
