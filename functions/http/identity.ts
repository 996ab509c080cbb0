// From the claims of a verified token to the actor. Verification is the HTTP API's JWT authorizer on AWS and the
// development issuer on one machine; both leave the claims at the same place of the event.

import { AppError } from '../../core/errors.ts';
import type { Actor } from '../../core/model/access.ts';

export type Claims = Readonly<Record<string, unknown>>;

const managerScope = 'handout:manage';

/** A user is a manager by the claim `manager`, a machine client by the scope `handout:manage`. */
export function actorOf(claims: Claims | undefined): Actor {
  const user = claims?.sub;
  if (typeof user !== 'string' || user === '')
    throw new AppError('not-signed-in', 'Send a bearer token of the campus issuer.');
  const scopes = typeof claims?.scope === 'string' ? claims.scope.split(' ') : [];
  // API Gateway hands claims on as text.
  const manager = claims?.manager === true || claims?.manager === 'true' || scopes.includes(managerScope);
  return { user, manager };
}
