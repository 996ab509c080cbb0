// The `Accept` header (RFC 9110 §12.5.1), as far as an endpoint with two forms of an answer needs it.

/** The weight of a media type that is named, 0 when it is not: wildcards choose nothing. */
function weightOf(accept: string, mediaType: string): number {
  for (const range of accept.split(',')) {
    const [name, ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    if (name !== mediaType) continue;
    const weight = parameters.find((parameter) => parameter.startsWith('q='));
    return weight === undefined ? 1 : Number(weight.slice(2)) || 0;
  }
  return 0;
}

/** Whether the caller wants `mediaType` rather than JSON, which is what is answered when nothing is said. */
export const prefers = (mediaType: string, accept = ''): boolean =>
  weightOf(accept, mediaType) > weightOf(accept, 'application/json');
