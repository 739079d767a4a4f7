/** `shoal preheat`: has hosts fetch an image before it is wanted, and tells how far each is. */
import { setTimeout as sleep } from 'node:timers/promises';
import { formatReference, parseReference } from '@shoal/oci';
import type { PreheatOrders } from '@shoal/p2p-peer';
import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { UsageError } from '../errors.ts';
import { ExitCode } from '../exit-code.ts';
import { MovingLine } from '../moving-line.ts';
import { wholeNumberParser } from '../option-values.ts';
import { formatBytes } from '../quantity-text.ts';
import { readAdminToken } from '../token-file.ts';
import { waitingFor } from './preheat-waiting.ts';

type PreheatOptions = {
  readonly tracker: string;
  readonly adminToken: string;
  readonly nodes?: string;
  readonly percent?: number;
  readonly count?: number;
  readonly platform?: string;
  readonly wait: boolean;
  readonly json?: boolean;
};

type Preheat = Awaited<ReturnType<PreheatOrders['read']>>;

const POLL_MS = 1000;
/** Hosts that live have begun by then, or are busy with other orders. */
const POLLS_TO_SAY = 15;

const EXAMPLES = `
Examples:
  shoal preheat registry.example/app:1.4 --tracker http://127.0.0.1:4021 --admin-token admin-token
  shoal preheat registry.example/app:1.4 --nodes node-1,node-2 --tracker http://127.0.0.1:4021 --admin-token admin-token
  shoal preheat registry.example/app:1.4 --percent 10 --no-wait --tracker http://127.0.0.1:4021 --admin-token admin-token

Hosts fetch all layers into their stores through each other, behind what programs wait for, with their own credentials.
Ctrl-C ends the order. Exit status 3 when some hosts fail, 1 when all do or there are none.`;

export function registerPreheat(program: Command, context: CliContext): void {
  program
    .command('preheat')
    .summary('have hosts fetch an image before it is wanted')
    .description('Have all hosts of a cluster, or some, fetch an image before it is wanted.')
    .argument('<REF>', 'image or artifact in a registry')
    .requiredOption('--tracker <url>', 'where a tracker has its page, http://HOST:PORT')
    .requiredOption('--admin-token <file>', "file with the tracker's token for orders")
    .option('--nodes <names>', 'only these hosts, separated by commas')
    .option('--percent <n>', 'only so many of a hundred hosts', wholeNumberParser(1, 100))
    .option('--count <n>', 'only so many hosts', wholeNumberParser(1, 65_536))
    .option('--platform <platform>', "another than each host's own, as linux/arm64")
    .option('--no-wait', 'give the order, and end')
    .option('--json', 'print the outcome as JSON')
    .addHelpText('after', EXAMPLES)
    .action((reference: string, options: PreheatOptions) => preheat(reference, options, context));
}

async function preheat(text: string, options: PreheatOptions, context: CliContext): Promise<void> {
  const reference = parseReference(text);
  if (reference.kind !== 'registry') {
    throw new UsageError(`${text} is not in a registry`, { remedy: 'name an image in a registry' });
  }
  refuseSeveralChoices(options);
  const { PreheatOrders } = await import('@shoal/p2p-peer');
  const token = await readAdminToken(options.adminToken);
  const { signal } = context;
  const url = trackerUrl(options.tracker);
  const orders = new PreheatOrders({ url, token, signal });
  const { platform, count, percent, nodes } = options;
  const hosts = nodes?.split(',').filter((name) => name !== '');
  const wish = { reference: formatReference(reference), platform, hosts, count, percent };
  const ordered = await orders.order(wish);
  if (!options.wait) return tell(ordered, options, context);
  try {
    const done = await watch(ordered, orders, context);
    await tell(done, options, context);
    context.finish(codeOf(done));
  } catch (error) {
    // With a signal of its own: the command's has been given.
    if (signal.aborted)
      await new PreheatOrders({ url, token }).end(ordered.id).catch(() => undefined);
    throw error;
  }
}

/** The tracker would refuse them, too, in words of its own. */
function refuseSeveralChoices({ nodes, percent, count }: PreheatOptions): void {
  const choices = { '--nodes': nodes, '--percent': percent, '--count': count };
  const given = Object.entries(choices).flatMap(([option, value]) =>
    value === undefined ? [] : [option],
  );
  if (given.length < 2) return;
  throw new UsageError(`${given.join(' and ')} exclude each other`, {
    remedy: 'choose the hosts in one way',
  });
}

async function watch(
  first: Preheat,
  orders: PreheatOrders,
  { diagnostics, signal }: CliContext,
): Promise<Preheat> {
  await using line = new MovingLine(diagnostics);
  let polls = 0;
  for (let now = first; ; now = await orders.read(first.id)) {
    const { waiting = 0, running = 0, done = 0, failed = 0 } = now.counts;
    line.redraw(
      `${done} of ${now.hosts.length} hosts done, ${running} at it, ${failed} failed; ` +
        `${formatBytes(now.bytesDone)} of ${formatBytes(now.bytesTotal)}`,
    );
    if (waiting + running === 0 || now.isCancelled) return now;
    polls += 1;
    if (polls === POLLS_TO_SAY && running === 0) line.print(waitingFor(now.hosts));
    await sleep(POLL_MS, undefined, { signal });
  }
}

async function tell(now: Preheat, { json }: PreheatOptions, { output }: CliContext): Promise<void> {
  if (json === true) return output.json(now);
  await output.line(`preheat ${now.id} of ${now.reference}: ${now.hosts.length} hosts`);
  for (const { host, state, bytesDone, message } of now.hosts) {
    const why = message === undefined ? '' : `: ${message}`;
    await output.line(`  ${host}  ${state}, ${formatBytes(bytesDone)}${why}`);
  }
}

function codeOf({ counts, hosts }: Preheat): ExitCode {
  const done = counts.done ?? 0;
  if (hosts.length > 0 && done === hosts.length) return ExitCode.done;
  return done > 0 ? ExitCode.partly : ExitCode.failed;
}

function trackerUrl(text: string): string {
  const url = URL.parse(text);
  if (url !== null && (url.protocol === 'http:' || url.protocol === 'https:')) return url.origin;
  throw new UsageError(`--tracker ${text} is no address`, { remedy: 'write http://HOST:PORT' });
}
