// What makes a file the same file: workspace, name, size, date and a hash of both ends. No tab, no page, no random part,
// so that an upload begun elsewhere is recognised here.

const END = 65536;

export async function fingerprint(file: File, workspace: string): Promise<string> {
  const ends = new Blob([file.slice(0, END), file.slice(Math.max(0, file.size - END))]);
  const facts = `${workspace}|${path(file)}|${file.size}|${file.lastModified}|${await digest(await ends.arrayBuffer())}`;
  return `slipway-${await digest(new TextEncoder().encode(facts).buffer as ArrayBuffer)}`;
}

/** The name with its folder, when a folder was chosen. */
export const path = (file: File): string => file.webkitRelativePath || file.name;

/** SHA-256 in hex; without a secure context (plain http to another host) a 53-bit hash, enough to tell files apart. */
async function digest(bytes: ArrayBuffer): Promise<string> {
  if (globalThis.crypto?.subtle) {
    const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    return [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  }
  let [a, b] = [0xdeadbeef, 0x41c6ce57];
  for (const byte of new Uint8Array(bytes)) {
    a = Math.imul(a ^ byte, 2654435761);
    b = Math.imul(b ^ byte, 1597334677);
  }
  return (4294967296 * (2097151 & b) + (a >>> 0)).toString(16);
}
