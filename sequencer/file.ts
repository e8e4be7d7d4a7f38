/**
 * One process's part in a `file:` cluster: it joins whoever hosts the folder, or hosts it itself.
 *
 *     a connection ends, a dial fails, or what was sent stays without an answer
 *        └ asks for the host ─ answers ─────────────────────────────── nothing to do
 *              ├ nobody listens ─ tries the lock ─ has it ──────────── hosts; the clients dial the same sockets again
 *              │                        └ somebody else has it ─────── asks again in a moment
 *              └ silent: stopped, or hangs ─────────────────────────── tells the callers who that is; asks on
 *
 * Nothing is asked while all is well. Clients know nothing of this: they see sockets that answer again after a pause.
 * Keeps: P50, L11. Read next: `host.ts`, `connect.ts`.
 */
import type { CallOptions } from '../log/cluster/calls.ts'
import { Cluster } from '../log/cluster/cluster.ts'
import { Backoff, pause } from '../log/cluster/retry.ts'
import { SirtakiError, asError, isError } from '../log/errors.ts'
import { UNIT_ADDRESS, hostOf, isStopped, placedTransport, type HostFolder } from '../log/io/host-folder.ts'
import type { Limits } from '../log/limits.ts'
import type { Connection, ConnectionEvents, Ports, Timer, Transport } from '../log/ports.ts'
import { Identity } from '../log/wire/control.ts'
import type { Host, startHost } from './host.ts'

/** What a process joins or hosts with. */
export interface FileClusterOptions {
  readonly ports: Ports
  readonly limits: Limits
  readonly folder: HostFolder
}

/** Pauses between two questions: callers wait meanwhile. */
const PAUSE_MAX_MS = 90

interface Dialled {
  readonly connection: Connection
  readonly events: ConnectionEvents
}

/** A folder's cluster as one connected process sees it. */
export class FileCluster {
  /** The ports of this process's clients: their transport notices when the host is lost. */
  readonly ports: Ports
  readonly #options: FileClusterOptions
  /** The same without noticing: for the host's own parts and for asking. */
  readonly #inner: Ports
  readonly #dialled = new Set<Dialled>()
  readonly #ending = new AbortController()
  #host: Host | undefined
  #search: Promise<void> | undefined
  #asking: Cluster | undefined
  /** Why callers get no answer at present. */
  #problem: SirtakiError | undefined
  /** Why this process cannot host, or must not any more. */
  #barred: SirtakiError | undefined
  /** Why the last try to host failed. */
  #failure: SirtakiError | undefined
  /** What the system said to the last dial that failed. */
  #refused: string | undefined
  #awaiting = false
  #silence: Timer | undefined

  constructor(options: FileClusterOptions) {
    const { ports, folder } = options
    this.#options = options
    const transport = placedTransport(ports.transport, folder)
    this.#inner = { ...ports, transport }
    this.ports = {
      ...ports,
      transport: {
        connect: (address, events) => this.#dial(transport, address, events),
        listen: (address, accept) => transport.listen(address, accept),
      },
    }
  }

  /**
   * Settles when a host answers, this process or another.
   *
   * @throws SirtakiError `IN_USE` when the host is stopped or hangs, with its pid; why nobody can host (`DAMAGED`,
   *   `IO`, `WRONG_CLUSTER`, `UNSUPPORTED`); `TIMEOUT`; `ABORTED`.
   */
  async ready({ timeoutMs, signal }: CallOptions = {}): Promise<void> {
    const { clock } = this.#options.ports
    const settled = new AbortController()
    const patience = pause(
      clock,
      timeoutMs ?? this.#options.limits.requestMs,
      AbortSignal.any([settled.signal, ...(signal === undefined ? [] : [signal])]),
    )
    const late = patience.then(() => {
      throw this.#problem ?? this.#unhosted()
    })
    try {
      await Promise.race([this.#find({ first: true }), late])
    } finally {
      settled.abort()
    }
  }

  /** Nobody hosts, with the last reason why this process does not. */
  #unhosted(): SirtakiError {
    const { path } = this.#options.folder
    const why = this.#failure === undefined ? '' : `; this process could not: ${this.#failure.message}`
    return new SirtakiError('TIMEOUT', `nobody hosted ${path} in time${why}`, {
      cause: this.#failure,
      next: 'again',
      facts: { path },
    })
  }

  /** Why calls get no answer at present, if that is known. */
  get problem(): SirtakiError | undefined {
    return this.#problem
  }

  /** Leaves; a host ends in good order, and one of the others takes over. Idempotent. */
  async close(): Promise<void> {
    this.#ending.abort()
    this.#silence?.cancel()
    this.#asking?.close()
    await this.#search?.catch(() => undefined)
    const host = this.#host
    this.#host = undefined
    await host?.close()
  }

  get #closed(): boolean {
    return this.#ending.signal.aborted
  }

