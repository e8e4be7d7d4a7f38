/* One stream over two chains (position p belongs to chain p mod 2), two epochs. A store is two steps, one per unit of the
 * chain; what else one position does is store-all.pml's matter, so a fill is one step. Grants of another stream are in
 * between. Writers store late or never, fillers fill, the second epoch begins anywhere: seal unit by unit, tail = highest
 * held + 1 + W (the skipped range is junk), resolve, then a sequencer that knows no stream: `{before: tail}`.
 * The reader gets decided entries in any order and applies p when `previous` is applied; where `previous` is `{before}` or
 * proves junk it waits until an index answer is complete: the least `completeTo` over one unit of every chain. A unit's
 * `completeTo` is the lowest position of its own class that it does not know decided. It lags as it likes; that only makes
 * the reader wait, and so does a step not taken: neither lag nor death needs states of its own here.
 * Checked: a decided entry of the stream below anything the reader applied was applied first, in order, once (L2, Q4);
 * no position is granted twice (Q1); with SYNC, a read of the tail covers what was decided before the call (L7). */
#ifndef G1
#define G1 3           /* grants of the first epoch */
#endif
#ifndef G2
#define G2 2           /* grants of the second */
#endif
#ifndef W
#define W 3            /* no grant at or above decided prefix + W */
#endif
#define P (G1 + W + G2) /* at most 15: the sets are shorts */
#define NONE 255
#define EMPTY 0        /* what the two units of the chain hold: nothing, the first has data, the second has data, */
#define FIRST 1
#define SECOND 2
#define DATA 3         /* decided: data, junk */
#define JUNK 4
byte log[P]; short mine; short done; byte applied; /* applied: everything of the stream below it is believed applied */
byte next1; byte prefix1; byte sealed; byte tail2 = NONE; byte before; byte next2; bit opened;
#define has(set, x) (((set) >> (x)) & 1)
#define isDecided(p) (log[p] >= DATA)
#define isGranted(p) ((p) < next1 || (opened && (p) >= tail2 && (p) < next2))
#define startOf(p) ((p) >= tail2 -> tail2 : 0)
#define serves(p, k) ((p) >= tail2 || !has(sealed, 2 * ((p) & 1) + (k)))   /* sealed, it refuses tokens of the first epoch */
inline anyPosition(p) { p = 0; do :: p < P - 1 -> p++ :: break od }
/* A decided entry that the reader is beyond was applied by it: whoever decides or applies checks. */
inline check(p) { assert(!(has(mine, p) && log[p] == DATA && p < applied && !has(done, p))) }
inline grant(next) { if :: mine = mine | (1 << next) :: skip fi; next++ }
inline hearPrefix() {
#ifdef BUG_PREFIX_OF_ANY_EPOCH
  do :: prefix1 < P - 1 && isDecided(prefix1) -> prefix1++ :: else -> break od
#else
  do :: tail2 == NONE && prefix1 < G1 && isDecided(prefix1) -> prefix1++ :: else -> break od
#endif
}
active proctype Sequencer1() {
  do
  :: atomic { next1 < G1 -> hearPrefix();
       if :: next1 < prefix1 + W -> assert(next1 < tail2); grant(next1) :: else fi }   /* Q1, a token too many */
  od
}
active proctype Sequencer2() {
  do
  :: atomic { opened && next2 < tail2 + G2 -> assert(next2 >= next1); grant(next2) }   /* Q1 */
  od
}
active proctype Writers() {                        /* each stores on both units, in any order, at any time */
  byte p;
  do
  :: atomic { anyPosition(p);
       if
       :: isGranted(p) && serves(p, 0) && log[p] == EMPTY -> log[p] = FIRST
       :: isGranted(p) && serves(p, 1) && log[p] == EMPTY -> log[p] = SECOND
       :: isGranted(p) && serves(p, 1) && log[p] == FIRST -> log[p] = DATA; check(p)
       :: isGranted(p) && serves(p, 0) && log[p] == SECOND -> log[p] = DATA; check(p)
       :: else
       fi; p = 0 }
  od
}
/* The first unit decides: its data is completed, else what the filler saw on the other (a store may overtake), else junk. */
inline fill(p) {
  if
  :: log[p] == EMPTY -> log[p] = JUNK
  :: log[p] == FIRST -> log[p] = DATA
  :: log[p] == SECOND -> log[p] = DATA
  :: log[p] == SECOND && tail2 == NONE -> log[p] = JUNK
  :: else
  fi;
  check(p)
}
active proctype Filler() {
  byte p;
  do
  :: atomic { anyPosition(p); if :: isGranted(p) && serves(p, 0) && serves(p, 1) -> fill(p) :: else fi; p = 0 }
  od
}
active proctype Reconfigurer() {
  byte u; byte p; byte held; byte t;
  do
  :: u < 4 -> atomic {                             /* unit u & 1 of chain u >> 1 answers what it holds highest */
       sealed = sealed | (1 << u); p = u >> 1;
       do
       :: p < P -> if :: isDecided(p) || log[p] == FIRST + (u & 1) -> if :: p + 1 > held -> held = p + 1 :: else fi
                      :: else fi; p = p + 2
       :: else -> break
       od; p = 0;
       if :: u == 0 -> t = held :: else fi; u++ }
  :: u == 4 -> break
  od;
  atomic {                                         /* agree */
    hearPrefix();
#ifdef BUG_TAIL_BACK
    tail2 = t;
#else
    tail2 = held + W;
#endif
#ifdef BUG_OLD_TAIL
    before = t;
#else
    before = tail2;
#endif
#ifdef BEFORE_HELD
    before = held;
#endif
    next2 = tail2; u = 0; held = 0; t = 0
#ifdef OPEN_EARLY
    ; opened = 1
#endif
  };
  do
  :: atomic { p < tail2 -> fill(p); p++ }
  :: atomic { p >= tail2 -> p = 0; opened = 1; break }
  od
}
/* Applies what an index answer holds of the stream below `to`. */
inline applyIndex(to) {
  r = applied;
  do
  :: r < to -> if :: has(mine, r) && log[r] == DATA -> assert(!has(done, r)); done = done | (1 << r) :: else fi; r++
  :: else -> break
  od;
  if :: to > applied -> applied = to :: else fi; r = 0
}
inline checkAll() { r = 0; do :: r < P -> check(r); r++ :: else -> break od; r = 0 }
/* The least completeTo over the chains; each of them by positions of its own class. */
inline askChain(c) {
  r = c;
#ifdef BUG_HIGHEST
  r = P - 2 + c; do :: r > c && !isDecided(r) -> r = r - 2 :: else -> break od;
  if :: isDecided(r) -> r = r + 2 :: else fi;
#else
  do :: r < P && isDecided(r) -> r = r + 2 :: else -> break od;
#endif
  if :: r < complete -> complete = r :: else fi; r = 0
}
inline askIndex() {
  complete = P;
#ifdef BUG_ONE_CHAIN
  askChain(from & 1)                               /* the chain that proved the junk */
#else
  askChain(0); askChain(1)
#endif
}
/* Nothing of the stream lies in [from, q), or in (from, q) when `from` is `previous`. */
inline findPrevious() {
  from = q;
  do :: from > startOf(q) && !has(mine, from - 1) -> from-- :: else -> break od;
  if
  :: from > startOf(q) -> from--; needs = (from >= applied); proven = (log[from] == JUNK)
  :: else -> from = (q >= tail2 -> before : 0); needs = (from > applied); proven = 1; isBefore = 1
  fi
}
active proctype Reader() {
  byte q; byte r; byte from; byte complete; bit proven; bit needs; bit isBefore;
#ifdef SYNC
  short want; byte target = NONE;
#endif
  do
  :: atomic { anyPosition(q);
       if
       :: has(mine, q) && log[q] == DATA && q >= applied ->
          findPrevious(); askIndex();
          if
          :: !needs -> skip
#ifdef BUG_BEFORE_EMPTY
          :: needs && isBefore -> skip
#endif
#ifdef BUG_NAIVE
          :: needs && proven -> applyIndex(from)
#else
          :: needs && proven && complete >= from -> applyIndex(from)
#endif
          :: else -> goto wait
          fi;
          assert(!has(done, q)); done = done | (1 << q); applied = q + 1; checkAll()
       :: else
       fi;
wait:  q = 0; from = 0; complete = 0; proven = 0; needs = 0; isBefore = 0 }
#ifdef SYNC
  :: atomic { target == NONE && (sealed == 0 || opened) ->         /* the proof that the epoch is current is reads.pml's */
       want = mine;
       do :: r < P -> if :: log[r] != DATA -> want = want & ~(1 << r) :: else fi; r++ :: else -> break od; r = 0;
       target = (opened -> next2 : next1);
       do :: target > (opened -> tail2 : 0) && !has(mine, target - 1) -> target-- :: else -> break od }
  :: atomic { target != NONE ->
       askIndex();
       if :: applied >= target || complete >= target -> applyIndex(target); checkAll(); assert((want & done) == want); break
          :: else fi; complete = 0 }
#endif
  od
}
