/* `init` on blank units, up to the agreement of epoch 2. Four addresses; init 1 names 0,1,2, init 2 names 1,2,3 (SAME_UNITS:
 * both 0,1,2). An init asks every unit; all blank: its layout of epoch 1 names their identities; a layout that it finds is
 * completed instead, two different ones end it. Install at a blank unit of the named identity is durable and initialises the
 * acceptor; at a unit that holds that layout it is repeated; else it refuses. A completer installs again whatever layout it
 * finds. One disk is replaced at any moment (new identity, blank, same address). A driver that dies takes no further step. A
 * restart keeps the disk, so what a unit holds and its register: an acceptor is its disk, and a unit whose boot is not the
 * named one is `recovering` and serves no log message, of which epoch 1 without a sequencer has none; so a restart changes
 * nothing here (boots of epoch 2 are restart.pml's). Another boot in the layout makes another layout: init 1 and 2 may be two
 * runs under one cluster id.
 * Epoch 2: every instance answers and holds this very layout; then Paxos for slot 2 over its acceptors.
 * Checked: of layouts of epoch 1 that share an instance one at most becomes usable (opened by epoch 2), so no instance belongs
 * to two; slot 2 of a layout has one value (Y1), which fails once a wiped disk counts as the acceptor that it was. */
#define U 4
byte disks;                                        /* bit u: the disk behind address u is the second one */
byte holds[U];                                     /* the layout of epoch 1 it holds: 1, 2; 0 is blank */
byte promised[U]; byte rank[U]; byte value[U];     /* the acceptor's register of slot 2 */
bit made[3]; byte ident[3]; bit opened[3]; byte chosen[3];
#define has(set, x) (((set) >> (x)) & 1)
#ifdef SAME_UNITS
#define names(l, u) ((u) < 3)
#else
#define names(l, u) ((u) >= (l) - 1 && (u) < (l) + 2)
#endif
#define shared (((ident[1] ^ ident[2]) & (names(2, 0) -> 7 : 6)) != (names(2, 0) -> 7 : 6))
#ifdef BUG_BY_NAME
#define isNamed(l, u) names(l, u)
#else
#define isNamed(l, u) (names(l, u) && has(ident[l], u) == has(disks, u))
#endif
#ifdef BUG_SAME_CLUSTER
#define same(l, u) (holds[u] != 0)
#else
#define same(l, u) (holds[u] == (l))
#endif
#ifdef BUG_OVERWRITE
#define takes(l, u) (holds[u] != (l))
#else
#define takes(l, u) (holds[u] == 0)
#endif
#ifdef BUG_BLANK_PROMISES
#define isAcceptor(l, u) (isNamed(l, u) && (same(l, u) || holds[u] == 0))
#else
#define isAcceptor(l, u) (isNamed(l, u) && same(l, u))
#endif
inline blank(u) { holds[u] = 0; promised[u] = 0; rank[u] = 0; value[u] = 0 }
/* Installs layout l on every unit it names, in any order, or lowest address first; stops at the first that refuses. */
inline install(l) {
  todo = (names(l, 0) -> 7 : 14);
  do
  :: atomic { todo != 0 ->
#ifdef IN_ORDER
       do :: !has(todo, u) -> u++ :: else -> break od;
#else
       do :: u < U - 1 -> u++ :: has(todo, u) -> break od;
#endif
       if
       :: isNamed(l, u) && takes(l, u) -> blank(u); holds[u] = l
       :: isNamed(l, u) && !takes(l, u) && same(l, u) -> skip
       :: else -> goto end
       fi; todo = todo - (1 << u); u = 0 }
  :: todo == 0 -> break
  od
}
proctype Init(byte l) {
  byte u; byte found; byte seen; byte todo;
  do
  :: u < U -> atomic {
       if
       :: names(l, u) && holds[u] == 0 -> seen = seen | (disks & (1 << u))
       :: names(l, u) && holds[u] != 0 && (found == 0 || found == holds[u]) -> found = holds[u]
       :: names(l, u) && holds[u] != 0 && found != 0 && found != holds[u] -> goto end
       :: !names(l, u) -> skip
       fi; u++ }
  :: u == U -> break
  od;
  atomic { u = 0; if :: found == 0 -> found = l; ident[l] = seen; made[l] = 1 :: else fi; l = 0; seen = 0 };
  install(found);
end: atomic { u = 0; found = 0; seen = 0; l = 0; todo = 0 }
}
proctype Complete() {
  byte u; byte l; byte todo;
  atomic { if :: made[1] -> l = 1 :: made[2] -> l = 2 fi;
    do :: u < U && holds[u] != l -> u++ :: else -> break od;
    if :: u == U -> goto end :: else -> u = 0 fi };
  install(l);
end: atomic { u = 0; l = 0; todo = 0 }
}
/* Drives slot 2 of layout l with rank r and, if free to choose, the value r. */
proctype Open(byte l; byte r) {
  byte u; byte yes; byte v; byte best;
  made[l];
#ifndef BUG_HALF
  do                                               /* every instance answers and holds this layout */
  :: u < U -> atomic { if :: names(l, u) && !isAcceptor(l, u) -> goto end :: else fi; u++ }
  :: u == U -> u = 0; break
  od;
#endif
  do                                               /* promise of a majority */
  :: u < U -> atomic {
       if
       :: isAcceptor(l, u) && promised[u] < r -> promised[u] = r; yes++;
          if :: rank[u] > best -> best = rank[u]; v = value[u] :: else fi
       :: skip
       fi; u++ }
  :: u == U -> u = 0; break
  od;
  atomic { if :: yes < 2 -> goto end :: else -> yes = 0; best = 0; if :: v == 0 -> v = r :: else fi fi };
  do                                               /* accept of a majority */
  :: u < U -> atomic {
       if
       :: isAcceptor(l, u) && promised[u] <= r -> promised[u] = r; rank[u] = r; value[u] = v; yes++
       :: skip
       fi; u++ }
  :: u == U -> break
  od;
  atomic {
    if
    :: yes >= 2 ->
       assert(chosen[l] == 0 || chosen[l] == v);   /* Y1 */
       chosen[l] = v; opened[l] = 1;
       assert(!(opened[1] && opened[2] && shared))
    :: else
    fi };
end: atomic { u = 0; yes = 0; v = 0; best = 0; l = 0; r = 0 }
}
proctype Replace() { byte u; atomic { do :: u < 2 -> u++ :: break od; disks = 1 << u; blank(u); u = 0 } }
#ifdef IS_NEVER_STUCK                              /* two inits refuse each other for ever: neither layout can be completed */
#define blocks(l) (holds[1] == (l) || holds[2] == (l) || (names(2, 0) && holds[0] == (l)))
active proctype Stuck() { atomic { blocks(1) && blocks(2) -> assert(0) } }
#endif
init {
  atomic {
    run Init(1); run Complete(); run Open(1, 1);
#ifndef ONE_INIT
    run Init(2); run Open(2, 3);
#endif
#ifdef DUEL
    run Open(1, 2);
#endif
#ifndef NO_REPLACE
    run Replace()
#endif
  }
}
