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
