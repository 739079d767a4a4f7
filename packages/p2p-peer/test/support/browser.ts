/** A real browser without a window, by its DevTools protocol over two pipes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { type TestScope, temporaryDirectory } from '@shoal/test-kit';

type Reply = {
  readonly id?: number;
  readonly method?: string;
  readonly params?: unknown;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
};
type Waiting = { resolve(result: Record<string, unknown>): void; reject(error: Error): void };

/** What the page has complained of: errors, violations of its policy, things that did not load. */
const COMPLAINTS = new Set([
  'Runtime.exceptionThrown',
  'Log.entryAdded',
  'Runtime.consoleAPICalled',
]);
const START_MS_MAX = 120_000;

/** Starts one for the time of a test. */
export async function openBrowser(t: TestScope): Promise<Browser> {
  const directory = temporaryDirectory(t);
  const child = spawn(
    'chromium',
    [
      '--headless=new',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--remote-debugging-pipe',
      `--user-data-dir=${directory}`,
      'about:blank',
    ],
    {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
      env: { ...process.env, HOME: directory },
    },
  );
  t.teardown(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  });
  const browser = new Browser(child);
  await browser.attach();
  return browser;
}

export class Browser {
  readonly #input: Writable;
  readonly #waiting = new Map<number, Waiting>();
  readonly complaints: string[] = [];
  #lastId = 0;
  #pending = '';
  #session: string | undefined;
  #onLoad: () => void = () => undefined;

  constructor(child: ChildProcess) {
    this.#input = child.stdio[3] as Writable;
    const output = child.stdio[4] as Readable;
    output.setEncoding('utf8');
    output.on('data', (text: string) => this.#read(text));
    this.#input.on('error', () => undefined);
    child.once('exit', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('the browser has ended'));
    });
  }

  #read(text: string): void {
    const [...messages] = (this.#pending + text).split('\0');
    this.#pending = messages.pop() ?? '';
    for (const message of messages) this.#take(JSON.parse(message));
  }

  #take({ id, method, params, result, error }: Reply): void {
    if (method !== undefined && COMPLAINTS.has(method))
      this.complaints.push(JSON.stringify(params));
    if (method === 'Page.loadEventFired') this.#onLoad();
    const waiting = id === undefined ? undefined : this.#waiting.get(id);
    if (waiting === undefined || id === undefined) return;
    this.#waiting.delete(id);
    if (error === undefined) waiting.resolve(result ?? {});
    else waiting.reject(new Error(error.message));
  }

  async send(method: string, params: object = {}): Promise<Record<string, unknown>> {
    this.#lastId += 1;
    const id = this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<Record<string, unknown>>();
    this.#waiting.set(id, { resolve, reject });
    const session = this.#session === undefined ? {} : { sessionId: this.#session };
    this.#input.write(`${JSON.stringify({ id, method, params, ...session })}\0`);
    const late = setTimeout(() => reject(new Error(`no answer to ${method}`)), START_MS_MAX);
    return promise.finally(() => clearTimeout(late));
  }

  async attach(): Promise<void> {
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true });
    this.#session = String(sessionId);
    for (const domain of ['Page', 'Runtime', 'Log']) await this.send(`${domain}.enable`);
  }

  /** Goes to an address and waits until it is loaded. */
  async open(url: string, width = 1440, height = 1000): Promise<void> {
    const size = { width, height, deviceScaleFactor: 1, mobile: false };
    await this.send('Emulation.setDeviceMetricsOverride', size);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onLoad = resolve;
    await this.send('Page.navigate', { url });
    await promise;
  }

  /** The value of an expression in the page, as JSON carries it. */
  async evaluate(expression: string): Promise<unknown> {
    const options = { expression, returnByValue: true, awaitPromise: true };
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', options);
    if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
    return typeof result === 'object' && result !== null && 'value' in result
      ? result.value
      : undefined;
  }

  async press(key: string, code: string, keyCode: number, text = ''): Promise<void> {
    const event = { key, code, windowsVirtualKeyCode: keyCode };
    await this.send('Input.dispatchKeyEvent', { type: 'keyDown', text, ...event });
    await this.send('Input.dispatchKeyEvent', { type: 'keyUp', ...event });
  }

  async useScheme(scheme: 'light' | 'dark'): Promise<void> {
    const features = [{ name: 'prefers-color-scheme', value: scheme }];
    await this.send('Emulation.setEmulatedMedia', { features });
  }

  /** PNG of the whole page. */
  async screenshot(): Promise<Buffer> {
    const options = { format: 'png', captureBeyondViewport: true };
    const { data } = await this.send('Page.captureScreenshot', options);
    return Buffer.from(String(data), 'base64');
  }
}
