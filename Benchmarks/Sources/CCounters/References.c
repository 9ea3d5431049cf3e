#define _GNU_SOURCE
#include "CCounters.h"

#include <dlfcn.h>
#include <stdint.h>

// The program's own definitions take the place of the runtime's for all code that is linked into it; what the runtime
// does by itself is not counted. Compiled code expects retains and releases to keep almost all registers: the runtime's
// own hooks do not, and crash. Functions of this convention that end in a call of another one are transparent.
#define TRANSPARENT __attribute__((preserve_most))

// Of each thread its own, and within reach without a call.
#define LOCAL static __thread __attribute__((tls_model("initial-exec"))) long

LOCAL retains;
LOCAL releases;

long retain_count(void) { return retains; }
long release_count(void) { return releases; }

// Libraries call these before any constructor of the program has run, so they are found at the first call.
#define FIND(name) dlsym(RTLD_NEXT, #name)

#define COUNTED(name, counter)                                  \
    static void *(*real_##name)(void *) TRANSPARENT;            \
    TRANSPARENT void *name(void *object);                       \
    TRANSPARENT void *name(void *object) {                      \
        if (real_##name == 0) real_##name = FIND(name);         \
        counter++;                                              \
        return real_##name(object);                             \
    }

#define COUNTED_N(name, counter)                                \
    static void *(*real_##name)(void *, uint32_t) TRANSPARENT;  \
    TRANSPARENT void *name(void *object, uint32_t number);      \
    TRANSPARENT void *name(void *object, uint32_t number) {     \
        if (real_##name == 0) real_##name = FIND(name);         \
        counter += number;                                      \
        return real_##name(object, number);                     \
    }

COUNTED(swift_retain, retains)
COUNTED(swift_release, releases)
COUNTED_N(swift_retain_n, retains)
COUNTED_N(swift_release_n, releases)
COUNTED(swift_bridgeObjectRetain, retains)
COUNTED(swift_bridgeObjectRelease, releases)
COUNTED_N(swift_bridgeObjectRetain_n, retains)
COUNTED_N(swift_bridgeObjectRelease_n, releases)
