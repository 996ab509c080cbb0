// How a download tells its file name: the value of `Content-Disposition` (RFC 6266, encoded as RFC 8187 wants it).

/** What `encodeURIComponent` leaves as it is, but RFC 8187 does not. */
const leftOver = /['()*]/g;

export const attachment = (fileName: string): string => {
  const encoded = encodeURIComponent(fileName).replace(leftOver, (c) => `%${c.charCodeAt(0).toString(16)}`);
  return `attachment; filename*=UTF-8''${encoded}`;
};
