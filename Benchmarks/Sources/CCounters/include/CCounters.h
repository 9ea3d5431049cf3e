#pragma once

/// Allocations of the calling thread since it began: calls of malloc, calloc, realloc and the aligned ones.
long allocation_count(void);

/// Retains of Swift objects by the calling thread, of native and of bridged ones.
long retain_count(void);

/// Releases of Swift objects by the calling thread.
long release_count(void);
