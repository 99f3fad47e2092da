/** What the owner of an encrypted document restricts (ISO 32000-2, Table 22), against what is done to it. */
import type { PdfFile } from './revision.ts';

/** A change as Table 22 tells them apart. */
export interface IntendedChange {
  readonly drawsOnPages: boolean;
  /** A form field is made, rather than one filled. */
  readonly addsField: boolean;
}

/**
 * Whether the owner told readers not to let their users do this. That is done all the same, and said: the restriction is meant for who is
 * handed the document to read and binds by courtesy alone (7.6.4.2), while a seal is put on by those whose document it is, or on their
 * order. Refusing would send a clerk to a tool that takes all protection off; passing it over would hide it from who decides.
 */
export function overridesPermissions({ encryption }: PdfFile, { drawsOnPages, addsField }: IntendedChange): boolean {
  if (encryption === null) return false;
  const { changePages, addFields, fillFields } = encryption.permissions;
  return (drawsOnPages && !changePages) || !(addsField ? addFields : fillFields);
}
