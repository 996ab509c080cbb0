// `npm run synth` and `npm run deploy` run this (cdk.json): each tenant that is asked for becomes a pair of stacks. A
// finding of cdk-nag that nobody acknowledged with a reason fails the run.

import { App } from 'aws-cdk-lib';
import { addStacks } from './stacks.ts';

addStacks(new App());
