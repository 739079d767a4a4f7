/** `shoal doctor`: what this host can do, what was picked, and why not something better. */
import type { DoctorReport } from '@shoal/node';
import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { addDaemonOptions, type DaemonOptionValues, daemonPathsOf } from '../daemon-options.ts';
import { ExitCode } from '../exit-code.ts';

type DoctorOptions = DaemonOptionValues & {
  readonly containerdConfig?: string;
  readonly json?: boolean;
};

const EXAMPLES = `
Examples:
  shoal doctor
  shoal doctor --containerd-config /etc/containerd/config.toml --json`;

export function registerDoctor(program: Command, context: CliContext): void {
  const command = program
    .command('doctor')
    .summary('what this host can do for mounts, and why')
    .description(
      "Try what this host can do for mounts, and check containerd's configuration. Exit status 1 when" +
        ' it cannot mount, or when containerd is to use Shoal and cannot.',
    )
    .option(
      '--containerd-config <file>',
      'configuration to check (default: /etc/containerd/config.toml)',
    )
    .option('--json', 'print the report as JSON');
  addDaemonOptions(command)
    .addHelpText('after', EXAMPLES)
    .action(async (options: DoctorOptions) => {
      const { examineHost } = await import('@shoal/node');
      const paths = await daemonPathsOf(options, context);
      const { containerdConfig } = options;
      const report = await examineHost(paths, { containerdConfig });
      if (options.json === true) await context.output.json(report);
      else await printReport(report, context);
      if (!report.isHealthy) context.finish(ExitCode.failed);
    });
}

async function printReport(report: DoctorReport, { output }: CliContext): Promise<void> {
  const { daemon, picked } = report;
  await output.line(`kernel ${report.kernel}, node ${report.node}`);
  await output.line(
    daemon === undefined
      ? 'no daemon answers'
      : `daemon ${daemon.version} runs, process ${daemon.pid}`,
  );
  for (const { ok, name, detail, remedy } of report.facts) {
    await output.line(`${ok ? 'ok  ' : 'FAIL'} ${name}: ${detail}`);
    if (!ok && remedy !== undefined) await output.line(`     ${remedy}`);
  }
  for (const driver of report.drivers) {
    await output.line(`driver ${driver.name}: ${driver.usable ? 'usable' : 'not usable'}`);
    for (const { ok, name, detail, remedy } of driver.probes) {
      await output.line(`  ${ok ? 'ok  ' : 'FAIL'} ${name}: ${detail}`);
      if (!ok && remedy !== undefined) await output.line(`       ${remedy}`);
    }
  }
  await output.line(
    picked === undefined ? 'no driver can be used' : `picked for incomplete images: ${picked}`,
  );
  for (const { name, reason } of report.notPicked) await output.line(`not ${name}: ${reason}`);
  for (const line of containerdLines(report)) await output.line(line);
}

function containerdLines({ containerd }: DoctorReport): readonly string[] {
  if (containerd === undefined) return ['no containerd here'];
  const { address, version, configFile, findings, isWanted } = containerd;
  const lines = findings.flatMap(({ ok, isWarning, name, detail, remedy, write = [] }) => {
    const steps = [...(remedy === undefined ? [] : [remedy]), ...write];
    const wrong = isWarning === true ? 'warn' : 'FAIL';
    const mark = ok ? 'ok  ' : isWanted ? wrong : 'no  ';
    return [`  ${mark} ${name}: ${detail}`, ...(ok ? [] : steps.map((step) => `         ${step}`))];
  });
  const what = version ?? `(none answers at ${address})`;
  return [`containerd ${what}, ${configFile}`, ...lines];
}
