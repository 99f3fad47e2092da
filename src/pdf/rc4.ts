/** RC4, which the OpenSSL that Node is built with has put away: old documents are encrypted with it (ISO 32000-2, 7.6.3.2). Pure. */

/** `data` encrypted, or decrypted, which is the same. `key`: 1 to 256 bytes. */
export function rc4(key: Uint8Array, data: Uint8Array): Uint8Array {
  const state = Uint8Array.from({ length: 256 }, (_, i) => i);
  for (let i = 0, j = 0; i < 256; i++) {
    const swapped = state[i] ?? 0;
    j = (j + swapped + (key[i % key.length] ?? 0)) & 0xff;
    state[i] = state[j] ?? 0;
    state[j] = swapped;
  }
  const out = new Uint8Array(data.length);
  for (let at = 0, i = 0, j = 0; at < data.length; at++) {
    i = (i + 1) & 0xff;
    const a = state[i] ?? 0;
    j = (j + a) & 0xff;
    const b = state[j] ?? 0;
    state[i] = b;
    state[j] = a;
    out[at] = (data[at] ?? 0) ^ (state[(a + b) & 0xff] ?? 0);
  }
  return out;
}
