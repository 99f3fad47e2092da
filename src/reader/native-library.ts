/** What a native module that does not load means to the person who must mend it. */
import { AppError } from '../errors.ts';

/** Shared objects that the prebuilt modules want and a minimal Debian lacks: soname -> package. */
const PACKAGES: Readonly<Record<string, string>> = {
  'libusb-1.0.so.0': 'libusb-1.0-0',
  'libudev.so.1': 'libudev1',
};

const MISSING = /([A-Za-z0-9_+.-]+\.so(?:\.\d+)*): cannot open shared object file/;

/** Loads a native module; a failure to do so becomes READER_LIBRARY_MISSING with the package to install in its detail. */
export function loadNative<T>(name: string, load: () => T): T {
  try {
    return load();
  } catch (error) {
    throw libraryMissing(name, error);
  }
}

export function libraryMissing(name: string, error: unknown): AppError {
  const message = error instanceof Error ? error.message : '';
  const library = MISSING.exec(message)?.[1];
  const options = { cause: error };
  if (library === undefined) {
    return new AppError('READER_LIBRARY_MISSING', `${name} has no build that runs on this system`, options);
  }
  const wanted = PACKAGES[library];
  return wanted === undefined
    ? new AppError('READER_LIBRARY_MISSING', `${name} needs ${library}`, options)
    : new AppError('READER_LIBRARY_MISSING', `${name} needs ${library}: install the package ${wanted}`, options);
}
