/**
 * Run by serial-link.test.ts as a process of its own, for what it looks for may keep a processor busy for ever: a terminal hangs up while
 * its port is being read, with serialport's binding as it is or mended. Prints `closed`, or `open` where nobody noticed.
 */
import { SerialPort } from 'serialport';
import { noticingHangups } from '../../src/reader/serial-binding.ts';
import { pseudoTerminal } from './pseudo-terminal.ts';

const terminal = await pseudoTerminal('EXEC:cat');
process.on('exit', () => terminal.remove());

const binding = process.argv[2] === 'mended' ? noticingHangups(SerialPort.binding) : SerialPort.binding;
const options = { binding, path: terminal.path, baudRate: 57_600 };
const port = new SerialPort(options);
port.on('close', () => finish('closed'));
port.on('error', () => finish('closed'));
port.on('data', () => {
  terminal.hangUp();
  // Until it has hung up: the read that follows this callback is the one that goes astray.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  setTimeout(() => finish('open'), 500);
});
port.write('ping');

function finish(word: string): void {
  process.stdout.write(word);
  process.exit(0);
}
