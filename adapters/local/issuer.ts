// The development issuer of one machine: tokens for whoever asks, which is why it serves loopback alone.

import { jwtVerify, SignJWT } from 'jose';
import { AppError } from '../../core/errors.ts';

const issuer = 'urn:handout:development';
const audience = 'handout';

export interface DevelopmentIssuer {
  issue(user: string, manager: boolean): Promise<string>;
  /** The claims of a token that this issuer made and that has not expired. */
  verify(token: string): Promise<Record<string, unknown>>;
}

export function developmentIssuer(secret: Uint8Array): DevelopmentIssuer {
  return {
    issue: (user, manager) =>
      new SignJWT(manager ? { manager: true } : {})
        .setProtectedHeader({ alg: 'HS256' })
        .setSubject(user)
        .setIssuer(issuer)
        .setAudience(audience)
        .setIssuedAt()
        .setExpirationTime('30d')
        .sign(secret),
    async verify(token) {
      try {
        return (await jwtVerify(token, secret, { issuer, audience, algorithms: ['HS256'] })).payload;
      } catch (cause) {
        throw new AppError('not-signed-in', 'The token is not valid, or no longer.', { cause });
      }
    },
  };
}
