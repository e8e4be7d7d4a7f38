/**
 * `sirtaki doctor`: whether this machine, a folder and the cluster are as a server needs them, in words.
 *
 *     ok    disk sync   200 syncs of 4 KiB took 0.91 ms at the median, ...
 *     warn  open files  1024 may be open, a server takes up to ...
 *
 * Read next: `../doctor/machine.ts`, `../doctor/disk.ts`, `../doctor/reach.ts`.
 */
import { Command } from 'commander'
import { parseClusterAddress } from '../../log/client/connect.ts'
import { asError } from '../../log/errors.ts'
import { UNIT_ADDRESS, holdsCluster, hostOf } from '../../log/io/host-folder.ts'
import { connectLog } from '../../sequencer/connect.ts'
import { contextOf, type Context } from '../cli/context.ts'
import { Failure, exits } from '../cli/failure.ts'
import { ownVersion } from '../cli/version.ts'
import { folderOf, limitsOf, peersAt } from '../cluster/open-log.ts'
import { check, type Check } from '../doctor/check.ts'
import { checkDisk } from '../doctor/disk.ts'
import { checkClock, checkSqlite, judgeNode, judgeOpenFiles, openFilesMax } from '../doctor/machine.ts'
import { checkReach } from '../doctor/reach.ts'

interface DoctorFlags {
  readonly data?: string
}
type Tell = (text: string) => void

/** Makes the command. */
export const doctorCommand = (): Command =>
  new Command('doctor')
    .description(
      'check this machine, the folder of a unit and the way to the cluster; exit code 1 when something fails',
    )
    .option('--data <dir>', 'the folder of a unit, or where one is to be (default: that of a file: cluster, else .)')
    .action(async (flags: DoctorFlags, command: Command) => {
      const context = contextOf(command)
      const failed: string[] = []
      const meter = makeMeter(process.stderr)
      let doing = ''
      const tell = (text: string): void => {
        doing = text
        meter.show(text)
      }
      // On a terminal the meter says it.
      await context.output.during(
        () => Promise.resolve(process.stderr.isTTY ? undefined : doing),
        async () => {
          const isNamed = command.parent?.getOptionValueSource('cluster') !== 'default'
          for await (const one of checks(context, flags, isNamed, tell)) {
            meter.clear()
            context.signal.throwIfAborted()
            context.output.data({ check: one.name, level: one.level, text: one.text, ...one.facts }, textOf(one))
            if (one.level === 'fail') failed.push(one.name)
          }
        },
      )
      meter.clear()
      context.signal.throwIfAborted()
      if (failed.length > 0) throw new Failure(exits.failed, `not as it should be: ${failed.join(', ')}`)
    })

async function* checks(context: Context, { data }: DoctorFlags, isNamed: boolean, tell: Tell): AsyncGenerator<Check> {
  const { signal, timeoutMs } = context
  yield check('sirtaki', 'ok', `version ${ownVersion}`, { version: ownVersion })
  yield judgeNode(process.versions.node)
  yield await checkSqlite()
  yield judgeOpenFiles(openFilesMax())
  tell('watching the clock')
  yield await checkClock(signal)
  const isFolder = context.cluster.startsWith('file:')
  const place = data ?? (isFolder ? folderOf(context.cluster) : '.')
  yield* checkDisk(place, signal, (done, of) => {
    tell(`syncing, ${done} of ${of}`)
  })
  if (isFolder) {
    yield* checkFolder(context, tell)
    return
  }
  const addresses = parseClusterAddress(context.cluster)
  const cluster = peersAt(context, addresses)
  const hangUp = (): void => {
    cluster.close()
  }
  signal.addEventListener('abort', hangUp)
  tell(`asking ${addresses.join(', ')}`)
  try {
    yield* checkReach({ cluster, addresses, isNamed, timeoutMs, signal })
  } finally {
    signal.removeEventListener('abort', hangUp)
    cluster.close()
  }
}

/** The cluster in a folder: who hosts it, and how it does. Makes none. */
async function* checkFolder(context: Context, tell: Tell): AsyncGenerator<Check> {
  const { cluster: address, timeoutMs, signal } = context
  const path = folderOf(address)
  const facts = { path }
  if (path === '' || !holdsCluster(path)) {
    yield check(
      'cluster',
      'fail',
      `there is no cluster in ${path === '' ? address : path}: `
        + 'check the path of --cluster; the first program that connects there makes one',
      facts,
    )
    return
  }
  const host = hostOf({ path })
  tell(`connecting to ${address}`)
  try {
    const options = { name: 'sirtaki doctor', limits: limitsOf(context), timeoutMs, signal }
    await using log = await connectLog(address, options)
    const {
      client: { cluster },
    } = log
    const pid = hostOf({ path })?.pid
    if (pid === process.pid) yield check('host', 'ok', `nobody hosts ${path} now: this command did meanwhile`, facts)
    else yield check('host', 'ok', `process ${pid ?? 'of no known id'} hosts ${path}`, { ...facts, pid: pid ?? null })
    yield* checkReach({ cluster, addresses: [UNIT_ADDRESS], isNamed: true, isOneProcess: true, timeoutMs, signal })
  } catch (thrown) {
    signal.throwIfAborted()
    yield check('host', 'fail', asError(thrown).message, { ...facts, pid: host?.pid ?? null })
  }
}

const textOf = ({ name, level, text }: Check): string => `${level.padEnd(4)}  ${name.padEnd(12)}  ${text}`

/** A line on a terminal that says what goes on, and is gone when there is something to say. */
function makeMeter(terminal: NodeJS.WriteStream): { show: Tell; clear(): void } {
  if (!terminal.isTTY) return { show: () => undefined, clear: () => undefined }
  return {
    show: (text) => {
      terminal.write(`\r${text}\u001b[K`)
    },
    clear: () => {
      terminal.write('\r\u001b[K')
    },
  }
}
