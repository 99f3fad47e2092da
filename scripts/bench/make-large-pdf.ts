/** PDFs as large as scans make them: pages of incompressible pictures, classic cross-reference table. */
import { randomFillSync } from 'node:crypto';
import { open } from 'node:fs/promises';

const PICTURE_BYTES = 1 << 20;

/** Writes a PDF of about `megabytes` (2^20 bytes), one picture a page. */
export async function makeLargePdf(path: string, megabytes: number): Promise<void> {
  await using file = await open(path, 'w');
  const offsets: number[] = [];
  let at = 0;
  const write = async (part: string | Uint8Array): Promise<void> => {
    const bytes = typeof part === 'string' ? Buffer.from(part, 'latin1') : part;
    await file.writeFile(bytes);
    at += bytes.length;
  };
  const object = async (number: number, ...parts: readonly (string | Uint8Array)[]): Promise<void> => {
    offsets[number] = at;
    await write(`${number} 0 obj\n`);
    for (const part of parts) await write(part);
    await write('\nendobj\n');
  };
  const pages = Array.from({ length: megabytes }, (_, i) => 3 + 3 * i);
  await write('%PDF-1.7\n%\xe2\xe3\xcf\xd3\n');
  await object(1, '<< /Type /Catalog /Pages 2 0 R >>');
  const kids = pages.map((page) => `${page} 0 R`).join(' ');
  await object(2, `<< /Type /Pages /Count ${pages.length} /MediaBox [0 0 595 842] /Kids [${kids}] >>`);
  const picture = new Uint8Array(PICTURE_BYTES);
  for (const page of pages) {
    const resources = `<< /XObject << /P ${page + 2} 0 R >> >>`;
    await object(page, `<< /Type /Page /Parent 2 0 R /Contents ${page + 1} 0 R /Resources ${resources} >>`);
    const content = 'q 595 0 0 842 0 0 cm /P Do Q';
    await object(page + 1, `<< /Length ${content.length} >>\nstream\n${content}\nendstream`);
    randomFillSync(picture);
    const head = `<< /Type /XObject /Subtype /Image /Width 1024 /Height 1024 /ColorSpace /DeviceGray /BitsPerComponent 8`;
    await object(page + 2, `${head} /Length ${picture.length} >>\nstream\n`, picture, '\nendstream');
  }
  const start = at;
  const entries = offsets.slice(1).map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`);
  await write(`xref\n0 ${offsets.length}\n0000000000 65535 f \n${entries.join('')}`);
  await write(`trailer\n<< /Size ${offsets.length} /Root 1 0 R >>\nstartxref\n${start}\n%%EOF\n`);
}
