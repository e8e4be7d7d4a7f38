/* `init` on blank units, up to the agreement of epoch 2. Four addresses; init 1 names 0,1,2, init 2 names 1,2,3 (SAME_UNITS:
 * both 0,1,2). An init asks every unit; all blank: its layout of epoch 1 names their identities and boots; a layout found that
 * names the units is completed instead. Install at a blank unit of the named identity is durable and initialises the acceptor
 * (of another boot too: the unit is then `recovering` and serves nothing, so nothing here); at a unit that holds that layout it
 * is repeated; else it refuses. A completer takes any layout it finds and installs it again. Units restart (new boot, disk
 * kept), one disk is replaced (new identity, blank, same address). A driver that dies is one that takes no further step.
 * Epoch 2 of a layout: every instance answers and holds this layout; then single-decree Paxos over its acceptors, two drivers.
 * Checked: of layouts that share an instance (identity) one at most becomes usable (opened by epoch 2), so no unit belongs to
 * two clusters; and epoch 2 of a layout has one value (Y1), which fails once a wiped disk counts as the acceptor it was. */
#define U 4
#define NONE 255
byte disk[U]; byte boot[U];                        /* what stands behind the address now */
byte holds[U];                                     /* layout of epoch 1: 0 is blank */
byte promised[U]; byte rank[U]; byte value[U];     /* the acceptor's register of slot 2 */
byte ident[3 * U]; byte booted[3 * U]; bit made[3];/* the layouts 1 and 2 */
bit opened[3]; byte chosen[3]; bit replaced; byte restarts;
#define at(l, u) ((l) * U + (u))
#ifdef SAME_UNITS
#define names(l, u) ((u) < 3)
#else
#define names(l, u) ((u) >= (l) - 1 && (u) < (l) + 2)
#endif
#ifdef BUG_BY_NAME
#define isNamed(l, u) names(l, u)
#else
#define isNamed(l, u) (names(l, u) && ident[at(l, u)] == disk[u])
#endif
#ifdef BUG_OVERWRITE
#define takes(l, u) (holds[u] != (l))
#else
#define takes(l, u) (holds[u] == 0)
#endif
#ifdef BUG_BLANK_PROMISES
#define isAcceptor(l, u) (isNamed(l, u) && (holds[u] == (l) || holds[u] == 0))
#else
#define isAcceptor(l, u) (isNamed(l, u) && holds[u] == (l))
#endif

/* Installs layout l on every unit it names; gives up at the first that refuses. */
inline install(l) {
  do
  :: u < U -> atomic {
       if
       :: !names(l, u) -> skip
       :: names(l, u) && !isNamed(l, u) -> goto end
       :: isNamed(l, u) && takes(l, u) -> holds[u] = l; promised[u] = 0; rank[u] = 0; value[u] = 0
       :: isNamed(l, u) && !takes(l, u) && holds[u] == l -> skip
       :: isNamed(l, u) && !takes(l, u) && holds[u] != l -> goto end
       fi; u++ }
  :: u == U -> u = 0; break
  od
}
proctype Init(byte l) {
  byte u; byte found; byte d[U]; byte b[U];
  do
  :: u < U -> atomic {
       if
       :: names(l, u) && holds[u] == 0 -> d[u] = disk[u]; b[u] = boot[u]
       :: names(l, u) && holds[u] != 0 -> if :: found == 0 || found == holds[u] -> found = holds[u] :: else -> goto end fi
       :: !names(l, u)
       fi; u++ }
  :: u == U -> break
  od;
  atomic { u = 0;
    if
    :: found == 0 -> found = l; made[l] = 1;
       do :: u < U -> ident[at(l, u)] = d[u]; booted[at(l, u)] = b[u]; d[u] = 0; b[u] = 0; u++ :: else -> break od
    :: else
    fi; u = 0; d[0] = 0; d[1] = 0; d[2] = 0; d[3] = 0; b[0] = 0; b[1] = 0; b[2] = 0; b[3] = 0 };
  install(found);
end: atomic { u = 0; found = 0; d[0] = 0; d[1] = 0; d[2] = 0; d[3] = 0; b[0] = 0; b[1] = 0; b[2] = 0; b[3] = 0 }
}
/* Anyone who finds the layout on a unit. */
proctype Complete() {
  byte u; byte l;
  atomic {
    if :: holds[0] != 0 -> l = holds[0] :: holds[1] != 0 -> l = holds[1] :: holds[2] != 0 -> l = holds[2] :: holds[3] != 0 -> l = holds[3] fi
  };
  install(l);
end: atomic { u = 0; l = 0 }
}
/* Drives slot 2 of layout l with rank r, proposing the value r. */
proctype Open(byte l; byte r) {
  byte u; byte yes; byte v; byte best;
  made[l];
#ifndef BUG_HALF
  do                                               /* every instance answers, initialised and of this layout */
  :: u < U -> atomic { if :: names(l, u) && !isAcceptor(l, u) -> goto end :: else fi; u++ }
  :: u == U -> u = 0; break
  od;
#endif
  do                                               /* promise of a majority */
  :: u < U -> atomic {
       if
       :: names(l, u) && isAcceptor(l, u) && promised[u] < r -> promised[u] = r; yes++;
          if :: rank[u] > best -> best = rank[u]; v = value[u] :: else fi
       :: skip
       fi; u++ }
  :: u == U -> u = 0; break
  od;
  atomic { if :: yes < 2 -> goto end :: else -> yes = 0; if :: v == 0 -> v = r :: else fi fi };
  do                                               /* accept of a majority */
  :: u < U -> atomic {
       if
       :: names(l, u) && isAcceptor(l, u) && promised[u] <= r -> promised[u] = r; rank[u] = r; value[u] = v; yes++
       :: skip
       fi; u++ }
  :: u == U -> u = 0; break
  od;
  atomic {
    if
    :: yes >= 2 ->
       assert(chosen[l] == 0 || chosen[l] == v);   /* Y1 */
       chosen[l] = v; opened[l] = 1;
       if
       :: opened[3 - l] -> do
          :: u < U -> assert(!(names(1, u) && names(2, u) && ident[at(1, u)] == ident[at(2, u)])); u++
          :: else -> break
          od
       :: else
       fi
    :: else
    fi };
end: atomic { u = 0; yes = 0; v = 0; best = 0; l = 0; r = 0 }
}
proctype Restart() { byte u; atomic { if :: u = 0 :: u = 1 :: u = 2 fi; boot[u] = 1; u = 0 } }
proctype Replace() {
  byte u;
  atomic { if :: u = 0 :: u = 1 :: u = 2 fi;
    disk[u] = 1; boot[u] = 2; holds[u] = 0; promised[u] = 0; rank[u] = 0; value[u] = 0; u = 0 }
}
init {
  atomic {
    run Init(1); run Init(2); run Complete(); run Open(1, 1); run Open(2, 1); run Open(1, 2);
#ifndef NO_REPLACE
    run Replace();
#endif
#ifdef RESTART
    run Restart()
#endif
  }
}
