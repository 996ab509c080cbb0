// The Lambda of the context `content`: files, tables and applications.

import { lambdaPorts } from '../../adapters/aws/lambda.ts';
import { tables } from '../../adapters/tables/tables.ts';
import { content } from '../content.ts';
import { lambdaHandler } from '../http/lambda.ts';
import { tablesAndApps } from '../tables.ts';

export const handler = lambdaHandler([...content, ...tablesAndApps], lambdaPorts({ tables }));
