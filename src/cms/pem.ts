/** Textual encodings (RFC 7468). */
import { latin1Bytes } from '../bytes.ts';
import { TAG, fail } from './der.ts';

/** Whether this is DER and no text: a SEQUENCE's tag is the character 0, but the length of one of over 127 bytes is no character. */
export function isDer(bytes: Uint8Array): boolean {
  return bytes[0] === TAG.sequence && bytes[1] !== undefined && bytes[1] > 0x7f;
}

/** What stands between the lines BEGIN and END of each block with this label, in their order. Throws DerError. */
export function pemBodies(text: string, label: string): Uint8Array[] {
  const [begin, end] = [`-----BEGIN ${label}-----`, `-----END ${label}-----`];
  const bodies: Uint8Array[] = [];
  for (let at = text.indexOf(begin); at !== -1; at = text.indexOf(begin, at)) {
    const stop = text.indexOf(end, at);
    if (stop === -1) fail(`PEM: ${label} without its end`);
    bodies.push(fromBase64(text.slice(at + begin.length, stop), label));
    at = stop + end.length;
  }
  return bodies;
}

function fromBase64(text: string, label: string): Uint8Array {
  try {
    return latin1Bytes(atob(text));
  } catch {
    // atob throws a DOMException for what is no base64.
    return fail(`PEM: ${label} is not base64`);
  }
}
