/**
 * Every bound of the log in one place. A bound is an option of the part that obeys it: the simulator draws small ones.
 *
 * Read next: `ports.ts`.
 */

/** The bounds of the log; `bytes` are bytes, `Ms` are milliseconds. */
export interface Limits {
  /** How far grants may run ahead of the decided prefix: the most holes that one failure can leave. */
  readonly window: number
  /**
   * One entry: the largest request of ZooKeeper (1 MiB) or etcd (1.5 MiB) fits with its head. Larger values belong into
   * blobs, and a frame must hold several entries.
   */
  readonly entryBytesMax: number
  /** One frame: what a receiver may be made to allocate before it has checked anything. */
  readonly frameBytesMax: number
  /** Bytes that one client may have on their way to the units: beyond it `append` waits. */
  readonly clientBytesMax: number
  /** Entries that one client may have on their way: more of them make batches longer to wait for, not faster. */
  readonly clientEntriesMax: number
  /**
   * Appends that may wait in one client for their turn: beyond it the next is refused (`OVERLOADED`). A fraction of a
   * second of a fast cluster's work.
   */
  readonly appendsWaitingMax: number
  /** Bytes of their payloads. */
  readonly appendsWaitingBytesMax: number
  /** Requests that one client may have open at one server: beyond it the next is refused. */
  readonly requestsMax: number
  /** Appends of unknown fate that one client looks after at once: each is a question to every unit of a chain. */
  readonly recoversMax: number
  /** Callers that may wait for one client's next look at the tail. */
  readonly tailCallersMax: number
  /** Bytes of requests that wait at one unit while it commits: beyond it the next one is refused. */
  readonly unitBytesMax: number
  /** Entries of one batch: bounds the pause that encoding or committing one batch makes. */
  readonly batchEntriesMax: number
  /** Youngest hole that may be filled: below it a slow writer would lose to the filler again and again (P16). */
  readonly fillFloorMs: number
  /** Time between two looks of one server at another: short enough to notice within a second, too rare to cost. */
  readonly probeMs: number
  /** Unanswered looks before a peer is suspected. */
  readonly suspicionProbes: number
  /**
   * A unit whose commits take this long holds the appends of its chain back: a healthy disk is a hundred times as fast.
   */
  readonly slowUnitMs: number
  /** For how long before it is left out: a short stall is cheaper than an epoch and a copy. */
  readonly slowForMs: number
  /** How much slower than the quickest of its chain: where all are slow, leaving one out helps nobody. */
  readonly slowFactor: number
  /** A unit that was left out again and again comes back after this long, then thrice and seven times as long (P24). */
  readonly coolOffMs: number
  /** Bytes a second that one unit copies: appends go before. */
  readonly copyBytesPerSecond: number
  /** Bytes a second that a unit reads to find damage before somebody needs them: a terabyte in three days. */
  readonly scrubBytesPerSecond: number
  /** Deadline of one request: longer than any healthy answer, shorter than a user's patience. */
  readonly requestMs: number
  /** First pause between tries. */
  readonly retryMinMs: number
  /** Longest pause between tries: full jitter is drawn below it. */
  readonly retryMaxMs: number
  /** Connections that one server accepts; the next one is refused with a reason. */
  readonly connectionsMax: number
  /**
   * A connection that has not said who it is after this long is closed: greeting is the first thing a client does,
   * whoever does not is none.
   */
  readonly helloMs: number
  /**
   * A connection that sent no frame for this long is closed: its client may have vanished without a word, and one that
   * lives dials again at no cost. Far above the pings of those who subscribe.
   */
  readonly idleMs: number
  /**
   * Highest version of the messages that this process speaks: below what it knows only while a cluster is being
   * upgraded.
   */
  readonly wireVersionMax: number
  /**
   * Bytes queued towards one connection before the server closes it: whoever reads nothing must not fill our memory.
   */
  readonly connectionBytesMax: number
  /**
   * Bytes of answers that one step of a unit makes before it sends them: what was asked for in few bytes may be large.
   */
  readonly stepBytesMax: number
  /** Bytes pushed to one subscriber in one turn. */
  readonly pushBytesMax: number
  /** A subscriber whose connection holds more than this is passed over: its cursor waits. */
  readonly pushLagBytesMax: number
  /** Rows that a unit drops with one commit after a trim: others wait meanwhile. */
  readonly dropRowsMax: number
  /** Bytes of them: with more of them a commit takes many times as long as one of an append. */
  readonly dropBytesMax: number
  /** Token requests that wait at the sequencer for room in the window. */
  readonly tokensWaitingMax: number
  /** Entries held for a slow subscriber: then it goes on from its position once it has caught up. */
  readonly subscriberEntriesMax: number
  /** Bytes of them. */
  readonly subscriberBytesMax: number
  /** Streams of one entry: the `previous` pointers are part of the entry's header. */
  readonly streamsMax: number
  /** Stream tails that the sequencer remembers before it forgets the oldest to `{before}`. */
  readonly streamTailsMax: number
  /** Subscriptions of one connection. */
  readonly subscriptionsMax: number
  /** Marks wait this long for a frame to ride on. */
  readonly markIdleMs: number
  /** Positions that one message of a range resolve covers. */
  readonly resolveRangeMax: number
  /** An epoch agreed but not open for this long is a reason to drive it (P23). */
  readonly stuckMs: number
  /**
   * How long a sequencer confirms sessions after it began to prove that its epoch is current, and how long the next one
   * ends none: above what a proof may take, far below the shortest timeout of a session.
   */
  readonly proofMs: number
  /** The shortest timeout that a program may ask for: shorter ones end by a pause of garbage collection. */
  readonly sessionTimeoutMinMs: number
  /** Time between two looks of a sequencer at its sessions; a pause of it counts as two of them at most. */
  readonly attendMs: number
  /** One try of a call to a blob store: a part of 8 MiB takes as long on half a megabyte a second. */
  readonly blobTryMs: number
  /** All tries of one call together: a store that restarts is back before, one that does not is reported. */
  readonly blobMs: number
  /** First pause between two tries of it. */
  readonly blobRetryMinMs: number
  /** Longest pause between them: a store that asks for less is asked less. */
  readonly blobRetryMaxMs: number
}

