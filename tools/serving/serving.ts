/**
 * The life of a server process around its server: its log, its pages, its end.
 *
 *     serve ─ pages ─ live ........ told to end ─ leave ─ close ─ exit code 0
 *                                         └ told again: ends at once      leave or close too slow: goes on without
 *
 * Owns: how a server ends and the bounds of it, and that with `--log json` also its last words are JSON.
 * Read next: `../commands/unit.ts`, `../commands/sequencer.ts`, `log.ts`, `http-server.ts`.
 */
import { flushCompileCache } from 'node:module'
import { Option, type Command } from 'commander'
import { asError } from '../../log/errors.ts'
import { httpAddress } from '../cli/arguments.ts'
import { Failure, exits, failureOf } from '../cli/failure.ts'
import type { Health } from './health.ts'
import { jsonPage, openHttp, requireAddress, type HttpServer } from './http-server.ts'
import { logFormats, processLog, type Log, type LogFormat } from './log.ts'
import { metricsPage, metricsText, type Metric } from './metric.ts'
import { processMetrics } from './process-metrics.ts'

/** The flags that every server takes. */
export interface ServingFlags {
  readonly listen: string
  readonly log: LogFormat
  readonly http?: string
  readonly httpPublic?: boolean
}

/** What ends: a server in its last moments. */
export interface Ending {
  /**
   * Hands on what only it has, while others still reach it; whatever it does not manage, those who stay recover from.
   */
  leave?(options: { readonly timeoutMs: number; readonly signal: AbortSignal }): Promise<void>
  close(): Promise<void>
}

/** What is shown of a server: `look` makes its status, `judge` says of it whether it does what it is there for. */
export interface Shown<S> {
  readonly look: () => S
  readonly judge: (status: S, nowMs: number) => Health
  readonly metrics: readonly Metric<S>[]
  /** Aborts when the server is told to end. */
  readonly signal: AbortSignal
}

/** How long an end may take: `dev` kills its children after three seconds, so leaving takes less. */
export interface EndBounds {
  readonly leaveMs: number
  readonly closeMs: number
}
const bounds: EndBounds = { leaveMs: 2_000, closeMs: 5_000 }
/** Between two looks at a server whose health is told: health depends on how long something has been so. */
const LOOK_MS = 1_000

/** Adds the flags that every server takes. */
export const servingOptions = (command: Command): Command =>
  command
    .addOption(
      new Option('--log <format>', 'how it reports what happens, on stderr: lines for people, or one JSON object each')
        .choices(logFormats)
        .default('pretty'),
    )
    .option('--http <address>', 'show /healthz and /metrics at host:port', httpAddress)
    .option('--http-public', 'let --http be an address that other machines reach')

/** After so long a server keeps what it has compiled: one that is killed has no other moment for it. */
const KEEP_COMPILED_MS = 10_000

/** Runs a server of this kind until it ends. @throws what `run` throws; with `--log json` told already. */
export async function serve(
  { listen, log: format, http, httpPublic }: ServingFlags,
  kind: string,
  run: (log: Log) => Promise<void>,
): Promise<void> {
  if (http !== undefined) requireAddress(http, httpPublic === true)
  const log = processLog(format, kind, () => listen)
  setTimeout(flushCompileCache, KEEP_COMPILED_MS).unref()
  // What holds no longer must stop at once: a server does not wait for readers, whose pipe has room for its last words.
  const stop = (exit: number): void => {
    process.exit(exit === exits.ok ? exits.ok : exits.failed)
  }
  if (format === 'pretty') {
    // Behind the listener that prints it.
    process.on('uncaughtException', () => {
      stop(exits.failed)
    })
    await run(log)
    return
  }
  const lastWords = (thrown: unknown): Failure => {
    const { exit, message } = failureOf(thrown)
    const { code, next } = asError(thrown, 'IO')
    log.error(message, thrown instanceof Failure ? { exit } : { exit, code, next })
    return new Failure(exit, '')
  }
  process.prependListener('uncaughtException', (thrown) => {
    stop(lastWords(thrown).exit)
  })
  await run(log).catch((thrown: unknown) => {
    throw lastWords(thrown)
  })
}

/** Shows what there is to see of a server, where its flags say so. @throws SirtakiError `IN_USE`, `BAD_ADDRESS`. */
export async function showPages<S extends { readonly role: string; readonly epoch: number }>(
  { http, httpPublic }: ServingFlags,
  log: Log,
  { look, judge, metrics, signal }: Shown<S>,
): Promise<HttpServer | undefined> {
  if (http === undefined) return undefined
  const healthOf = (status: S): Health =>
    signal.aborted
      ? { isHealthy: false, reason: 'stopping: it was asked to shut down' }
      : judge(status, performance.now())
  const server = await openHttp({
    address: http,
    isPublic: httpPublic === true,
    pages: {
      '/healthz': () => {
        const status = look()
        const { isHealthy, reason } = healthOf(status)
        return jsonPage(isHealthy ? 200 : 503, {
          status: isHealthy ? 'ok' : 'unavailable',
          role: status.role,
          epoch: status.epoch,
          reason,
        })
      },
      '/metrics': () => metricsPage(`${metricsText(metrics, look())}${metricsText(processMetrics, {})}`),
    },
  })
  const timer = setInterval(() => {
    healthOf(look())
  }, LOOK_MS).unref()
  log.info(`health and metrics are shown at http://${server.address}`)
  return {
    address: server.address,
    close: () => {
      clearInterval(timer)
      return server.close()
    },
  }
}

/**
 * Lets a server live until `until` settles, then ends it: it leaves, and closes. When `until` throws it only closes.
 *
 * @throws what `until` throws. An end that takes too long is told and cut off; what is durable stays.
 */
export async function live(
  server: Ending,
  log: Log,
  until: () => Promise<void>,
  { leaveMs, closeMs }: EndBounds = bounds,
): Promise<void> {
  try {
    await until()
    await inTime(leaveMs, async () => {
      await server.leave?.({ timeoutMs: leaveMs, signal: AbortSignal.timeout(leaveMs) })
    }).catch((thrown: unknown) => {
      log.warn(`it left without handing on: ${asError(thrown).message}`)
    })
  } finally {
    await inTime(closeMs, () => server.close()).catch((thrown: unknown) => {
      log.warn(`it ended without closing: ${asError(thrown).message}`)
    })
  }
}

/** @throws Failure after `ms`; what `act` throws. */
async function inTime(ms: number, act: () => Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Failure(exits.failed, `that took longer than ${ms} ms`))
    }, ms)
  })
  try {
    await Promise.race([act(), late])
  } finally {
    clearTimeout(timer)
  }
}
