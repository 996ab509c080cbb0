// What a workflow's step is: a function of the ports and the state's input, safe to run again.

import type { Ports } from '../core/ports.ts';

export type WorkflowStep = (ports: Ports, input: unknown) => Promise<unknown>;
export type Steps = Readonly<Record<string, WorkflowStep>>;
