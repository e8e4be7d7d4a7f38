/**
 * What people build with etcd: the queue of its recipes, the lock that its servers offer, transactions, leases.
 *
 * The queue takes and acknowledges an item by one delete: it is lost with its taker. There are no trees: a node is a
 * key, and nobody looks for its parent. Field numbers are those of rpc.proto, kv.proto and v3lock.proto. Read next:
 * `etcd-loads.ts`, `../object-loads.ts` (ours).
 */
import { randomInt } from 'node:crypto'
import type { Operation } from '../measure.ts'
import { field, fieldsOf, fieldsWithin, framed, type Grpc } from './grpc.ts'
import { nth, VALUE } from './loads.ts'

const RANGE = '/etcdserverpb.KV/Range'
const PUT = '/etcdserverpb.KV/Put'
const TXN = '/etcdserverpb.KV/Txn'
const DELETE = '/etcdserverpb.KV/DeleteRange'
const GRANT = '/etcdserverpb.Lease/LeaseGrant'
const KEEP_ALIVE = '/etcdserverpb.Lease/LeaseKeepAlive'
const WATCH = '/etcdserverpb.Watch/Watch'
const LOCK = '/v3lockpb.Lock/Lock'
const UNLOCK = '/v3lockpb.Lock/Unlock'
/** Of leases that are not to end. */
const LONG_SECONDS = 3_600
const LEASE_MAX = 2 ** 47

// PutRequest: key 1, value 2, lease 3; DeleteRangeRequest: key 1, range_end 2
const put = (key: string, value: Buffer, lease = 0): Buffer =>
  Buffer.concat([field(1, Buffer.from(key)), field(2, value), field(3, lease)])
const remove = (key: string, end = ''): Buffer =>
  Buffer.concat([field(1, Buffer.from(key)), ...(end === '' ? [] : [field(2, Buffer.from(end))])])
// Compare: result 1 (EQUAL 0), target 2 (CREATE 1, MOD 2), key 3, create_revision 5, mod_revision 6
const isAbsent = (key: string): Buffer =>
  Buffer.concat([field(1, 0), field(2, 1), field(3, Buffer.from(key)), field(5, 0)])
const isOf = (key: string, revision: number): Buffer =>
  Buffer.concat([field(1, 0), field(2, 2), field(3, Buffer.from(key)), field(6, revision)])
// RequestOp: request_range 1, request_put 2, request_delete_range 3
const ops = { range: 1, put: 2, remove: 3 } as const
const op = (kind: keyof typeof ops, request: Buffer): Buffer => field(ops[kind], request)

// TxnRequest: compare 1, success 2, failure 3; TxnResponse: header 1 (revision 3), succeeded 2, responses 3
async function transact(
  session: Grpc,
  compare: readonly Buffer[],
  success: readonly Buffer[],
  failure: readonly Buffer[] = [],
): Promise<{ readonly isDone: boolean; readonly revision: number; readonly answer: Buffer }> {
  const parts = [compare, success, failure].flatMap((all, i) => all.map((one) => field(i + 1, one)))
  const answer = await session.call(TXN, framed(Buffer.concat(parts)))
  return {
    isDone: fieldsOf(answer).numbers.get(2) === 1,
    revision: fieldsWithin(answer, 1).numbers.get(3) ?? 0,
    answer,
  }
}

async function sure(session: Grpc, compare: readonly Buffer[], success: readonly Buffer[]): Promise<number> {
  const { isDone, revision } = await transact(session, compare, success)
  if (!isDone) throw new Error('a transaction that nobody competes with was refused')
  return revision
}

/** Opens a lease that holds a key; gives what keeps it alive. */
export async function openLease(session: Grpc, name: string, seconds: number): Promise<() => Promise<unknown>> {
  const lease = await grant(session, seconds)
  await session.call(PUT, framed(put(`ends/${name}`, VALUE, lease)))
  const alive = framed(field(1, lease))
  return () => session.call(KEEP_ALIVE, alive)
}

/** A lease of a number that we choose: those of the servers are longer than our numbers. */
async function grant(session: Grpc, seconds: number): Promise<number> {
  const lease = randomInt(1, LEASE_MAX)
  // LeaseGrantRequest: TTL 1, ID 2
  await session.call(GRANT, framed(Buffer.concat([field(1, seconds), field(2, lease)])))
  return lease
}

/** The recipes; `observer` sees leases end. */
export function etcdRecipes(observer: Grpc) {
  const leases = new Map<Grpc, Promise<number>>()
  const leaseOf = (session: Grpc): Promise<number> => {
    const known = leases.get(session) ?? grant(session, LONG_SECONDS)
    leases.set(session, known)
    return known
  }
  return {
    queue,
    createDelete,
    multi,
    txn,
    lock: async (sessions: readonly Grpc[]) => lock(sessions, await Promise.all(sessions.map(leaseOf))),
    ephemeral: async (session: Grpc) => ephemeral(session, await leaseOf(session)),
    ended: async (name: string): Promise<void> => {
      // WatchRequest: create_request 1 (key 1, start_revision 3, filters 5 (NOPUT 0)); the first answer says that it is
      // made, the next is of the delete, also of one that was before.
      const request = Buffer.concat([field(1, Buffer.from(`ends/${name}`)), field(3, 1), field(5, 0)])
      await observer.nthAnswer(WATCH, framed(field(1, request)), 1)
    },
  }
}

