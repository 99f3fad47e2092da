/** PDFs that are signed, or have a field to be signed, and say what may follow: structure only, the signatures are room for one. */
import { RawPdf } from './raw-pdf.ts';

interface Field {
  readonly name: string;
  /** Entries of the field beside its own: /Lock, /SV, its value's. */
  readonly more?: string;
  /** The signature's references; absent: the field is empty. `[]`: an approval signature that says nothing. */
  readonly references?: string;
}

interface Signed {
  readonly fields: readonly Field[];
  /** Which field's signature the catalog names as certifying, from 0; -1 names one that no field holds. */
  readonly certifiedBy?: number;
  readonly permissions?: string;
  readonly form?: string;
  /** Objects from 40 on. */
  readonly objects?: Readonly<Record<number, string>>;
}

export function docMdp(permission: number | string): string {
  return reference('DocMDP', `/P ${permission}`);
}

export function fieldMdp(action: string, ...names: readonly string[]): string {
  const fields = names.length === 0 ? '' : `/Fields [${names.map((name) => `(${name})`).join(' ')}]`;
  return reference('FieldMDP', `/Action /${action} ${fields}`, '/Data 1 0 R');
}

function reference(method: string, parameters: string, more = ''): string {
  const params = `/TransformParams << /Type /TransformParams ${parameters} /V /1.2 >>`;
  return `<< /Type /SigRef /TransformMethod /${method} ${params} ${more} >>`;
}

function signature(references: string): string {
  const said = references === '' ? '' : `/Reference [${references}]`;
  return `<< /Type /Sig /Filter /Adobe.PPKLite /SubFilter /ETSI.CAdES.detached /ByteRange [0 0 0 0] /Contents <${'0'.repeat(64)}> /M (D:20230615120000+08'00') ${said} >>`;
}

/** One page with a text field `Sum` and signature fields beside each other: fields are 10 and up, signatures 20 and up. */
export function signedPdf({ fields, certifiedBy, permissions = '', form = '', objects = {} }: Signed): Uint8Array {
  const pdf = new RawPdf();
  const refs = ['8 0 R', ...fields.map((_, i) => `${10 + i} 0 R`)].join(' ');
  const certified = certifiedBy === undefined ? '' : `/DocMDP ${20 + certifiedBy} 0 R`;
  const perms = `${certified}${permissions}` === '' ? '' : `/Perms << ${certified} ${permissions} >>`;
  pdf.object(1, `<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [${refs}] /SigFlags 3 ${form} >> ${perms} >>`);
  pdf.object(2, '<< /Type /Pages /Kids [3 0 R] /Count 1 >>');
  const resources = '/Resources << /Font << /F1 5 0 R >> >>';
  pdf.object(
    3,
    `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R ${resources} /Annots [${refs}] >>`,
  );
  pdf.stream(4, 'BT /F1 18 Tf 72 700 Td (Signed) Tj ET');
  pdf.object(5, '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>');
  pdf.object(8, '<< /Type /Annot /Subtype /Widget /FT /Tx /T (Sum) /V (3200) /F 4 /Rect [300 300 400 320] /P 3 0 R >>');
  for (const [i, { name, more = '', references }] of fields.entries()) {
    const rect = `/Rect [${50 + 130 * i} 50 ${170 + 130 * i} 170]`;
    const value = references === undefined ? '' : `/V ${20 + i} 0 R`;
    pdf.object(
      10 + i,
      `<< /Type /Annot /Subtype /Widget /FT /Sig /T (${name}) /F 132 /P 3 0 R ${rect} ${value} ${more} >>`,
    );
    if (references !== undefined) pdf.object(20 + i, signature(references));
  }
  if (certifiedBy === -1) pdf.object(19, signature(docMdp(2)));
  for (const [number, body] of Object.entries(objects)) pdf.object(Number(number), body);
  const id = '/ID [<00112233445566778899aabbccddeeff> <00112233445566778899aabbccddeeff>]';
  const signed = fields.flatMap(({ references }, i) => (references === undefined ? [] : [20 + i]));
  const size =
    1 + Math.max(9 + fields.length, certifiedBy === -1 ? 19 : 0, ...signed, ...Object.keys(objects).map(Number));
  return pdf.table(`/Size ${size} /Root 1 0 R ${id}`).end().bytes();
}

const SECOND: Field = { name: 'Second' };

