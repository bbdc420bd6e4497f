// The base URL of a replica's HTTP API, as it goes to clients in a `Location`: scheme, host and port, nothing else.

const BASE =
  /^https?:\/\/(?:[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?$/;
export const BASE_URL_LENGTH_MAX = 300;

export function isBaseUrl(text: string): boolean {
  return text.length <= BASE_URL_LENGTH_MAX && BASE.test(text);
}