  // ---- noticing

  #dial(transport: Transport, address: string, events: ConnectionEvents): Connection {
    if (this.#problem !== undefined) return this.#refuse(address, events, this.#problem)
    const connection = transport.connect(address, {
      opened: () => {
        events.opened()
      },
      data: (bytes) => {
        this.#awaiting = false
        events.data(bytes)
      },
      closed: (error) => {
        this.#dialled.delete(dialled)
        events.closed(error)
        this.#suspect()
      },
    })
    const dialled = { connection, events }
    this.#dialled.add(dialled)
    return {
      remote: connection.remote,
      get buffered() {
        return connection.buffered
      },
      write: (pieces) => {
        this.#written()
        connection.write(pieces)
      },
      close: () => {
        this.#dialled.delete(dialled)
        connection.close()
      },
    }
  }

  /** A connection that ends at once with what is wrong: dialling a stopped process would succeed. */
  #refuse(remote: string, events: ConnectionEvents, problem: SirtakiError): Connection {
    let open = true
    this.#options.ports.clock.turn(() => {
      if (open) {
        open = false
        events.closed(problem)
      }
    })
    return {
      remote,
      buffered: 0,
      write: () => undefined,
      close: () => {
        open = false
      },
    }
  }

  /** Somebody waits for an answer, perhaps: one timer looks whether anything was heard. */
  #written(): void {
    this.#awaiting = true
    const {
      ports: { clock },
      limits: { probeMs, suspicionProbes },
    } = this.#options
    this.#silence ??= clock.timer(probeMs * suspicionProbes, () => {
      this.#silence = undefined
      if (this.#awaiting) this.#suspect()
    })
  }

  #suspect(): void {
    if (this.#closed || this.#host !== undefined || this.#search !== undefined) return
    // What goes wrong here is told to those who call: see `#problem`.
    void this.#find({ first: false }).catch(() => undefined)
  }

  // ---- asking, hosting

  #find(how: { readonly first: boolean }): Promise<void> {
    this.#search ??= this.#searchHost(how).finally(() => {
      this.#search = undefined
    })
    return this.#search
  }

  /** Goes on until a host answers. With `first` it ends with what keeps this process from hosting. */
  async #searchHost({ first }: { readonly first: boolean }): Promise<void> {
    const { ports, limits } = this.#options
    const backoff = new Backoff(ports, { ...limits, retryMaxMs: PAUSE_MAX_MS })
    const asking = new Cluster({ ports: this.#inner, limits, name: 'asks who hosts', addresses: [UNIT_ADDRESS] })
    this.#asking = asking
    const since = ports.clock.now()
    try {
      // All who lost the same host come here at once.
      if (!first) await backoff.wait()
      while (!this.#closed) {
        const found = await this.#ask(asking)
        if (this.#closed) return
        if (found === 'answers') {
          this.#problem = undefined
          return
        }
        const problem = found === 'silent' ? this.#silent(since) : await this.#tryHosting(since)
        if (this.#host !== undefined) {
          this.#problem = undefined
          return
        }
        if (first && this.#barred !== undefined) throw this.#barred
        if (problem !== undefined) this.#tell(problem)
        await backoff.wait()
      }
    } finally {
      asking.close()
    }
  }

  async #ask(asking: Cluster): Promise<'answers' | 'silent' | 'nobody'> {
    const { probeMs, suspicionProbes } = this.#options.limits
    try {
      await asking.peer(UNIT_ADDRESS).control('identify', {}, Identity, probeMs * suspicionProbes)
      this.#failure = undefined
      return 'answers'
    } catch (thrown) {
      this.#refused = systemCode(thrown)
      return isError(thrown, 'TIMEOUT') ? 'silent' : 'nobody'
    }
  }

  /** Hosts if it can; gives what to tell the callers otherwise, if it is time to. */
  async #tryHosting(since: number): Promise<SirtakiError | undefined> {
    if (this.#barred !== undefined) return this.#barred
    const { limits, folder } = this.#options
    try {
      const start = await loadHost()
      this.#host = await start({
        ports: this.#inner,
        limits,
        folder,
        signal: this.#ending.signal,
        stopped: (error) => {
          this.#lostHosting(error)
        },
      })
      return undefined
    } catch (thrown) {
      if (this.#closed) return undefined
      const error = this.#nameSockets(asError(thrown))
      this.#failure = error
      if (error.code === 'IN_USE') return this.#silent(since, error)
      if (error.next === 'stop') this.#barred = error
      // What may pass by itself is told when it has lasted for a while.
      return this.#barred ?? (this.#isLate(since) ? this.#unhosted() : undefined)
    }
  }

  /** Where somebody hosts, or did, and what cannot be dialled is the reason why this process finds nobody. */
  #nameSockets(error: SirtakiError): SirtakiError {
    const { path } = this.#options.folder
    const pid = hostOf(this.#options.folder)?.pid
    const who = pid === undefined ? 'the process that hosts it' : `process ${pid}`
    const facts = { path, pid }
    if (this.#refused === 'EACCES') {
      return new SirtakiError(
        'IO',
        `the sockets in ${path} belong to another user, whose ${who} hosts it, and may not be used by this `
          + 'one (EACCES): connect as that user, or let a group write to the folder and what is in it '
          + `(${error.message})`,
        { cause: error, facts },
      )
    }
    if (this.#refused === 'ENOENT' && error.code === 'IN_USE') {
      return new SirtakiError(
        'IN_USE',
        `${error.message}. There is no ${UNIT_ADDRESS.slice('unix:'.length)} in ${path}: ${who} is `
          + 'starting, or that file was removed; then only its end helps',
        { cause: error, next: 'again', facts },
      )
    }
    return error
  }

  #isLate(since: number): boolean {
    const {
      ports: { clock },
      limits: { requestMs },
    } = this.#options
    return clock.now() - since >= requestMs / 2
  }

  /** This process must not host again: what went wrong would go wrong again. Others may. */
  #lostHosting(error: SirtakiError): void {
    this.#host = undefined
    this.#barred = error
    this.#suspect()
  }

  /** A host that is stopped is told at once, one that is only slow has a while; `undefined`: not yet. */
  #silent(since: number, error?: SirtakiError): SirtakiError | undefined {
    const { folder } = this.#options
    const pid = hostOf(folder)?.pid
    const stopped = pid === undefined ? undefined : isStopped(pid)
    if (pid !== undefined && stopped === true) {
      return new SirtakiError(
        'IN_USE',
        `process ${pid} hosts ${folder.path} and is stopped: continue it (kill -CONT ${pid}) or end it, `
          + 'then another one hosts',
        { next: 'again', facts: { path: folder.path, pid } },
      )
    }
    if (!this.#isLate(since)) return undefined
    return (
      error
      ?? new SirtakiError(
        'IN_USE',
        `${pid === undefined ? 'the process' : `process ${pid}`} that hosts ${folder.path} does not answer: `
          + 'it is busy or hangs. If it stays so, end it, then another one hosts',
        { next: 'again', facts: { path: folder.path, pid } },
      )
    )
  }

  /** Ends every connection with what is wrong: their requests would only run into their deadlines. */
  #tell(problem: SirtakiError): void {
    this.#problem = problem
    for (const { connection, events } of [...this.#dialled]) {
      connection.close()
      events.closed(problem)
    }
    this.#dialled.clear()
  }
}

/** What the system said, however deep it lies. */
function systemCode(thrown: unknown): string | undefined {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    if ('code' in error && typeof error.code === 'string' && /^E[A-Z]+$/.test(error.code)) return error.code
  }
  return undefined
}

async function loadHost(): Promise<typeof startHost> {
  try {
    return (await import('./host.ts')).startHost
  } catch (cause) {
    throw new SirtakiError(
      'UNSUPPORTED',
      `this process cannot host: better-sqlite3 cannot be loaded (${asError(cause).message}). Install it, `
        + 'or let a process that has it connect first',
      { cause },
    )
  }
}
