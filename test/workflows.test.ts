// The workflow texts: valid in the Amazon States Language, within the subset that both sides run, and every step named.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import validate from 'asl-validator';
import { describe, expect, it } from 'vitest';
import { checkDefinition } from '../adapters/local/workflow-definition.ts';
import { workflows } from '../workflows/definitions.ts';

const arn = 'arn:aws:lambda:eu-central-1:123456789012:function:step';

describe.each(Object.entries(workflows))('%s', (name, workflow) => {
  const file = fileURLToPath(new URL(`../workflows/${name}.asl.json`, import.meta.url));
  const text = readFileSync(file, 'utf8');

  it('is valid once its steps have addresses', () => {
    const deployed = JSON.parse(text.replaceAll(/\$\{\w+\}/g, arn)) as object;
    const { isValid, errorsText } = validate(deployed);
    expect(errorsText()).toBe('');
    expect(isValid).toBe(true);
  });

  it('names only steps that exist, and all of them', () => {
    const named = new Set([...text.matchAll(/\$\{(\w+)\}/g)].map((match) => match[1]));
    expect([...named].sort()).toEqual(Object.keys(workflow.steps).sort());
  });

  it('keeps to what the one-machine runner runs', () => {
    const steps = Object.fromEntries(Object.keys(workflow.steps).map((step) => [step, async () => ({})]));
    expect(() => checkDefinition(name, { asl: JSON.parse(text), steps })).not.toThrow();
  });

  it('retries every task', () => {
    const tasks = [...text.matchAll(/"Type": "Task"/g)].length;
    expect([...text.matchAll(/"Retry": \[/g)].length).toBe(tasks);
  });
});