/** A further seal is to go into the field `Second`. */
export const signedExtended: Readonly<Record<string, () => Uint8Array>> = {
  'certified-forms': () => signedPdf({ fields: [{ name: 'First', references: docMdp(2) }, SECOND], certifiedBy: 0 }),
  'certified-annotations': () =>
    signedPdf({ fields: [{ name: 'First', references: docMdp(3) }, SECOND], certifiedBy: 0 }),
  'field-mdp-include': () =>
    signedPdf({ fields: [{ name: 'First', references: fieldMdp('Include', 'Sum', 'Third') }, SECOND] }),
  'field-mdp-exclude': () =>
    signedPdf({ fields: [{ name: 'First', references: fieldMdp('Exclude', 'Second') }, SECOND] }),
  // Everything that may be an object of its own is one.
  'field-lock-exclude': () =>
    signedPdf({
      fields: [{ name: 'First', references: '40 0 R', more: '/Lock 43 0 R' }, SECOND],
      objects: {
        40: '<< /Type /SigRef /TransformMethod /FieldMDP /TransformParams 41 0 R /Data 1 0 R >>',
        41: '<< /Type /TransformParams /Action /Exclude /Fields 42 0 R /V /1.2 >>',
        42: '[45 0 R]',
        43: '<< /Type /SigFieldLock /Action /Exclude /Fields 42 0 R /P 44 0 R >>',
        44: '2',
        45: '(Second)',
      },
    }),
  'two-signatures': () =>
    signedPdf({
      fields: [
        { name: 'First', references: docMdp(2) + fieldMdp('Exclude', 'Committee', 'Second') },
        { name: 'Committee', references: fieldMdp('Exclude', 'Second') },
        SECOND,
      ],
      certifiedBy: 0,
    }),
  'field-with-lock': () =>
    signedPdf({
      fields: [{ name: 'Second', more: '/Lock 40 0 R' }, { name: 'Third' }],
      objects: { 40: '<< /Type /SigFieldLock /Action /Include /Fields [(Sum)] >>' },
    }),
  'field-with-seed-value': () =>
    signedPdf({
      fields: [{ name: 'Second', more: '/SV 40 0 R' }],
      objects: {
        40: '<< /Type /SV /Ff 75 /Filter /Adobe.PPKLite /SubFilter [/ETSI.CAdES.detached] /DigestMethod [(SHA512) (SHA256)] /Reasons [(TEST)] /MDP << /P 3 >> >>',
      },
    }),
  'usage-rights': () =>
    signedPdf({
      fields: [SECOND],
      permissions: '/UR3 40 0 R',
      objects: {
        40: signature(reference('UR3', '/Document [/FullSave] /Form [/FillIn] /Signature [/Modify] /P true')),
      },
    }),
};

/** The same, and why not: see the names. */
export const signedRefused: Readonly<Record<string, () => Uint8Array>> = {
  'certified-no-changes': () =>
    signedPdf({ fields: [{ name: 'First', references: docMdp(1) }, SECOND], certifiedBy: 0 }),
  'field-mdp-all': () => signedPdf({ fields: [{ name: 'First', references: fieldMdp('All') }, SECOND] }),
  'field-lock-all': () =>
    signedPdf({ fields: [{ name: 'First', references: '', more: '/Lock << /Action /All >>' }, SECOND] }),
  'field-lock-no-changes': () =>
    signedPdf({
      fields: [{ name: 'First', references: '', more: '/Lock << /Action /Exclude /Fields [(Second)] /P 1 >>' }, SECOND],
    }),
  'field-mdp-malformed': () =>
    signedPdf({ fields: [{ name: 'First', references: fieldMdp('Some', 'Second') }, SECOND] }),
  'certified-by-no-transform': () =>
    signedPdf({ fields: [{ name: 'First', references: fieldMdp('Include', 'Sum') }, SECOND], certifiedBy: 0 }),
  'certified-by-no-field': () => signedPdf({ fields: [SECOND], certifiedBy: -1 }),
  'usage-rights-without-signing': () =>
    signedPdf({
      fields: [SECOND],
      permissions: '/UR3 40 0 R',
      objects: { 40: signature(reference('UR3', '/Form [/FillIn] /P true')) },
    }),
  'seed-value-unmet': () =>
    signedPdf({
      fields: [{ name: 'Second', more: '/SV 40 0 R' }],
      objects: { 40: '<< /Type /SV /Ff 2 /SubFilter [/adbe.pkcs7.sha1] >>' },
    }),
};
