// @ts-check
// The access key, for servers that ask for one: kept for this tab only, traded for a token before each call.

const STORE = "visavis.key";

export const key = {
  get: () => sessionStorage.getItem(STORE),
  /** @param {string} value */
  set: (value) => sessionStorage.setItem(STORE, value),
  forget: () => sessionStorage.removeItem(STORE),
};

/**
 * A header carries no other characters, so that a key with one of them is nobody's, and can't even be tried.
 * @param {string} accessKey
 */
export function fitsHeader(accessKey) {
  return /^[\x20-\x7e\xa0-\xff]*$/.test(accessKey);
}

/**
 * @param {string} accessKey
 * @returns {Promise<Response>} On success a JSON body whose `value` is a token that opens one call.
 */
export function requestToken(accessKey) {
  return fetch("/v1/realtime/client_secrets", {
    method: "POST",
    headers: { Authorization: `Bearer ${accessKey}`, "Content-Type": "application/json" },
    body: "{}",
  });
}
