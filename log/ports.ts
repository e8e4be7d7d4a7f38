/// <reference lib="esnext.disposable" preserve="true" />
/**
 * The ports: everything that the log needs from the machine it runs on. `io/` implements them for processes, the
 * simulator for a whole cluster under one seed.
 *
 * Owns: the interfaces only. Read next: `io/` for the real ones, `unit/store.ts` for the store of a unit.
 */

declare global {
  /** Declared for programs whose own libraries have none: neither the DOM nor the types of Node. */
  // oxlint-disable-next-line typescript/no-empty-object-type
  interface AbortSignal {}
}

/** A timer that has not fired yet. */
export interface Timer {
  cancel(): void
}

/** Time and turns. */
export interface Clock {
  /** Milliseconds, monotonic, from an arbitrary start. */
  now(): number
  /**
   * Milliseconds since the machine began, monotonic: those that it was suspended count, settings of the wall clock do
   * not. Coarser than `now`, and dearer: for how old a promise is.
   */
  uptime(): number
  /** Milliseconds since 1970: where log time begins at genesis, and for people. Never for a decision. */
  wall(): number
  /** Runs `run` once after everything that this turn of the event loop has received. */
  turn(run: () => void): void
  /** Runs `run` once, no earlier than `ms` from now. */
  timer(ms: number, run: () => void): Timer
  /** Keeps the process alive until the function that it gives is called; absent where nothing ends by itself. */
  hold?(): () => void
}

/** Chance. */
export interface Random {
  /** A number in [0, 1). */
  next(): number
  /** A name that nothing else has: 128 random bits in hexadecimal. */
  id(): string
}

/** What happens to one connection; the transport calls these, never from inside `write`. */
export interface ConnectionEvents {
  opened(): void
  data(bytes: Uint8Array): void
  /** Once, at the end; `error` when the peer did not simply close. */
  closed(error?: Error): void
}

/** One open or opening byte stream. Bytes arrive in order or not at all. */
export interface Connection {
  /** Who is at the other end, for messages to people. */
  readonly remote: string
  /** Bytes accepted by `write` that the machine has not taken yet. */
  readonly buffered: number
  /**
   * Sends the pieces as one write. Never throws: a broken connection tells `closed`. The pieces belong to the
   * connection from here on.
   */
  write(pieces: readonly Uint8Array[]): void
  /** Ends it; `closed` is not called for one's own close. */
  close(): void
}

/** A server's open door. */
export interface Listener {
  /** The address that clients can dial, the port filled in. */
  readonly address: string
  close(): Promise<void>
}

/** Byte streams between processes, by address: `host:port` or `unix:PATH`. */
export interface Transport {
  connect(address: string, events: ConnectionEvents): Connection
  /** @throws SirtakiError `IN_USE` or `BAD_ADDRESS`. */
  listen(address: string, accept: (connection: Connection) => ConnectionEvents): Promise<Listener>
}

/**
 * A place in the code that a test can observe or break: it counts rare events, feeds the checks of the simulator, and
 * may throw to stop a process there. In production it is absent and its facts are never built (`failpoint?.(...)`).
 */
export type Failpoint = (name: string, facts?: Readonly<Record<string, unknown>>) => void

/** One durable value with its checksum: an acceptor's register, a small file of its own. */
export interface Register {
  /** The last value written, `undefined` when nothing ever was. @throws SirtakiError `DAMAGED`. */
  read(): string | undefined
  /** Durable when it returns. @throws SirtakiError `IO`. */
  write(value: string): void
}

/** What every flow needs. */
export interface Ports {
  readonly clock: Clock
  readonly random: Random
  readonly transport: Transport
  readonly failpoint?: Failpoint | undefined
}
