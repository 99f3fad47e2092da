/** The composition root: configuration in, a running house out. Everything is put together here, and only here. */
import { access, constants, rm, writeFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { drivers } from '../drivers/index.ts';
import { FileExtending } from './agreement/file-extending.ts';
import { FileSealing } from './agreement/file-sealing.ts';
import { FolderSealing } from './agreement/folder-sealing.ts';
import { openAgreements } from './agreement/open-agreements.ts';
import { CertificateFiles } from './cms/certificate-files.ts';
import { systemClock } from './clock.ts';
import type { Clock } from './clock.ts';
import type { Config } from './config.ts';
import { AppError, isAppError } from './errors.ts';
import { lockFile } from './file-lock.ts';
import type { createApp } from './http/app.ts';
import { Ledger } from './ledger/ledger.ts';
import { createLog } from './log.ts';
import type { Log, OpenLog } from './log.ts';
import { packagePath, version } from './package.ts';
import { readPassphrase } from './passphrase.ts';
import { PdfPool } from './pdf/pdf-pool.ts';
import { portHolder } from './port-holder.ts';
import { hidLinks } from './reader/hid-link.ts';
import { ReaderService } from './reader/reader-service.ts';
import type { ReaderInfo } from './reader/reader-service.ts';
import { serialLinks } from './reader/serial-link.ts';
import { simulatedLinks } from './reader/simulated-link.ts';
import { simulatorFixtures } from './reader/simulator-fixtures.ts';
import { KeyStore } from './seal/key-store.ts';
import type { SealState } from './seal/key-store.ts';
import { LevelRaiser } from './seal/level-raiser.ts';
import { RevocationSource } from './seal/revocation-source.ts';
import { SealService } from './seal/seal-service.ts';
import { TimestampAuthority } from './seal/timestamp-authority.ts';
import { openState } from './state.ts';
import type { State } from './state.ts';
import { Verifier } from './verify/verifier.ts';

export { version } from './package.ts';
export { loadConfig, processEnv } from './config.ts';
export type { Config } from './config.ts';

/** Runs nothing by itself: what the command line and the daemon use. */
export interface House {
  readonly state: State;
  readonly pool: PdfPool;
  readonly keys: KeyStore;
  readonly sealer: SealService;
  readonly verifier: Verifier;
  readonly readers: ReaderService;
  readonly files: FileSealing;
  readonly extending: FileExtending;
  readonly folders: FolderSealing;
  readonly ledger: Ledger;
  readonly close: () => Promise<void>;
}

const SILENT: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** Verification alone: needs no state folder, no reader and no seal. */
export function composeVerifier(config: Config, clock: Clock = systemClock): Verifier {
  return new Verifier({
    rootFiles: config.trust.roots,
    timestampRootFiles: config.timestamp.roots,
    clock,
    timeoutMs: config.limits.pdfTimeoutMs,
  });
}

/** The readers alone. Nothing is looked for until `start` or `refresh`. */
export function composeReaders(config: Config, log: Log = SILENT, clock: Clock = systemClock): ReaderService {
  const simulated = simulatedLinks({
    readers: config.reader,
    drivers,
    clock,
    ...simulatorFixtures(packagePath('fixtures')),
  });
  const links = { serial: serialLinks(), hid: hidLinks(), simulated };
  return new ReaderService({ drivers, readers: config.reader, clock, links, log });
}

/** Everything but the port. Throws STATE_UNUSABLE, CONFIG_INVALID, READER_DRIVER_UNKNOWN. */
export function compose(config: Config, log: Log = SILENT, clock: Clock = systemClock): House {
  const { committee, limits, marks, seal, storage } = config;
  const readers = composeReaders(config, log, clock);
  const state = openState(storage.folder);
  const pool = new PdfPool({ timeoutMs: limits.pdfTimeoutMs });
  const verifier = composeVerifier(config, clock);
  const keys = new KeyStore({
    committeeName: committee.name,
    clock,
    idleLockMinutes: seal.idleLockMinutes,
    ...(seal.p12 === undefined ? {} : { p12Path: seal.p12 }),
    ...(seal.certificateSha256 === undefined ? {} : { certificateSha256: seal.certificateSha256 }),
  });
  const sealer = new SealService({
    pool,
    keys,
    clock,
    committeeName: committee.name,
    diameterMm: seal.diameterMm,
    pagingEdge: seal.pagingEdge,
    rendition: marks.rendition,
    cacheFolder: state.cache,
    raiser: composeRaiser(config, pool, verifier, clock),
    presetLevel: seal.level,
    requireUnharmed: (path, signal) => verifier.requireUnharmed(path, signal),
    ...(seal.picture === undefined ? {} : { picturePath: seal.picture }),
  });
  const ledger = new Ledger(state.database);
  const check = (path: string, signal: AbortSignal): Promise<void> => verifier.requireIntact(path, signal);
  const verify: typeof verifier.verifyFile = (path, signal) => verifier.verifyFile(path, signal);
  const files = new FileSealing({ sealer, ledger, state, clock, check });
  return {
    state,
    pool,
    keys,
    sealer,
    verifier,
    readers,
    ledger,
    files,
    extending: new FileExtending({ sealer, ledger, state, verify, check }),
    folders: new FolderSealing({
      files,
      state,
      signer: () => keys.use().certificate.sha256,
      verify,
    }),
    async close() {
      keys.lock();
      await readers.close();
      await Promise.all([pool.close(), verifier.close()]);
      state.close();
    },
  };
}

/** The configured authorities; nobody is asked before something is to be raised. */
function composeRaiser(config: Config, pool: PdfPool, verifier: Verifier, clock: Clock): LevelRaiser {
  const { url, username, password, policy, timeoutMs, roots: files } = config.timestamp;
  const { ocsp, crls } = config.revocation;
  const document = (): ReturnType<Verifier['roots']> => verifier.roots();
  const own = new CertificateFiles(files);
  const roots = { document, timestamp: files.length === 0 ? document : () => own.read() };
  const authority = {
    roots: roots.timestamp,
    timeoutMs,
    clock,
    ...(policy === undefined ? {} : { policy }),
    ...(username === undefined || password === undefined ? {} : { credentials: { username, password } }),
  };
  const responder = { crls, timeoutMs: config.revocation.timeoutMs, clock, ...(ocsp === undefined ? {} : { ocsp }) };
  return new LevelRaiser({
    pool,
    ...(url === undefined ? {} : { timestamps: new TimestampAuthority({ url, ...authority }) }),
    ...(ocsp === undefined && crls.length === 0
      ? {}
      : { revocation: { source: new RevocationSource(responder), roots } }),
  });
}

/** A daemon that listens. */
export interface Daemon {
  readonly url: string;
  /** The file that holds the bearer token. */
  readonly tokenFile: string;
  readonly readers: readonly ReaderInfo[];
  readonly seal: SealState;
  /** Why the configured passphrase file did not unlock it. */
  readonly sealError?: AppError;
  /** Throws as KeyStore.unlock. */
  readonly unlock: (passphrase: string) => Promise<void>;
  /** Lets answers under way end, then closes all. */
  readonly close: () => Promise<void>;
}

/**
 * Starts the daemon. Throws PORT_IN_USE naming who holds the port, STATE_IN_USE, and what `compose` throws; then nothing stays open.
 */
export async function startDaemon(config: Config, terminal: NodeJS.WritableStream | null): Promise<Daemon> {
  await requireFreePort(config.listen.port);
  await using started = new AsyncDisposableStack();
  const { log, close: closeLog } = await openLog(config, terminal);
  started.defer(closeLog);
  const house = compose(config, log);
  started.defer(house.close);
  started.use(holdState(house.state));

  const { keys, pool, readers, sealer, state, verifier, ledger } = house;
  readers.start();
  await readers.refresh();
  const { agreements, captures, close } = await openAgreements({
    state,
    ledger,
    sealer,
    inspector: pool,
    check: (path, signal) => verifier.requireIntact(path, signal),
    readers,
    config,
    clock: systemClock,
    log,
  });
  started.defer(close);

  // In a thread of their own: documents that anyone may have verified keep none of the house's waiting.
  const uploads = composeVerifier(config);
  started.defer(() => uploads.close());
  // Half of what a start loads, and only the daemon needs it.
  const http = await import('./http/app.ts');
  const app = http.createApp({
    config,
    version,
    token: state.token,
    clock: systemClock,
    log,
    readers,
    captures,
    agreements,
    seal: keys,
    verifier: {
      verify: (upload, signal) =>
        uploads.verifyUpload(upload, { folder: state.uploads, maxBytes: config.limits.uploadBytes }, signal),
    },
  });
  started.defer(() => app.close());
  const url = await listen(app, config.listen.port);
  const daemonFile = join(state.folder, 'daemon.json');
  await writeFile(daemonFile, JSON.stringify({ url, pid: process.pid, version }), { mode: 0o600 });
  started.defer(() => rm(daemonFile, { force: true }));

  const sealError = await unlockFromFile(keys, config, log);
  // What the first sealing would otherwise wait for; a failure is met there again.
  pool.warm().catch((error: unknown) => {
    if (!isAppError(error, 'SHUTTING_DOWN')) log.warn({ error }, 'the PDF worker does not start');
  });
  log.info({ port: Number(new URL(url).port), version, state: keys.state() }, 'started');
  const running = started.move();
  return {
    url,
    tokenFile: state.tokenFile,
    readers: readers.list(),
    seal: keys.state(),
    ...(sealError === null ? {} : { sealError }),
    unlock: (passphrase) => keys.unlock(passphrase),
    close: () => running.disposeAsync(),
  };
}

async function openLog(config: Config, terminal: NodeJS.WritableStream | null): Promise<OpenLog> {
  const folder = join(config.storage.folder, 'log');
  try {
    return await createLog({ ...config.log, folder, terminal });
  } catch (cause) {
    throw new AppError('STATE_UNUSABLE', folder, { cause });
  }
}

/** Told before anything is opened, so that a second start says who is there and not what that one holds. */
async function requireFreePort(port: number): Promise<void> {
  const holder = port === 0 ? null : await portHolder(port);
  if (holder !== null) throw new AppError('PORT_IN_USE', `port ${port} is held by ${holder}`);
}

async function listen(app: ReturnType<typeof createApp>, port: number): Promise<string> {
  try {
    return await app.listen({ host: '127.0.0.1', port });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    // Windows keeps ranges of ports for itself, and Unix those below 1024: nobody listens there, and nobody may.
    if (code === 'EACCES') throw new AppError('PORT_IN_USE', `port ${port} is kept by the operating system`, { cause });
    if (code !== 'EADDRINUSE') throw cause;
    const holder = (await portHolder(port)) ?? 'another program';
    throw new AppError('PORT_IN_USE', `port ${port} is held by ${holder}`, { cause });
  }
}

/**
 * One daemon a state folder: a second one would take the sealings of the first for cut off by a crash.
 */
function holdState(state: State): Disposable {
  let lock: Disposable | null;
  try {
    lock = lockFile(join(state.folder, 'daemon.lock'));
  } catch (cause) {
    throw new AppError('STATE_UNUSABLE', state.folder, { cause });
  }
  if (lock === null) throw new AppError('STATE_IN_USE', state.folder);
  return lock;
}

/** Unlocks with the configured passphrase file; what is wrong with it is told and leaves the seal locked, not the daemon down. */
async function unlockFromFile(keys: KeyStore, config: Config, log: Log): Promise<AppError | null> {
  const { passphraseFile } = config.seal;
  if (passphraseFile === undefined || keys.state() === 'absent') return null;
  try {
    await keys.unlock(await readPassphrase(passphraseFile));
    return null;
  } catch (error) {
    if (!isAppError(error)) throw error;
    log.error({ error }, 'the seal stays locked');
    return error;
  }
}

/**
 * What a configuration says beyond its form: that the readers' drivers, dialects and simulated devices exist, and the files it names can
 * be read. Throws CONFIG_INVALID, READER_DRIVER_UNKNOWN, FILE_UNREADABLE.
 */
export async function checkConfig(config: Config): Promise<void> {
  await composeReaders(config).close();
  const { p12, passphraseFile, picture } = config.seal;
  const crls = config.revocation.crls.filter((crl) => isAbsolute(crl)); // the others are addresses
  for (const path of [p12, passphraseFile, picture, ...config.trust.roots, ...config.timestamp.roots, ...crls]) {
    if (path === undefined) continue;
    await access(path, constants.R_OK).catch((cause: unknown) => {
      throw new AppError('FILE_UNREADABLE', path, { cause });
    });
  }
}
