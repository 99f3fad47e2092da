/** What memory a process holds, as its kernel counts it: heap, array buffers, WebAssembly and mapped code together. */
import { readFileSync, writeFileSync } from 'node:fs';

/** proc(5): VmRSS, or its peak VmHWM. 2^20 bytes; NaN where there is no such account. */
export function processMemoryMb(field: 'VmRSS' | 'VmHWM', pid: number | 'self' = 'self'): number {
  if (process.platform !== 'linux') return Number.NaN;
  const [, kilobytes] = new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) / 1024;
}

/** Makes the peak what is held now. */
export function forgetPeak(pid: number | 'self' = 'self'): void {
  if (process.platform === 'linux') writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
