// Findings of cdk-nag that are as they should be, each with the reason why. Anything else fails `npm run synth`.

import { Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** `finding` is the rule's id without the name of the pack, with the finding in brackets where there are several. */
export const acknowledge = (scope: IConstruct, finding: string, reason: string): void =>
  Validations.of(scope).acknowledge({ id: `AwsSolutions-${finding}`, reason });

/** A resolved value as cdk-nag writes it in a finding: joined up, with references in angle brackets. */
export function readable(value: unknown): string {
  if (typeof value === 'string') return value;
  const { 'Fn::Join': join, Ref: ref } = value as { 'Fn::Join'?: [string, unknown[]]; Ref?: string };
  return join ? join[1].map(readable).join(join[0]) : `<${ref}>`;
}
