/**
 * What may follow a signature (ISO 32000-2, 12.8.2.2, Table 257; 12.8.2.4; 12.7.5.5): the white list by which each later change is
 * judged for each signature before it. A signature that says nothing of the kind lets happen what permission 3 does, as Acrobat and the
 * verifiers of ETSI's profile have it: whatever changes the pages themselves nobody lets happen.
 */
import type { Change, OtherChange, Place } from '../pdf/change.ts';
import type { SignatureField } from '../pdf/signature-fields.ts';
import { isLocked } from '../pdf/signature-lock.ts';
import type { Permission } from '../pdf/signature-lock.ts';
import { finding } from './finding.ts';
import type { FindingCode } from './finding.ts';
import type { ChangeReport } from './report.ts';

/** What one signature lets happen. */
export interface Terms {
  /** 1: only what proves validity; 2: filling in and signing too; 3: comments too. */
  readonly permission: Permission;
  /** Whether a form field, by its full name, has to stay as it is. */
  readonly isLocked: (field: string) => boolean;
  /** Whether fields that are seen may be added: one could cover what was signed. */
  readonly takesFields: boolean;
}

/**
 * What the signature in a field lets happen: by its transforms, and by the lock of its field, whose permission is for all of the document
 * too. The strictest of what they say holds.
 */
export function termsOf({ value, lock }: SignatureField): Terms {
  const locks = [value?.fieldMdp ?? [], lock ?? []].flat();
  const permissions = [value?.docMdp, ...locks.map(({ permission }) => permission)];
  const permission = permissions.reduce<Permission>((least, said) => (said && said < least ? said : least), 3);
  const isCertified = value?.docMdp !== null && value?.docMdp !== undefined;
  const takesFields = !isCertified && locks.every((each) => each.permission === null && each.action === 'Include');
  return { permission, takesFields, isLocked: (field) => locks.some((each) => isLocked(each, field)) };
}

/** The change as the signature's report tells it: what it was, where, and whether it was allowed. */
export function judge(change: Change, terms: Terms): ChangeReport {
  const from = (least: Permission): Denial => (terms.permission >= least ? null : `P=${terms.permission}`);
  const added = (isShown: boolean): Denial => (isShown && !terms.takesFields ? 'no new field' : null);
  const unlocked = (field: string): Denial => (terms.isLocked(field) ? 'FieldMDP' : null);
  switch (change.kind) {
    case 'validation-data':
      return told('VALIDATION_DATA_ADDED', null);
    case 'timestamp':
      return told('TIMESTAMP_ADDED', null, change.field);
    case 'dates':
      return told('DATES_CHANGED', null);
    case 'unused':
      return told('UNUSED_OBJECTS_ADDED', null);
    case 'version':
      return told('VERSION_CHANGED', null);
    case 'signature': {
      const { field, isNewField, isShown, page } = change;
      // What is locked are the fields that were there.
      return told('SIGNATURE_ADDED', from(2) ?? (isNewField ? added(isShown) : unlocked(field)), field, page);
    }
    case 'empty-field':
      return told('SIGNATURE_FIELD_ADDED', from(2) ?? added(change.isShown), change.field, change.page);
    case 'field-value':
      return told('FIELD_FILLED', from(2) ?? unlocked(change.field), change.field, change.page);
    case 'annotation':
      return told(ANNOTATIONS[change.how], from(3), change.subtype, change.page);
    case 'other':
      return { ...told(OTHERS[change.place], null, change.detail, change.page), allowed: false };
  }
}

/** Why a change is not allowed; null where it is. */
type Denial = string | null;

/** Names of fields are as long as their writers like. */
const MAX_DETAIL = 100;

function told(code: FindingCode, denial: Denial, detail = '', page?: number): ChangeReport {
  const details = [detail.slice(0, MAX_DETAIL), denial ?? ''].filter((text) => text !== '');
  const said = details.length === 0 ? undefined : details.join(', ');
  return { ...finding(code, said), ...(page === undefined ? {} : { page }), allowed: denial === null };
}

const ANNOTATIONS: Readonly<Record<(Change & { kind: 'annotation' })['how'], FindingCode>> = {
  added: 'ANNOTATION_ADDED',
  changed: 'ANNOTATION_CHANGED',
  removed: 'ANNOTATION_REMOVED',
};

const OTHERS: Readonly<Record<Place, FindingCode>> = {
  bytes: 'UNREFERENCED_UPDATE',
  history: 'HISTORY_REWRITTEN',
  unreadable: 'UPDATE_UNREADABLE',
  object: 'CHANGE_UNKNOWN',
  trailer: 'CATALOG_CHANGED',
  catalog: 'CATALOG_CHANGED',
  'page-tree': 'PAGES_CHANGED',
  page: 'PAGE_CHANGED',
  'page-content': 'PAGE_CONTENT_CHANGED',
  names: 'NAMES_CHANGED',
  actions: 'ACTIONS_CHANGED',
  layers: 'LAYERS_CHANGED',
  structure: 'STRUCTURE_CHANGED',
  outlines: 'OUTLINES_CHANGED',
  files: 'FILES_CHANGED',
  description: 'DESCRIPTION_CHANGED',
  permissions: 'PERMISSIONS_CHANGED',
  form: 'FORM_CHANGED',
  field: 'FIELD_CHANGED',
  signature: 'SIGNATURE_CHANGED',
  annotation: 'ANNOTATION_FORBIDDEN',
  'validation-data': 'VALIDATION_DATA_CHANGED',
} satisfies Record<OtherChange['place'], FindingCode>;