let items = 0
/** Keys in the order of their creation; whoever deletes one has it, and who does not learns of the next. */
function queue(sessions: readonly Grpc[]): Operation {
  // RangeRequest: key 1, range_end 2, limit 3, sort_order 5 (ASCEND 1), sort_target 6 (CREATE 2)
  const first = Buffer.concat([
    field(1, Buffer.from('queue/')),
    field(2, Buffer.from('queue0')),
    field(3, 1),
    field(5, 1),
    field(6, 2),
  ])
  const take = async (session: Grpc): Promise<void> => {
    // RangeResponse: kvs 2; KeyValue: key 1, mod_revision 3; in a transaction below responses 3, response_range 1
    let head = fieldsWithin(await session.call(RANGE, framed(first)), 2)
    for (;;) {
      const key = head.bytes.get(1)?.toString()
      if (key === undefined) {
        head = fieldsWithin(await session.call(RANGE, framed(first)), 2)
        continue
      }
      const compare = isOf(key, head.numbers.get(3) ?? 0)
      const { isDone, answer } = await transact(session, [compare], [op('remove', remove(key))], [op('range', first)])
      if (isDone) return
      head = fieldsWithin(answer, 3, 1, 2)
    }
  }
  return {
    run: async (caller) => {
      const session = nth(sessions, caller)
      await session.call(PUT, framed(put(`queue/${items++}`, VALUE)))
      await take(session)
    },
  }
}

/** The servers' own lock: one call waits until it is held. */
function lock(sessions: readonly Grpc[], leases: readonly number[]): Operation {
  let holders = 0
  return {
    run: async (caller) => {
      const session = nth(sessions, caller)
      // LockRequest: name 1, lease 2; LockResponse: key 2; UnlockRequest: key 1
      const request = Buffer.concat([field(1, Buffer.from('lock')), field(2, nth(leases, caller))])
      const key = fieldsOf(await session.call(LOCK, framed(request))).bytes.get(2)
      if (++holders !== 1) throw new Error(`${holders} hold the lock`)
      holders--
      await session.call(UNLOCK, framed(field(1, key ?? Buffer.alloc(0))))
    },
  }
}

function createDelete(session: Grpc): Operation {
  return {
    run: async (caller) => {
      const key = `tree/c-${caller}`
      await sure(session, [isAbsent(key)], [op('put', put(key, VALUE))])
      await session.call(DELETE, framed(remove(key)))
    },
  }
}

function ephemeral(session: Grpc, lease: number): Operation {
  let created = 0
  return {
    run: async (caller) => {
      const key = `ephemeral/${caller}-${created++}`
      await sure(session, [isAbsent(key)], [op('put', put(key, VALUE, lease))])
    },
    clean: () => session.call(DELETE, framed(remove('ephemeral/', 'ephemeral0'))),
  }
}

async function multi(session: Grpc, callers: number): Promise<Operation> {
  const turns = Array.from({ length: callers }, () => 0)
  const pair = (caller: number, turn: number): string[] => [0, 1].map((i) => `tree/m-${caller}-${turn % 2}-${i}`)
  const all = turns.flatMap((_, caller) => pair(caller, 0))
  await Promise.all(all.map((key) => session.call(PUT, framed(put(key, VALUE)))))
  return {
    run: async (caller) => {
      const turn = nth(turns, caller)
      turns[caller] = turn + 1
      const created = pair(caller, turn + 1)
      await sure(session, created.map(isAbsent), [
        ...created.map((key) => op('put', put(key, VALUE))),
        ...pair(caller, turn).map((key) => op('remove', remove(key))),
      ])
    },
    clean: () => session.call(DELETE, framed(remove('tree/m', 'tree/n'))),
  }
}

/** Nobody else changes them, so that the revision of the last call is that of both. */
async function txn(session: Grpc, callers: number): Promise<Operation> {
  const pair = (caller: number): string[] => ['from', 'to'].map((name) => `txn/${name}-${caller}`)
  const write = (keys: readonly string[], by: number): Buffer[] =>
    keys.map((key, i) => op('put', put(key, Buffer.from(String(i === 0 ? -by : by)))))
  const seen = await Promise.all(
    Array.from({ length: callers }, (_, caller) => sure(session, [], write(pair(caller), 0))),
  )
  let by = 0
  return {
    run: async (caller) => {
      const keys = pair(caller)
      const revision = nth(seen, caller)
      seen[caller] = await sure(
        session,
        keys.map((key) => isOf(key, revision)),
        write(keys, ++by),
      )
    },
  }
}
