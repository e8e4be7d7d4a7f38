/* The order of one session's ops under junk and appending again. Ops 0..K-1 are appended pipelined. A granted position
 * becomes data or junk at any time, in any order. The writer learns of junk at once, or by its view, or does not know: at an
 * epoch change all that was granted is resolved, the skipped range is junk, and a writer that heard nothing may append again
 * at once or wait for its view; so duplicates happen.
 * Apply: the space keeps one number per session, `next`. Lower: dropped. Equal: applied. Higher: not applied. A writer whose
 * view is past the last position of op i while `next` <= i appends i, and what it sent after i, again in order. An aborted op
 * goes again as an empty one under its number: here the same op. View 0 is the writer's, view 1 another's; each may reload
 * from the other's checkpoint: position, state and `next`, nothing else.
 * Checked (O4): each op is applied once at most, in order; when all is quiet every op was applied in both views. */
#ifndef K
#define K 3            /* ops of the session */
#endif
#ifndef JUNKS
#define JUNKS 2        /* positions that become junk besides the epoch change */
#endif
#ifndef P
#define P 8            /* positions; who would need more stops there, unjudged */
#endif
#define HOLE 0         /* granted and not resolved, or not granted */
#define JUNK 1
#define DATA 2
byte op[P]; byte val[P]; byte granted; byte holes; byte junks; byte tail2;
byte at[K]; byte send; byte again;                 /* the writer: last position of each op; next to send; to be sent again */
byte forgotten;                                    /* aborted, its number left unused: BUG_ABORT_FORGOTTEN only */
byte pos[2]; byte next[2]; byte applied[2];        /* applied is a ghost, and the state that a checkpoint carries */
#define has(set, x) (((set) >> (x)) & 1)
#define upTo(i) ((1 << (i)) - 1)
#define knowsJunk(i) (val[at[i]] == JUNK)
#define knowsNot(i) (at[i] < tail2)                /* of an older epoch, no answer heard */
#ifdef BUG_NO_REAPPEND
#define passed(i) (pos[0] > at[i] && val[at[i]] == JUNK)
#else
#define passed(i) (pos[0] > at[i])
#endif
#ifdef ON_JUNK_ONLY
#define knows(i) knowsJunk(i)
#else
#define knows(i) (knowsJunk(i) || knowsNot(i) || passed(i))
#endif
#define fails(i) ((i) < send && !has(again | forgotten, i) && next[0] <= (i) && knows(i))
#if K > 2
#define anyFails (fails(0) || fails(1) || fails(2))
#else
#define anyFails (fails(0) || fails(1))
#endif
#define quiet (send == K && again == 0 && holes == 0 && pos[0] == granted && pos[1] == granted && !anyFails)

inline append(i) { op[granted] = i; at[i] = granted; granted++; holes++ }
/* Op i does not stand, or may not stand, where it was appended last. */
inline failed(i) {
#if defined(ONE_BY_ONE) || defined(BUG_NO_REAPPEND)
  again = again | (1 << i)
#else
  again = again | (upTo(send) - upTo(i))           /* it and all that was sent after it */
#endif
}
active proctype Writer() {
  byte i;
  do
  :: atomic { granted < P && again == 0 && send < K -> append(send); send++ }
  :: atomic { granted < P && again != 0 ->
       do :: !has(again, i) -> i++ :: else -> break od;
       again = again - (1 << i);
#ifdef BUG_ABORT_FORGOTTEN
       if :: append(i) :: forgotten = forgotten | (1 << i) fi;
#else
       append(i);
#endif
       i = 0 }
  :: atomic { fails(0) -> failed(0) }
  :: atomic { fails(1) -> failed(1) }
#if K > 2
  :: atomic { fails(2) -> failed(2) }
#endif
  od
}
active proctype Log() {
  byte p;
  do
  :: atomic { holes > 0 ->
       do :: p < granted - 1 -> p++ :: break od;
       if
       :: val[p] == HOLE -> val[p] = DATA; holes--
       :: val[p] == HOLE && junks < JUNKS -> val[p] = JUNK; junks++; holes--
       :: else
       fi; p = 0 }
  od
}
active proctype Epoch() {
  byte p;
  atomic { granted > 0 && granted < P ->
    do :: p < granted -> if :: val[p] == HOLE -> holes--; if :: val[p] = DATA :: val[p] = JUNK fi :: else fi; p++
       :: else -> break
    od;
    val[granted] = JUNK; op[granted] = K; granted++; tail2 = granted; p = 0 }
}
inline apply(v, i) {
  assert((applied[v] >> i) == 0);                  /* not yet applied, nor any later one */
  applied[v] = applied[v] | (1 << i)
}
proctype View(bit v) {
  byte i;
  do
  :: atomic { pos[v] < granted && val[pos[v]] != HOLE ->
       i = op[pos[v]];
       if
       :: val[pos[v]] == JUNK -> skip
#ifdef BUG_APPLY_GAP
       :: val[pos[v]] == DATA && !has(applied[v], i) -> apply(v, i);
          do :: has(applied[v], next[v]) -> next[v]++ :: else -> break od
       :: val[pos[v]] == DATA && has(applied[v], i) -> skip
#else
       :: val[pos[v]] == DATA && i < next[v] -> skip
       :: val[pos[v]] == DATA && i == next[v] -> apply(v, i); next[v]++
#ifdef BUG_HIGHEST_SEEN
       :: val[pos[v]] == DATA && i > next[v] -> apply(v, i); next[v] = i + 1
#else
       :: val[pos[v]] == DATA && i > next[v] -> skip
#endif
#endif
       fi; pos[v]++; i = 0 }
  :: atomic { pos[1 - v] > pos[v] ->               /* reload */
       pos[v] = pos[1 - v]; applied[v] = applied[1 - v];
#ifdef BUG_CHECKPOINT_BARE
       next[v] = 0
#else
       next[v] = next[1 - v]
#endif
     }
  od
}
active proctype Quiet() { atomic { quiet -> assert(applied[0] == upTo(K) && applied[1] == upTo(K)) } }
init { atomic { run View(0); run View(1) } }