/** The values to start from. */
export const limits: Limits = {
  window: 65_536,
  entryBytesMax: 2 << 20,
  frameBytesMax: 8 << 20,
  clientBytesMax: 16 << 20,
  clientEntriesMax: 16_384,
  appendsWaitingMax: 32_768,
  appendsWaitingBytesMax: 64 << 20,
  requestsMax: 65_536,
  recoversMax: 64,
  tailCallersMax: 65_536,
  unitBytesMax: 64 << 20,
  batchEntriesMax: 4_096,
  fillFloorMs: 50,
  probeMs: 200,
  suspicionProbes: 3,
  slowUnitMs: 200,
  slowForMs: 5_000,
  slowFactor: 10,
  coolOffMs: 60_000,
  copyBytesPerSecond: 100 << 20,
  scrubBytesPerSecond: 4 << 20,
  requestMs: 5_000,
  retryMinMs: 10,
  retryMaxMs: 1_000,
  connectionsMax: 10_000,
  helloMs: 5_000,
  idleMs: 120_000,
  wireVersionMax: 3,
  connectionBytesMax: 64 << 20,
  stepBytesMax: 8 << 20,
  pushBytesMax: 256 << 10,
  pushLagBytesMax: 1 << 20,
  dropRowsMax: 512,
  dropBytesMax: 1 << 20,
  tokensWaitingMax: 1_024,
  subscriberEntriesMax: 65_536,
  subscriberBytesMax: 16 << 20,
  streamsMax: 64,
  streamTailsMax: 1 << 20,
  subscriptionsMax: 1_024,
  markIdleMs: 1,
  resolveRangeMax: 65_536,
  stuckMs: 1_000,
  proofMs: 500,
  sessionTimeoutMinMs: 2_000,
  attendMs: 25,
  blobTryMs: 20_000,
  blobMs: 60_000,
  blobRetryMinMs: 50,
  blobRetryMaxMs: 5_000,
}
