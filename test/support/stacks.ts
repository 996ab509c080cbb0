// Templates of tenants' stacks for the tests: synthesized once with the context of cdk.json, and read as plain values.

import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { addStacks, type TenantStacks } from '../../infra/stacks.ts';
import type { Settings } from '../../infra/tenant.ts';

// biome-ignore lint/suspicious/noExplicitAny: what a template holds is looked at by the tests
export type Json = any;

export interface Resource {
  readonly id: string;
  readonly Type: string;
  readonly Properties: Json;
  readonly DeletionPolicy?: string;
}

export interface TenantTemplates {
  readonly app: App;
  readonly stacks: TenantStacks;
  readonly data: Template;
  readonly service: Template;
}

export const top = join(import.meta.dirname, '..', '..');
const { context } = JSON.parse(readFileSync(join(top, 'cdk.json'), 'utf8'));

export const newApp = (more: Record<string, unknown> = {}): App =>
  new App({ context: { ...context, ...more }, outdir: mkdtempSync(join(tmpdir(), 'handout-cdk-')) });

/** The templates of each of the tenants. */
export function synthesize(settings?: readonly Settings[]): TenantTemplates[] {
  const app = newApp();
  return addStacks(app, settings).map((stacks) => ({
    app,
    stacks,
    data: Template.fromStack(stacks.data),
    service: Template.fromStack(stacks.service),
  }));
}

export const resourcesOf = (template: Template, type?: string): Resource[] =>
  Object.entries<Json>(template.toJSON().Resources)
    .filter(([, { Type }]) => type === undefined || Type === type)
    .map(([id, resource]) => ({ id, ...resource }));

/** A value of a template in one line, with angle brackets where AWS fills something in. */
export function plain(value: Json): string {
  if (typeof value !== 'object') return String(value);
  if (Array.isArray(value)) return value.map(plain).join(', ');
  if (value['Fn::Join']) return value['Fn::Join'][1].map(plain).join(value['Fn::Join'][0]);
  if (value['Fn::GetAtt']) return `<${value['Fn::GetAtt'].join('.')}>`;
  if (value['Fn::ImportValue']) return `<${plain(value['Fn::ImportValue'])}>`;
  if (value['Fn::Sub']) return value['Fn::Sub'].replaceAll(/\$\{([^}]+)\}/g, '<$1>');
  return `<${value.Ref}>`;
}

export interface Statement {
  readonly effect: string;
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  /** The resource that carries the policy. */
  readonly of: string;
  readonly raw: Json;
}

const list = (value: Json): Json[] => (value === undefined ? [] : Array.isArray(value) ? value : [value]);

/** Every statement of every policy, of roles and of resources. */
export const statementsOf = (template: Template): Statement[] =>
  resourcesOf(template).flatMap(({ id, Properties }) =>
    list((Properties?.PolicyDocument ?? Properties?.KeyPolicy)?.Statement).map((raw) => ({
      effect: raw.Effect,
      actions: list(raw.Action),
      resources: list(raw.Resource).map(plain),
      of: id,
      raw,
    })),
  );
