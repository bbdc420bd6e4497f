// The one parser for the base URL of a replica's HTTP API, from any source: the configuration, a
// request to join, a peer. An accepted URL can be used in a `Location`: scheme, host and port in
// ASCII, without anything that a URL parser removes or rewrites.

const BASE =
  /^https?:\/\/(?:[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?\.?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?$/;
export const BASE_URL_LENGTH_MAX = 300;

export function isBaseUrl(text: string): boolean {
  return text.length <= BASE_URL_LENGTH_MAX && BASE.test(text) && URL.canParse(text);
}

/** As people write one, with or without a final slash; the result has none. */
export function parseBaseUrl(text: string): string | undefined {
  const bare = text.replace(/\/$/, '');
  return isBaseUrl(bare) ? bare : undefined;
}
